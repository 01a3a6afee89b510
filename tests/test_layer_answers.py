"""Maps of layer outputs as answers: their shapes on every layout, and the program of each card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gradviz_core as gv
from gradviz_core.drawing import fields, snippets
from gradviz_core.errors import BadTarget
from gradviz_core.text.codec import question_from_json, question_to_json
from gradviz_core.types import layouts
from gradviz_core.types.methods import METHODS, OptionValues
from tests import snippet_runs

KEPT: OptionValues = (("negative", "kept"),)
CAMS = [name for name, card in METHODS.items() if card.one_map]
PLACES = [("preset/shapes-resnet", "layer2.0.relu"), ("preset/shapes-vit", "layers.1")]


def asked(model: str, site: gv.Site, method: str, options: OptionValues = (), axis: int | None = None) -> np.ndarray:
    question = gv.GradientQuestion(
        model=model,
        image="sample/star",
        method=method,
        wrt=(site,),
        options=options,
        axis=axis,
        target=gv.ClassScore(3),
    )
    return snippet_runs.ask(question).attributions[site]


def info_of(model: str, path: str) -> gv.SiteInfo:
    survey = snippet_runs.ask(gv.SurveyQuestion(model=model, image="sample/star"))
    return next(info for info in survey.sites if info.site == gv.Site(path))


def test_the_program_of_every_other_card_gives_what_the_answer_has(tmp_path: Path) -> None:
    """Of a layer that runs twice, too."""
    model, site = PLACES[0][0], gv.Site("layer2.0.relu", 1)
    at = snippet_runs.setting(model, "sample/star")
    info = next(info for info in at.sites if info.site == site)
    for method in (name for name, card in METHODS.items() if card.where == "layer" and not card.one_map):
        several = tuple((name, value) for name, value in (("steps", 3.0), ("baseline", "black")))
        options = several if METHODS[method].counts else ()
        made = asked(model, site, method, options)
        assert made.shape == info.shape
        code = snippets.layer_map(at, gv.ClassScore(3), info, method, options)
        assert snippet_runs.error(snippet_runs.run(code, tmp_path), made[0]) < 1e-5, method
        one = snippets.layer_map(at, gv.ClassScore(3), info, method, options, 5)
        assert snippet_runs.run(one, tmp_path).shape == made.shape[2:]


@pytest.mark.parametrize(("model", "path"), PLACES)
def test_the_program_of_a_card_gives_the_map_of_the_answer(model: str, path: str, tmp_path: Path) -> None:
    info, at = info_of(model, path), snippet_runs.setting(model, "sample/star")
    axis = layouts.channel_axis(info)
    for method in CAMS:
        made = asked(model, info.site, method, KEPT)
        assert made.shape == tuple(1 if each == axis else size for each, size in enumerate(info.shape))
        code = snippets.layer_map(at, gv.ClassScore(3), info, method, KEPT)
        drawn = fields.planes(made, info.layout, info.axis).maps[0] if axis == 1 else made[0, 1:].reshape(8, 8)
        assert snippet_runs.error(snippet_runs.run(code, tmp_path), drawn) < 1e-5, method
    assert any(np.nanmin(asked(model, info.site, method, KEPT)) < 0 for method in CAMS)


def test_the_channels_may_be_chosen_on_another_axis() -> None:
    info = info_of(*PLACES[1])
    turned = asked(PLACES[1][0], info.site, "hires_cam", axis=1)
    product = asked(PLACES[1][0], info.site, "gradient_x_input")
    assert np.allclose(turned, product.sum(1, keepdims=True), atol=1e-6)
    with pytest.raises(BadTarget, match=r"layers\.1 cannot have its channels on axis 3"):
        asked(PLACES[1][0], info.site, "hires_cam", axis=3)


def test_a_question_says_its_axis_only_where_there_is_one() -> None:
    question = gv.GradientQuestion(model="m", image="i", wrt=(gv.Site("a"),), axis=2)
    assert '"axis":2' in question_to_json(question)
    assert question_from_json(question_to_json(question)) == question
    assert "axis" not in question_to_json(gv.GradientQuestion(model="m", image="i"))
