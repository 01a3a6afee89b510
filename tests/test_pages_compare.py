"""Compare without a browser: what stands side by side, on which scale, and the address that restores it."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import gradviz_core as gv
from gradviz_core.compute import client, inline
from gradviz_core.compute.askers import ANYONE, Asker
from gradviz_core.drawing import captions, compared
from gradviz_core.errors import Busy, DeadlineExceeded
from gradviz_core.serving import files_in_one, long_sums
from gradviz_core.serving.offers import Several, offers
from gradviz_core.text.codec import question_from_json
from gradviz_core.types import Answer, GradientQuestion, Question, blocks
from gradviz_core.types.similarity import overlap, spearman
from gradviz_core.types.views import VIEWS
from pages.comparing import slots
from pages.comparing.slots import Texts
from pages.shell.answer_cache import answer_cache
from tests import snippet_runs
from tests.opening import answer_here, chart, errors, opened, read, texts, values

COMPARE = "pages/comparing/compare.py"
SHAPES = {"model": "preset/shapes-cnn", "image": "sample/star"}


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


def about(**choices: object) -> GradientQuestion:
    return GradientQuestion(**{**SHAPES, **choices})  # type: ignore[arg-type]


def summed(**choices: object) -> np.ndarray:
    found: np.ndarray = inline.ask(about(**choices)).attributions[gv.INPUT][0].sum(axis=0)
    return found


def said_of_maps(app: AppTest) -> dict[str, str]:
    said = {name: app.query_params[name] for name in app.query_params if name.startswith("map")}
    return {name: text if isinstance(text, str) else text[0] for name, text in said.items()}


def test_normalised_pixels_of_other_preprocessing_are_another_unit() -> None:
    answer = inline.ask(about())
    field = compared.at_input(answer, VIEWS[0])
    one, same, other = (
        compared.quantity(answer, field, std) for std in ((0.25,) * 3, (0.25,) * 3, (0.229, 0.224, 0.225))
    )
    assert one == same != other
    in_scores = inline.ask(about(method="gradient_x_input"))
    field = compared.at_input(in_scores, VIEWS[0])
    assert compared.quantity(in_scores, field, (0.25,)) == compared.quantity(in_scores, field, (0.35,)), "in logits"


def test_the_same_map_may_stand_there_twice() -> None:
    app = opened(COMPARE, **SHAPES, map4="layer.grad_cam")
    assert not app.exception
    np.testing.assert_array_equal(values(chart(app, "map4")), values(chart(app, "map3")))


def test_a_first_visit_compares_three_methods_and_says_nothing_in_the_address() -> None:
    app = opened(COMPARE, **SHAPES)
    assert not errors(app)
    np.testing.assert_array_equal(values(chart(app, "map1")), summed())
    np.testing.assert_allclose(values(chart(app, "map2")), summed(method="smoothgrad"), rtol=1e-5, atol=1e-7)
    limits = [trace["zmax"] for key in ("map1", "map2", "map3") for trace in chart(app, key)["data"][-1:]]
    assert limits[0] == limits[1] != limits[2]
    said = " ".join([*texts(app), *(one.value for one in app.caption)])
    assert "A and B share one scale" in said
    assert "C has a scale of its own" in said
    assert not {name for name in app.query_params if name.startswith("map")}


def test_the_address_restores_methods_layers_scores_models_and_images() -> None:
    choices = {
        "map1": "integrated_gradients",
        "map1_options": "steps=4",
        "map1_target": "2",
        "map1_scale": "probability",
        "map2": "layer.gradient_x_input",
        "map2_layer": "features.11",
        "map2_image": "sample/heart",
        "map3": "gradient",
        "map3_model": "preset/shapes-resnet",
        "map3_target": '{"index":3,"kind":"difference","other":5}',
        "map4": "layer.grad_cam",
        "map4_layer": "features.14",
    }
    app = opened(COMPARE, **SHAPES, **choices)
    assert not errors(app)
    assert said_of_maps(app) == choices
    share = gv.ClassScore(2, "probability")
    options = (("baseline", "zero"), ("steps", 4.0), ("rule", "gauss"))
    expected = summed(method="integrated_gradients", options=options, target=share)
    np.testing.assert_allclose(values(chart(app, "map1")), expected, rtol=1e-5, atol=1e-7)
    assert any(text.startswith("The values of the map add up to ") for text in texts(app)), (
        "a path method says how complete it is"
    )
    site = gv.Site("features.11")
    inside = inline.ask(
        GradientQuestion(model=SHAPES["model"], image="sample/heart", method="gradient_x_input", wrt=(site,))
    )
    np.testing.assert_array_equal(values(chart(app, "map2")), inside.attributions[site][0].sum(axis=0))
    other = summed(model="preset/shapes-resnet", target=gv.ClassDifference(3, 5))
    np.testing.assert_array_equal(values(chart(app, "map3")), other)
    heads = " ".join(texts(app))
    for words in ("A Integrated gradients", "B Activation × gradient of features.11", "D Grad-CAM of features.14"):
        assert words in heads.replace("&ensp;", " ").replace("**", ""), words


def test_what_is_taken_is_written_so_that_it_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    items = [
        Texts("layer.grad_cam", "negative=kept", "layer4", "m", "i", "3", "probability"),
        Texts("smoothgrad"),
        Texts("gradient"),
        Texts("rise", target='{"kind":"loss","label":2}'),
    ]
    for count in range(1, 5):
        said = {name: text for name, text in slots.written(items[:count]).items() if text}
        monkeypatch.setattr("pages.shell.address.kept", lambda names, said=said: {n: said.get(n, "") for n in names})
        assert list(slots.chosen().values()) == items[:count]
    assert slots.written([Texts(method) for method in slots.FIRST]) == dict.fromkeys(
        [parameter.name for parameter in slots.PARAMETERS], ""
    ), "the usual ones are not in the address"


def test_they_are_added_and_removed() -> None:
    app = opened(COMPARE, **SHAPES)
    app.button(key="remove_2").click().run()
    assert said_of_maps(app) == {"map2": "layer.grad_cam", "map3": "none"}
    assert [c.proto.id.rpartition("-")[2] for c in app.get("plotly_chart")] == ["chart_map1", "chart_map2"]
    next(button for button in app.button if button.label == "Add").click().run()
    assert said_of_maps(app) == {"map2": "layer.grad_cam", "map3": "smoothgrad"}, "one that is not there"
    assert not errors(app)


def test_what_fails_says_so_in_its_place_and_the_others_stand() -> None:
    wrong = {
        "map1": "magic",
        "map2": "layer.grad_cam",
        "map2_layer": "nowhere",
        "map3": "gradient",
        "map4": "layer.rise",
    }
    app = opened(COMPARE, **SHAPES, **wrong)
    assert len(errors(app)) == 3
    said = [read(error) for error in errors(app)]
    assert "There is no method 'magic' at the input" in said[0]
    assert "There is no site 'nowhere'" in said[1]
    assert "There is no method 'layer.rise' at a layer output" in said[2]
    assert [c.proto.id.rpartition("-")[2] for c in app.get("plotly_chart")] == ["chart_map3"]


def test_tokens_lie_where_the_pass_shows() -> None:
    app = opened(
        COMPARE, model="preset/shapes-vit", image="sample/star", map1="layer.grad_cam", map2="none", map3="none"
    )
    assert not errors(app)
    said = " ".join(one.value for one in app.caption)
    assert "left out" in said, "a class token is no patch"
    assert "guessed" not in said


def test_more_steps_bring_one_sum_closer() -> None:
    steps = {"map1": "integrated_gradients", "map1_options": "steps=1,rule=trapezoid", "map2": "gradient"}
    app = opened(COMPARE, **SHAPES, **steps, map3="none")
    app.button(key="more_steps_map1_options").click().run()
    assert not errors(app)
    assert "more_steps_map1_options" not in [button.key for button in app.button]
    assert int(said_of_maps(app)["map1_options"].partition("steps=")[2].partition(",")[0]) > 1
    (said,) = [text for text in texts(app) if text.startswith("The values of the map add up to ")]
    assert float(said.partition("(")[2].partition(" % apart")[0].removeprefix("below ")) <= 1


# ------------------------------------------------------------------------------------------- one place, and likenesses


def test_a_click_marks_the_same_place_in_all_maps_with_each_exact_value() -> None:
    app = opened(COMPARE, **SHAPES, map_at="40,60")
    (table,) = [m.value for m in app.markdown if m.value.startswith("| map |")]
    row, column = int(0.4 * 96), int(0.6 * 96)
    plain = captions.number_text(float(summed()[row, column]), 4)
    cam = captions.number_text(float(values(chart(app, "map3"))[int(0.4 * 12), int(0.6 * 12)]), 4)
    cells = [[read(cell.strip()) for cell in line.split("|")[2:4]] for line in table.splitlines()[2:]]
    assert cells[0] == [f"{row}, {column}", plain]
    assert cells[2] == ["4, 7", cam]
    for key in ("map1", "map2"):
        assert {shape["type"] for shape in chart(app, key)["layout"]["shapes"]} == {"line", "rect"}
    (field,) = [one for one in app.text_input if one.label == "Pixel"]
    assert field.value == f"{row},{column}"
    field.input("3, 5").run()
    assert app.query_params["map_at"] in ("3.64583,5.72917", ["3.64583,5.72917"])
    assert not errors(app)
    field.input("3,96").run()
    (said,) = errors(app)
    assert "a row from 0 to 95 and a column from 0 to 95" in said
    for wrong in ("40", "40,100", "-1,3", "x,y", "1e1,5"):
        (said,) = errors(opened(COMPARE, **SHAPES, map_at=wrong))
        assert "two percentages" in said


def test_the_difference_is_offered_only_where_it_means_something() -> None:
    app = opened(COMPARE, **SHAPES)
    found = values(chart(app, "map_difference"))
    np.testing.assert_array_equal(found, values(chart(app, "map2")) - values(chart(app, "map1")))
    control = app.button_group(key="shown_map_difference")
    assert list(control.options) == ["B \N{MINUS SIGN} A"]
    app = opened(COMPARE, **SHAPES, map2="layer.grad_cam", map3="none")
    assert "chart_map_difference" not in " ".join(c.proto.id for c in app.get("plotly_chart"))
    assert any("There is no difference to show" in one.value for one in app.caption)
    (said,) = errors(opened(COMPARE, **SHAPES, map_difference="C-A"))
    assert "Pair cannot be" in said


def test_a_difference_of_maps_over_patches_lies_where_they_lie() -> None:
    vit = {**SHAPES, "model": "preset/shapes-vit", "map3": "none"}
    app = opened(COMPARE, **vit, map1="legrad", map2="legrad", map2_target="1")
    assert not errors(app)
    own, other, heat = (chart(app, key)["data"][1] for key in ("map1", "map2", "map_difference"))
    for name in ("x0", "dx", "y0", "dy", "zsmooth"):
        assert heat[name] == own[name] == other[name], name
    assert heat["x0"] == 4, "the patches do not fill the picture"


def test_how_alike_each_two_are_is_said_of_the_numbers_that_are_drawn() -> None:
    app = opened(COMPARE, **SHAPES, map_strongest="20")
    (table,) = [m.value for m in app.markdown if m.value.startswith("| maps |")]
    lines = [[read(cell.strip()) for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    assert "strongest 20" in lines[0][3]
    one, other, cam = (values(chart(app, key)).astype(np.float64) for key in ("map1", "map2", "map3"))
    expected = [spearman(one, other), spearman(np.abs(one), np.abs(other))]
    assert lines[2][:3] == ["A, B", *(f"{value:.2f}".replace("-", "\N{MINUS SIGN}") for value in expected)]
    assert lines[2][3] == captions.share_text(overlap(one, other, 0.2))
    said = "the strongest 20 % of both maps, as a share of those among the strongest of either"
    assert any(said in text for text in texts(app))
    coarse, sizes = (of.reshape(12, 8, 12, 8).mean(axis=(1, 3)) for of in (one, np.abs(one)))
    assert lines[3] == [
        "A, C",
        *(f"{spearman(one, cam):.2f}".replace("-", "\N{MINUS SIGN}") for one in (coarse, sizes)),
        captions.share_text(overlap(sizes, cam, 0.2)),
        "12×12 cells",
    ]


# ------------------------------------------------------------------------------------------------------- what is kept


def test_one_file_holds_all_arrays_and_what_is_said_of_them() -> None:
    opened(COMPARE, **SHAPES)
    (several,) = [offer.what for _, offer in offers()._offers.values() if isinstance(offer.what, Several)][-1:]

    def fetch(question: str, check: str | None, asker: Asker, left: threading.Event) -> long_sums.Made:
        return long_sums.Made(inline.ask(question_from_json(question)), check)

    file = files_in_one.fetched(fetch, several, ANYONE, threading.Event())
    assert file is not None
    parts = list(file.parts())
    file.close()
    assert sum(map(len, parts)) == file.size
    arrays = np.load(io.BytesIO(b"".join(parts)), allow_pickle=False)
    np.testing.assert_array_equal(arrays["A/gradient/.input"][0].sum(axis=0), summed())
    assert arrays["C/attribution/features.17"].shape == (1, 1, 12, 12)
    for letter in "ABC":
        assert json.loads(str(arrays[f"{letter}/answer"]))["receipt"]["device"] == "CPU"
    said = json.loads(str(arrays["comparison"]))
    assert [one["title"] for one in said["maps"]] == ["Gradient", "SmoothGrad", "Grad-CAM of features.17"]
    assert [one["maps"] for one in said["alike"]] == [["A", "B"], ["A", "C"], ["B", "C"]]


def test_a_file_of_several_waits_for_the_one_before_and_ends_when_nobody_waits() -> None:
    several, left, asked = Several((("A", "a"), ("B", "b")), "{}"), threading.Event(), []

    def busy(question: str, check: str | None, asker: Asker, left: threading.Event) -> long_sums.Made | None:
        asked.append(question)
        if len(asked) == 2:
            raise Busy("Another file is being sent to this page.")
        if len(asked) > 2:
            return None
        return long_sums.Made(inline.ask(about()), check)

    assert files_in_one.fetched(busy, several, ANYONE, left) is None
    assert asked == ["a", "b", "b"]
    asked[:] = ["a"]
    left.set()
    with pytest.raises(Busy):
        files_in_one.fetched(busy, several, ANYONE, left)


def test_each_picture_has_its_program(tmp_path: Path) -> None:
    choices = {
        "map1": "gradient_x_input",
        "map2": "gradient_x_input",
        "map2_target": "2",
        "map3": "layer.grad_cam",
        "map4": "layer.gradient_x_input",
        "map4_layer": "features.11",
        "map5": "layer.gradient",
        "map5_model": "preset/shapes-vit",
        "map5_layer": "layers.1",
        "map6": "layer.conductance",
        "map6_options": "steps=2",
        "map_view": "l2",
        "map_difference": "B-A",
    }
    app = opened(COMPARE, **SHAPES, **choices)
    assert not errors(app)
    programs = dict(zip([tab.label for tab in app.tabs], [block.value for block in app.code], strict=True))
    assert list(programs) == [*"ABCDEF", "Difference"]
    for number, name in enumerate(programs, start=1):
        key = "map_difference" if name == "Difference" else f"map{number}"
        drawn = values(chart(app, key))
        assert snippet_runs.error(snippet_runs.run(programs[name], tmp_path), drawn) < 1e-5, name


@pytest.mark.parametrize("method", ["gradient", "layer.grad_cam"])
def test_the_difference_of_maps_too_large_for_a_screen_has_a_program(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "MOST_SIDE", 7)
    choices = {"map1": method, "map2": method, "map2_target": "2", "map_difference": "B-A"}
    layers = {"map1_layer": "features.2", "map2_layer": "features.2"} if method != "gradient" else {}
    app = opened(COMPARE, **SHAPES, **choices, **layers)
    assert not errors(app)
    programs = dict(zip([tab.label for tab in app.tabs], [block.value for block in app.code], strict=True))
    for name, key in (("A", "map1"), ("Difference", "map_difference")):
        drawn = values(chart(app, key))
        assert max(drawn.shape) <= 7, "in blocks"
        assert snippet_runs.error(snippet_runs.run(programs[name], tmp_path), drawn) < 1e-5, name


# ---------------------------------------------------------------------------------------------------------- long sums


def test_long_sums_come_one_after_the_other_and_one_that_fails_lets_the_next_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    true = client.ask

    def failing(question: Question) -> Answer:
        if isinstance(question, GradientQuestion) and question.method == "rise":
            raise DeadlineExceeded("The question took longer than 60 s.")
        return true(question)

    monkeypatch.setattr(client, "ask", failing)
    app = opened(COMPARE, **SHAPES, map1="rise", map2="smoothgrad", map2_options="draws=32", map3="none")
    assert [read(error) for error in errors(app)] == ["The question took longer than 60 s."]
    expected = summed(method="smoothgrad", options=(("draws", 32.0),))
    np.testing.assert_allclose(values(chart(app, "map2")), expected, rtol=1e-4, atol=1e-6)
    monkeypatch.setattr(client, "ask", true)
    app.button(key="ask_again_1").click().run()
    assert not errors(app)
    assert chart(app, "map1")


def test_a_model_without_layers_over_the_image_is_compared_at_its_input() -> None:
    app = opened(COMPARE, model="preset/digits-mlp", image="sample/digit-3")
    assert not errors(app)
    assert [c.proto.id.rpartition("-")[2] for c in app.get("plotly_chart")][:2] == ["chart_map1", "chart_map2"]
    app.button(key="remove_2").click().run()
    assert said_of_maps(app) == {"map2": "none", "map3": "none"}
    (said,) = errors(opened(COMPARE, model="preset/digits-mlp", map3="layer.grad_cam"))
    assert "is a map of positions" in read(said)
