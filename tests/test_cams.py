"""The map of every layer output from one pass, and the score with the region of a map kept and dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import gradviz_core as gv
from gradviz_core.answering import Answerer
from gradviz_core.answers.keeping import marked, over_image
from gradviz_core.answers.load import load
from gradviz_core.drawing import cam_words
from gradviz_core.errors import QuestionError
from gradviz_core.tracing import backward
from gradviz_core.types import layouts
from gradviz_core.types.layer_medians import medians
from gradviz_core.types.methods import METHODS, OptionValues

MODEL, IMAGE = "preset/shapes-resnet", "sample/star"
TARGET = gv.ClassScore(3)
KEPT: OptionValues = (("negative", "kept"),)


@pytest.fixture(scope="module")
def answerer() -> Answerer:
    return Answerer("cpu")


def question(method: str = "grad_cam", model: str = MODEL) -> gv.CamsQuestion:
    return gv.CamsQuestion(model=model, image=IMAGE, target=TARGET, method=method, options=KEPT)


def test_every_layer_with_positions_has_the_map_that_it_has_alone(answerer: Answerer) -> None:
    survey = answerer.answer(gv.SurveyQuestion(model=MODEL, image=IMAGE))
    for method in (name for name, card in METHODS.items() if card.one_map):
        answer = answerer.answer(question(method))
        assert answer.sites == tuple(info for info in survey.sites if layouts.has_a_map(info))
        for info in answer.sites[:: len(answer.sites) // 3]:
            alone = gv.GradientQuestion(
                model=MODEL, image=IMAGE, target=TARGET, method=method, options=KEPT, wrt=(info.site,)
            )
            true = answerer.answer(alone).attributions[info.site]
            assert np.allclose(answer.maps[info.site], true, rtol=1e-5, atol=1e-6 * np.abs(true).max())
    assert {info.site.path for info in answer.sites} >= {"conv1", "relu", "layer1.0.conv1", "layer3.0.relu"}
    assert not {gv.INPUT, gv.OUTPUT, gv.Site("fc")} & set(answer.maps), "a row of numbers has no positions"


def test_one_backward_pass_gives_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    passes, true = [], backward._backward

    def counted(*arguments: Any, **named: Any) -> Sequence[Tensor | None]:
        passes.append(arguments)
        return true(*arguments, **named)

    monkeypatch.setattr(backward, "_backward", counted)
    answer = Answerer("cpu", remember=False).answer(question())
    assert len(answer.sites) > 20
    assert len(passes) == 1


def test_tokens_have_maps_of_one_channel(answerer: Answerer) -> None:
    answer = answerer.answer(question("hires_cam", "preset/shapes-vit"))
    tokens = {info.site: info for info in answer.sites if info.layout == "tokens"}
    assert len(tokens) > 5
    for site, info in tokens.items():
        assert answer.maps[site].shape == (1, info.shape[1], 1)
    assert all(layouts.places(info) for info in answer.sites)


def test_only_a_method_that_gives_one_map_of_a_layer_is_answered(answerer: Answerer) -> None:
    with pytest.raises(QuestionError, match=r"Gradient × input gives no single map of a layer\. Choose a method that"):
        answerer.answer(question("gradient_x_input"))
    with pytest.raises(QuestionError, match=r"the score is the probability of class 3\. Choose the logit of one"):
        answerer.answer(
            gv.CamsQuestion(model=MODEL, image=IMAGE, target=gv.ClassScore(3, "probability"), method="finer_cam")
        )


# ---------------------------------------------------------------------------------------------------- kept and dropped


def test_the_score_with_a_region_kept_and_dropped_is_the_models_on_that_picture(answerer: Answerer) -> None:
    site = gv.Site("layer3.0.relu", 1)
    asked = gv.KeepingQuestion(model=MODEL, image=IMAGE, target=TARGET, options=KEPT, sites=(site, gv.Site("relu")))
    answer = answerer.answer(asked)
    alone = answerer.answer(gv.GradientQuestion(model=MODEL, image=IMAGE, target=TARGET, wrt=(gv.INPUT, site)))
    x = torch.from_numpy(alone.activations[gv.INPUT].copy())
    found = torch.from_numpy(answerer.answer(question()).maps[site].copy())
    large = torch.nn.functional.interpolate(found, x.shape[-2:], mode="bilinear")[0, 0]
    region = large > large.flatten().sort().values[round(0.75 * large.numel()) - 1]
    assert answer.arrays["share"][0] == pytest.approx(region.float().mean()) == pytest.approx(0.25, abs=1e-3)
    module = load(MODEL).module
    with torch.no_grad():
        kept, dropped, whole = (module(one)[0, 3].item() for one in (x * region, x * ~region, x))
    assert answer.score == pytest.approx(whole, rel=1e-5)
    changes = answer.changes
    assert changes[0][0] == pytest.approx(kept - whole, abs=1e-4)
    assert changes[1][0] == pytest.approx(dropped - whole, abs=1e-4)
    assert np.isfinite(answer.arrays["kept"]).all()


def test_a_region_is_where_a_map_is_strongest_and_is_empty_where_it_is_flat() -> None:
    over = torch.zeros(4, 4)
    over[1, 2] = 1.0
    region = marked(over, (4, 4))
    assert region.sum() == 1
    assert region[1, 2]
    assert not marked(torch.ones(4, 4), (8, 8)).any()
    assert marked(torch.arange(16.0).reshape(4, 4), (4, 4)).sum() == 4


def test_tokens_lie_over_the_image_as_a_grid_of_its_proportions() -> None:
    grid = torch.arange(12.0)
    for tokens in (grid, torch.cat([torch.tensor([99.0]), grid])):
        found = layouts.over_image((len(tokens),), 2, (48, 64))
        assert found is not None
        assert not found.shown
        assert torch.equal(over_image(tokens[None, :, None], found), grid.reshape(3, 4))
    assert layouts.over_image((12,), 2, (50, 50)) is None
    assert layouts.over_image((12,), 1, (48, 64)) is None, "a sequence of numbers lies over no image"
    assert layouts.over_image((3, 4), 3, (9, 9)) is not None


def test_token_maps_have_numbers_too_and_sites_are_named(answerer: Answerer) -> None:
    asked = gv.KeepingQuestion(model="preset/shapes-vit", image=IMAGE, sites=(gv.Site("layers.1"), gv.Site("layers.2")))
    assert np.isfinite(answerer.answer(asked).arrays["kept"]).all()
    with pytest.raises(QuestionError, match=r"The question names 0 sites\. Name 1 to 1000"):
        answerer.answer(gv.KeepingQuestion(model=MODEL, image=IMAGE, sites=()))


# ------------------------------------------------------------------------------------------------------- several images


def test_the_medians_of_several_images_by_hand(answerer: Answerer) -> None:
    images = ("sample/star", "sample/heart", "sample/ring", "sample/cross")
    sites = gv.Site("features.5"), gv.Site("features.17")
    asked = gv.KeepingQuestion(model="preset/shapes-cnn", image="", sites=sites)
    found = gv.layer_medians(asked, images)
    assert (found.sites, found.images) == (sites, 4)
    answers = [answerer.answer(replace(asked, image=image)) for image in images]
    assert len({answer.target for answer in answers}) == 4, "each about the class that is predicted for it"
    for number, site in enumerate(sites):
        for made, name in ((found.kept, "kept"), (found.dropped, "dropped")):
            each = sorted(answer.arrays[name][number] - answer.score for answer in answers)
            assert made[number] == pytest.approx((each[1] + each[2]) / 2, rel=1e-4)
        of_site = gv.GradientQuestion(model=asked.model, image="", method="grad_cam", wrt=(site,))
        maps = [answerer.answer(replace(of_site, image=image)).attributions[site] for image in images]
        norms = sorted(float(np.linalg.norm(one)) for one in maps)
        assert found.norm[number] == pytest.approx((norms[1] + norms[2]) / 2, rel=1e-4)
    with pytest.raises(QuestionError, match="at least one image"):
        gv.layer_medians(asked, ())
    with pytest.raises(QuestionError, match="different layer outputs"):
        medians([answers[0], replace(answers[0], question=replace(asked, sites=sites[:1]))])


def test_an_image_without_a_map_counts_for_nothing(answerer: Answerer) -> None:
    asked = gv.KeepingQuestion(model="preset/shapes-cnn", image="sample/star", sites=(gv.Site("features.17"),))
    answer = answerer.answer(asked)
    gap = replace(answer, arrays={name: np.array([np.nan]) for name in answer.arrays})
    assert medians([answer, gap]).kept == answer.changes[0]
    assert [medians(answers).counts.tolist() for answers in ([answer, answer], [answer, gap], [gap])] == [[2], [1], [0]]
    said = [cam_words.medians(TARGET, [], 2, fewest).facts for fewest in (2, 1)]
    assert [fact for fact in said[1] if fact not in said[0]] == [
        "some layers have no map for some images: their medians are over fewer, 1 at least"
    ]
    assert np.isnan(medians([gap, gap]).kept).all()
