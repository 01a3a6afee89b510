"""Maps of scores and boxes of a detector through the pages: which part is asked about, by controls, clicks and drawn
rectangles, and in the address."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from torch import Tensor

from gradviz_core.compute import inline
from gradviz_core.drawing.captions import number_text
from gradviz_core.drawing.output_figures import COLOURS, REST
from gradviz_core.types import Head, OutputAnswer, OutputQuestion, Question
from pages.scores import boxes, regions
from pages.shell import address, pixel
from pages.shell.answer_cache import answer_cache
from pages.shell.clicks import Click, Enclosed, _read_enclosed
from tests.opening import MAPS, SALIENCY, answer_here, chart, errors, opened, texts, values
from tests.own_outputs import IMAGE, MAP, SIDE, Served, check_gradient, check_left_out, served_here

FLOW, PERTURBATION = (f"pages/understand/{name}.py" for name in ("gradient_flow", "perturbation"))
DOCTOR = "pages/learn/doctor.py"


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Question]]:
    """Questions are answered in this process; the list says which were."""
    answer_cache.clear()
    yield answer_here(monkeypatch)
    answer_cache.clear()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    """Puts a model of ``own_outputs`` behind a key, as an upload."""
    return served_here(monkeypatch)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What clicks chose."""
    choices: dict[str, object] = {}
    monkeypatch.setattr(address, "write", choices.update)
    return choices


def predicted(z: Tensor, index: int) -> Tensor:
    return z[0, index][z[0].argmax(0) == index]


SCORES: list[tuple[str, dict[str, str], Callable[..., Tensor]]] = [
    ("map", {"target": "2"}, lambda z: z[0, 2].mean()),
    ("map", {"target": "2", "reduce": "sum"}, lambda z: z[0, 2].sum()),
    ("map", {"region": "pixel", "mrow": "3", "mcol": "7", "target": "0"}, lambda z: z[0, 0, 3, 7]),
    ("map", {"region": "pixel", "mrow": "3", "mcol": "7"}, lambda z: z[0, :, 3, 7].max()),
    (
        "map",
        {"region": "rectangle", "top": "2", "bottom": "5", "left": "1", "right": "3", "target": "1"},
        lambda z: z[0, 1, 2:6, 1:4].mean(),
    ),
    ("map", {"region": "mask", "target": "2"}, lambda z: predicted(z, 2).mean()),
    (
        "map",
        {"region": "pixel", "mrow": "0", "mcol": "0", "target": "3", "scale": "log_probability"},
        lambda z: z.log_softmax(1)[0, 3, 0, 0],
    ),
    ("map in a dictionary", {"head": "aux", "target": "1"}, lambda z: z["aux"][0, 1].mean()),
    ("mask", {"reads": "sigmoid", "region": "mask"}, lambda z: z[z > 0].mean()),
    ("mask", {"reads": "sigmoid", "scale": "probability"}, lambda z: z.sigmoid().mean()),
    ("mask", {}, lambda z: z.mean()),
    ("boxes", {}, lambda y: y[0, 4:].max()),
    ("boxes", {"box": "17", "target": "1"}, lambda y: y[0, 5, 17]),
    ("boxes", {"box": "17"}, lambda y: y[0, 4:, 17].max()),
    ("boxes", {"box": "all", "target": "0", "reduce": "sum"}, lambda y: y[0, 4].sum()),
    ("boxes", {"skip": "5", "target": "1", "box": "3"}, lambda y: y[0, 6, 3]),
    ("boxes first", {"box": "17", "target": "1", "scale": "log_probability"}, lambda y: y[0, 17, 5].log()),
    (
        "boxes first",
        {"boxaxis": "last", "box": "2", "skip": "140", "target": "3", "reads": "numbers"},
        lambda y: y[0, 143, 2],
    ),
    ("boxes", {"boxaxis": "none", "element": "5,17"}, lambda y: y[0, 5, 17]),
]


