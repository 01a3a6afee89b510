"""The page Layers with a method: one map over the image, the maps of all layers, and what their regions do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

import gradviz_core as gv
from gradviz_core.compute import client, inline
from gradviz_core.drawing import cam_figures
from gradviz_core.errors import Busy
from gradviz_core.serving.offers import Several, offers
from gradviz_core.types import Answer, CamsQuestion, GradientQuestion, KeepingQuestion, Question
from gradviz_core.types.methods import METHODS
from pages.explore import cams
from pages.shell import address
from pages.shell.answer_cache import answer_cache
from pages.shell.clicks import Click
from pages.shell.sites import Place
from tests.opening import MAPS, answer_here, chart, errors, opened, read, texts, values

RESNET = {"model": "preset/shapes-resnet", "image": "sample/star", "target": "3"}
LAST = "layer3.0.relu:1"


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


def of_kind(asked: list[Question], kind: type[Question]) -> list[Question]:
    return [question for question in asked if isinstance(question, kind)]


def test_a_map_lies_over_the_image_with_its_exact_values(asked: list[Question]) -> None:
    app = opened(MAPS, **RESNET, maps="method", site=LAST, row="2", col="3")
    assert not app.error
    assert app.title[0].value == "Layers"
    question = GradientQuestion(
        model=RESNET["model"],
        image=RESNET["image"],
        target=gv.ClassScore(3),
        method="grad_cam",
        options=(("negative", "cut"),),
        wrt=(gv.Site.parse(LAST),),
    )
    assert of_kind(asked, GradientQuestion)[-1] == question
    true = inline.ask(question).attributions[gv.Site.parse(LAST)][0, 0]
    picture, heat = chart(app, "map")["data"]
    assert picture["type"] == "image"
    np.testing.assert_array_equal(values(chart(app, "map")), true)
    assert heat["dx"] * true.shape[1] == heat["dy"] * true.shape[0] == 96
    assert heat["x0"] - heat["dx"] / 2 == -0.5, "it begins where the image begins"
    said = " ".join(texts(app))
    assert "Where the channels of layer3.0.relu, second call support the logit of" in said
    assert f"The map has {true.shape[0]}×{true.shape[1]} positions; only the display is smoothed." in said
    assert "value at row 2, column 3" in said.lower()


def test_all_layers_are_small_maps_and_a_click_makes_one_large(
    asked: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened(MAPS, **RESNET, maps="method", site=LAST, layer_method="hires_cam", strip="one")
    (question,) = of_kind(asked, CamsQuestion)
    assert isinstance(question, CamsQuestion)
    assert question.method == "hires_cam"
    answer = inline.ask(question)
    sheet = values(chart(app, "cams"))
    drawn = sheet[np.isfinite(sheet)]
    assert drawn.size == len(answer.sites) * 24 * 24
    every = np.concatenate([array.ravel() for array in answer.maps.values()])
    assert set(drawn.tolist()) <= set(every.tolist()), "on one scale each number is one of a map"
    own = chart(opened(MAPS, **RESNET, maps="method", site=LAST), "cams")
    assert np.nanmax(values(own)) == 1
    assert own["data"][0]["zmax"] == 1, "shares end at 1"
    sheet_of, infos = (
        cam_figures.strip(np.ones((3, 4, 4)), "abc", signed=True, unit="", chosen=None, each=False)[1],
        answer.sites[:3],
    )
    row, column = sheet_of.corner(2)
    written: dict[str, object] = {}
    monkeypatch.setattr(address, "write", written.update)
    act = cams.choose_tile(sheet_of, infos)
    act(Click(row - 1, column, -1))
    assert written == {"site": infos[2].site}
    act(Click(row, column - 1, -1))
    assert len(written) == 1, "a gap is no layer"
    said = " ".join(texts(app))
    assert "HiResCAM of the logit of" in said
    assert "at every layer output that has positions, in order of execution, all on one scale" in said


def test_the_regions_are_asked_for_in_parts_after_the_maps(asked: list[Question]) -> None:
    app = opened(MAPS, **RESNET, maps="method", site=LAST)
    parts = of_kind(asked, KeepingQuestion)
    (every,) = of_kind(asked, CamsQuestion)
    answer = inline.ask(every)
    assert isinstance(answer, gv.CamsAnswer)
    sites = [site for part in parts if isinstance(part, KeepingQuestion) for site in part.sites]
    assert sites == [info.site for info in answer.sites]
    assert len(parts) == -(-len(sites) // cams.TOGETHER)
    assert asked.index(every) < asked.index(parts[0])
    kept, dropped = chart(app, "changes")["data"]
    assert kept["name"] == "region kept alone"
    assert len(kept["customdata"]) == len(sites)
    first = inline.ask(parts[0])
    assert isinstance(first, gv.KeepingAnswer)
    assert [float(point[1].replace("−", "-")) for point in dropped["customdata"][:3]] == pytest.approx(
        first.changes[1][:3].tolist(), rel=1e-2
    )


def test_several_images_are_tried_after_this_one_and_drawn_as_medians(asked: list[Question]) -> None:
    several = "sample/star sample/heart sample/ring"
    app = opened(MAPS, **RESNET, maps="method", site=LAST, several=several)
    assert not errors(app)
    parts = [part for part in of_kind(asked, KeepingQuestion) if isinstance(part, KeepingQuestion)]
    assert {part.image for part in parts} == set(several.split())
    assert len(parts) == len({(part.image, part.sites) for part in parts}), "what is there is not asked again"
    site = parts[0].sites[0]
    each = [gv.answer(replace(parts[0], image=image)).changes[0][0] for image in several.split()]
    kept, _ = chart(app, "medians")["data"]
    assert float(kept["customdata"][0][1].replace("−", "-")) == pytest.approx(float(np.median(each)), rel=1e-2), site
    assert "The median over 3 images of these changes of " in " ".join(texts(app))
    file = [offer.what for _, offer in offers()._offers.values() if offer.file.endswith("-of-each-image.npz")][-1]
    assert isinstance(file, Several)
    images = {name: json.loads(text)["image"] for name, text in file.questions}
    assert images == {key: key for key in several.split()}
    (control,) = [box for box in app.selectbox if box.label == "Images"]
    assert control.options[0] == "this one alone"
    assert "shapes, 13" in control.options
    control.select("this one alone").run()
    assert "medians" not in [each.proto.id.partition("-chart_")[2] for each in app.get("plotly_chart")]


def test_an_image_that_is_gone_is_said_and_leaves_the_page(asked: list[Question]) -> None:
    app = opened(MAPS, **RESNET, maps="method", site=LAST, several="sample/star upload/gone")
    assert any("upload/gone" in read(said) for said in errors(app))
    assert chart(app, "changes")["data"]
    assert "over 1 image" in " ".join(texts(app))


def test_regions_that_fail_leave_those_that_were_tried_and_come_after_the_strip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = 0

    def ask(question: Question) -> Answer:
        nonlocal tried
        tried += isinstance(question, KeepingQuestion)
        if tried > 1:
            raise Busy("Too many questions wait. Try again.")
        return inline.ask(question)

    monkeypatch.setattr(client, "ask", ask)
    app = opened(MAPS, **RESNET, maps="method", site=LAST)
    assert [read(said) for said in errors(app)] == ["Too many questions wait. Try again."]
    drawn = [each.proto.id.partition("-chart_")[2] for each in app.get("plotly_chart")]
    assert drawn.index("strip") < drawn.index("changes")
    there = [point[1] for point in chart(app, "changes")["data"][0]["customdata"]]
    assert len(there) > cams.TOGETHER
    assert ["nan" in text.lower() for text in there] == [i >= cams.TOGETHER for i in range(len(there))]


def test_a_map_of_zeros_is_largest_nowhere() -> None:
    model, image = RESNET["model"], RESNET["image"]
    question = GradientQuestion(
        model=model, image=image, target=gv.ClassScore(3), method="grad_cam", wrt=(gv.Site.parse(LAST),)
    )
    answer = inline.ask(question)
    survey = inline.ask(gv.SurveyQuestion(model=model, image=image))
    (info,) = (one for one in survey.sites if str(one.site) == LAST)
    name = f"attribution/{LAST}"
    zero = replace(answer, arrays={**answer.arrays, name: np.zeros_like(answer.arrays[name])})
    place = Place((0, 1), ("row", "column"))
    assert cams.facts_of(zero, info, place) == (("value at row 0, column 1", "0"), ("map", "zero everywhere"))
    assert cams.facts_of(answer, info, place)[1][0] == "largest at"


def test_the_method_stays_while_another_quantity_is_looked_at() -> None:
    app = opened(MAPS, **RESNET, maps="method", layer_method="layer_cam", layer_options="negative=kept", site=LAST)
    for chosen in ("activation", "method"):
        next(each for each in app.button_group if each.key == "shown_maps").set_value(chosen).run()
    assert app.query_params["layer_method"] == "layer_cam"
    assert app.query_params["layer_options"] == "negative=kept"


@pytest.mark.parametrize("method", [name for name, card in METHODS.items() if card.where == "layer"])
def test_every_method_of_a_layer_is_drawn(method: str) -> None:
    if method == "activation":  # it stands among the maps
        (said,) = errors(opened(MAPS, **RESNET, maps="method", layer_method=method))
        assert "Method cannot be 'activation'" in read(said)
        return
    steps = {"layer_options": "steps=2"} if METHODS[method].counts else {}
    app = opened(MAPS, **RESNET, maps="method", layer_method=method, site=LAST, **steps)
    assert not app.error
    drawn = "map" if METHODS[method].one_map else "channels"
    assert np.isfinite(values(chart(app, drawn))).any()


def test_tokens_are_a_grid_over_the_image_and_flat_layers_say_so() -> None:
    app = opened(MAPS, model="preset/shapes-vit", image="sample/star", maps="method", site="layers.1")
    assert values(chart(app, "map")).shape == (8, 8)
    assert "the class token, which stands apart, is left out" in " ".join(
        each.value for each in [*app.caption, *app.markdown]
    )
    (said,) = errors(opened(MAPS, **RESNET, maps="method", site="fc"))
    assert "has none" in said
    (said,) = errors(opened(MAPS, **RESNET, maps="method", layer_options="draws=3"))
    assert "Grad-CAM has no option 'draws'" in read(said)