@pytest.mark.parametrize(("name", "choices", "score"), SCORES)
def test_the_picture_is_the_gradient_of_the_region_or_box(
    name: str, choices: dict[str, str], score: Callable[..., Tensor], served: Served
) -> None:
    key = served(name)
    check_gradient(opened(SALIENCY, model=key, image=IMAGE, **choices), name, key, score)


def output(key: str) -> OutputAnswer:
    answer = inline.ask(OutputQuestion(model=key, image=IMAGE))
    assert isinstance(answer, OutputAnswer)
    return answer


# ------------------------------------------------------------------------------------------------------------ the map


def colours(figure: dict[str, Any]) -> dict[str, str]:
    """Names in the legend and their colours."""
    return {trace["name"]: trace["marker"]["color"] for trace in figure["data"] if trace["type"] == "scatter"}


def test_the_predicted_map_is_drawn_with_the_names_of_its_classes(served: Served) -> None:
    key = served("map", labels=("sky", "road", "tree", "<b>car</b>"))
    figure = chart(opened(SALIENCY, model=key, image=IMAGE), "predicted")
    codes, classes = values(figure), output(key).arrays["classes"]
    shown = sorted(set(classes.flat))
    np.testing.assert_array_equal(np.array(shown)[codes.astype(int)], classes)
    assert list(colours(figure)) == [
        ("sky (0)", "road (1)", "tree (2)", "&lt;b&gt;car&lt;/b&gt; (3)")[i] for i in shown
    ]
    assert figure["data"][0]["text"][0][0] in colours(figure)


def test_a_single_label_and_its_absence_are_two_colours_and_a_depth_is_a_heatmap(served: Served) -> None:
    key = served("mask")
    seen = chart(opened(SALIENCY, model=key, image=IMAGE, reads="sigmoid"), "predicted")
    assert colours(seen) == {"not class 0": REST, "class 0": COLOURS[1]}
    depth = chart(opened(SALIENCY, model=key, image=IMAGE), "predicted")
    np.testing.assert_array_equal(values(depth), output(key).arrays["scores"])


def test_the_map_stands_beside_the_image_and_each_channel_of_the_gradient_below(served: Served) -> None:
    app = opened(SALIENCY, model=served("map"), image=IMAGE, view="channels")
    assert not errors(app)
    image, predicted = (chart(app, key)["layout"]["height"] for key in ("image", "predicted"))
    assert abs(image - predicted) < 60
    beside = [[c.proto.id.rpartition("-chart_")[2] for c in column.get("plotly_chart")] for column in app.columns]
    assert [names for names in beside if names] == [["image"], ["predicted"]]


def test_the_region_is_marked_on_the_map_and_a_rectangle_can_be_drawn(served: Served) -> None:
    key = served("map")
    figure = chart(opened(SALIENCY, model=key, image=IMAGE, region="rectangle"), "predicted")
    assert figure["layout"]["dragmode"] == "select"
    box = figure["layout"]["shapes"][0]
    assert (round(box["y0"]), round(box["y1"])) == (2, 9), "rows 3 to 8, outlined from outside"
    at = chart(opened(SALIENCY, model=key, image=IMAGE, region="pixel", mrow="1", mcol="2"), "predicted")
    assert at["layout"]["dragmode"] is False
    assert {shape["x0"] for shape in at["layout"]["shapes"] if shape["x0"] == shape["x1"]} == {2}


def test_a_click_on_the_map_chooses_the_position_and_a_drag_the_rectangle(written: dict[str, object]) -> None:
    regions.click(Click(4, 9, -1))
    assert written == {"region": "pixel", "mrow": 4, "mcol": 9}
    written.clear()
    regions.click(Click(-1, 9, -1))
    assert not written
    regions.draw(MAP, MAP, Enclosed((-3, 4), (7, 40)))
    assert written == {"region": "rectangle", "top": 0, "bottom": 4, "left": 7, "right": 11}


@pytest.mark.parametrize(
    ("sent", "cells"),
    [
        ({"top": 1.6, "bottom": 4.4, "left": -0.4, "right": 0.2}, Enclosed((2, 4), (0, 0))),
        ({"top": 9, "bottom": 2, "left": 3, "right": 1}, Enclosed((2, 9), (1, 3))),
        ({"top": 1, "bottom": 2, "left": 3}, None),
        ({"top": 1, "bottom": 2, "left": "3", "right": 4}, None),
        ({"top": 1, "bottom": 1e99, "left": 3, "right": 4}, None),
        ("all", None),
        (None, None),
    ],
)
def test_what_a_browser_sends_is_a_rectangle_or_nothing(sent: object, cells: Enclosed | None) -> None:
    assert _read_enclosed(sent) == cells


# ---------------------------------------------------------------------------------------------------------- the boxes


def test_the_strongest_boxes_lie_over_the_image_and_in_the_list(served: Served) -> None:
    key = served("boxes", labels=("cat", "dog", "hen"))
    app, found = opened(SALIENCY, model=key, image=IMAGE), output(key)
    first, place = int(found.arrays["boxes"][0]), found.arrays["places"][0]
    (listed,) = [box for box in app.selectbox if box.label == "Box"]
    assert listed.options[0] == "The strongest"
    assert listed.options[1] == f"All {MAP * MAP} boxes"
    assert re.fullmatch(rf"box {first} · (cat|dog|hen) \(\d\) [\d.]+", listed.options[2]), (
        "short enough for the sidebar"
    )
    middle = number_text(float(place[0]), 3)
    assert any(caption.value.startswith(f"First values of box {first}: {middle}, ") for caption in app.caption)
    last = chart(app, "image")["layout"]["shapes"][-1]
    column, row, wide, high = place
    expected = [column - wide / 2 - 0.5, column + wide / 2 - 0.5, row - high / 2 - 0.5, row + high / 2 - 0.5]
    np.testing.assert_allclose([last[side] for side in ("x0", "x1", "y0", "y1")], expected, atol=1e-4)


def test_a_click_chooses_the_smallest_box_there_and_beside_them_a_pixel(
    served: Served, written: dict[str, object]
) -> None:
    found = output(served("boxes"))
    drawn = boxes.over(found, None, SIDE, SIDE)
    assert drawn is not None
    column, row = (round(float(v) - 0.5) for v in found.arrays["places"][0][:2])
    boxes.click(drawn, pixel.click)(Click(row, column, -1))
    assert set(written) == {"box"}
    hit = drawn.numbers.index(int(str(written["box"])))
    top, bottom, left, right = drawn.places.edges[hit]
    assert top <= row <= bottom
    assert left <= column <= right
    written.clear()
    corners = [(0, 0), (0, SIDE - 1), (SIDE - 1, 0), (SIDE - 1, SIDE - 1)]
    free = next(corner for corner in corners if drawn.places.at(*corner) is None)
    boxes.click(drawn, pixel.click)(Click(*free, -1))
    assert written == {"pixel": f"{free[0]},{free[1]}"}


def test_numbers_that_are_no_places_draw_no_box_and_it_is_said(served: Served) -> None:
    app = opened(SALIENCY, model=served("boxes"), image=IMAGE, skip="2")
    assert not app.error
    assert "shapes" not in chart(app, "image")["layout"]
    assert any("do not look like positions" in caption.value for caption in app.caption)


# --------------------------------------------------------------------------------------------- other pages, the address


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("map", {"region": "rectangle", "top": "1", "bottom": "4", "reduce": "sum", "target": "2"}),
        ("map in a dictionary", {"head": "aux", "region": "pixel", "mrow": "2", "scale": "probability"}),
        ("mask", {"reads": "sigmoid", "region": "mask"}),
        ("boxes", {"box": "all", "reads": "sigmoid"}),
        ("boxes first", {"box": "33", "target": "2"}),
    ],
)
def test_every_page_follows_the_same_score(name: str, choices: dict[str, str], served: Served) -> None:
    app = opened(SALIENCY, model=served(name), image=IMAGE, **choices)
    score = next(text for text in texts(app) if text.startswith(":gray["))
    words = score.split("]")[0].partition("[")[2]
    for page in (MAPS, FLOW, PERTURBATION, DOCTOR):
        app.switch_page(page).run()
        assert not app.exception, page
        assert not app.error, (page, errors(app))
        assert any(f"[{words}]" in text for text in texts(app)), (page, words)
    assert {name: app.query_params[name] for name in choices} == choices


@pytest.mark.parametrize(
    ("model", "choices", "name", "sentence"),
    [
        ("map", {"region": "circle"}, "region", "Region cannot be 'circle'"),
        ("map", {"region": "pixel", "mrow": "12"}, "mrow", "Row cannot be 12: it must be a whole number from 0 to 11"),
        ("map", {"region": "pixel", "mcol": "-1"}, "mcol", "Column cannot be -1"),
        ("map", {"region": "rectangle", "top": "9", "bottom": "3"}, "top", "the first cannot be after the last"),
        ("map", {"region": "rectangle", "right": "1e3"}, "right", "Last column cannot be '1e3'"),
        ("map", {"reduce": "max"}, "reduce", "Reduction cannot be 'max'"),
        ("map", {"scale": "loss"}, "scale", "Score cannot be 'loss'"),
        ("mask", {"region": "mask"}, "region", "Region cannot be 'mask'"),
        ("boxes", {"box": "144"}, "box", "Box '144' does not exist: there are 144, from 0 to 143"),
        ("boxes", {"box": "-1"}, "box", "Box '-1' does not exist"),
        (
            "boxes",
            {"skip": "7"},
            "skip",
            "Values before the class scores cannot be 7: it must be a whole number from 0 to 6.",
        ),
        (
            "boxes",
            {"boxaxis": "middle"},
            "boxaxis",
            "Axis of the boxes cannot be 'middle': it must be one of “The longer axis”",
        ),
        ("boxes", {"target": "3"}, "target", "Class 3 does not exist"),
    ],
)
def test_a_part_that_is_not_there_is_said_and_one_press_goes_on_without_it(
    model: str, choices: dict[str, str], name: str, sentence: str, served: Served
) -> None:
    check_left_out(opened(SALIENCY, model=served(model), image=IMAGE, **choices), name, sentence)


def test_a_fresh_session_at_the_same_address_shows_the_same(served: Served) -> None:
    key = served("map")
    app = opened(SALIENCY, model=key, image=IMAGE)
    for name, value in (("target", "2"), ("region", "rectangle"), ("scale", "probability")):
        app.selectbox(key=f"shown_{name}").select(value).run()
    app.number_input(key="shown_top").set_value(1).run()
    app.number_input(key="shown_right").set_value(10).run()
    app.button_group(key="shown_reduce").set_value("sum").run()
    assert not app.error
    said = {name: app.query_params[name] for name in ("target", "region", "scale", "top", "right", "reduce")}
    assert said == {
        "target": "2",
        "region": "rectangle",
        "scale": "probability",
        "top": "1",
        "right": "10",
        "reduce": "sum",
    }
    fresh = opened(SALIENCY, model=key, image=IMAGE, **said)
    assert chart(fresh, "gradient") == chart(app, "gradient")
    assert chart(fresh, "predicted") == chart(app, "predicted")


def test_another_model_begins_without_the_region_of_the_last_one(served: Served) -> None:
    app = opened(SALIENCY, model=served("map"), image=IMAGE, region="rectangle", top="11", bottom="11", reads="sigmoid")
    assert not app.error
    for key in (served("mask"), served("boxes"), served("age"), "preset/shapes-cnn"):
        address._choose(app.session_state["address"], "model", key)  # as the list of models does
        app.run()
        assert not app.error, (key, errors(app))
        assert not {"region", "top", "bottom", "reads"} & set(app.query_params)


def test_the_map_is_asked_for_at_the_head_that_is_chosen(served: Served, asked: list[Question]) -> None:
    key = served("map in a dictionary")
    opened(SALIENCY, model=key, image=IMAGE, head="aux", reads="sigmoid")
    found = [question for question in asked if isinstance(question, OutputQuestion)]
    assert [question.head for question in found] == [Head("aux", None, "sigmoid_logits")]
