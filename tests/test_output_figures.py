"""A predicted map in colours, and boxes over an image."""

from __future__ import annotations

import numpy as np
import pytest

from gradviz_core.drawing import output_figures
from gradviz_core.drawing.output_figures import COLOURS, REST, Placed


def test_the_most_frequent_classes_have_a_colour_each_and_the_rest_share_one() -> None:
    classes = np.repeat(np.arange(9), [9, 8, 7, 1, 6, 5, 4, 3, 2]).reshape(5, 9)
    assert output_figures.coloured(classes) == (0, 1, 2, 4, 5, 6, 7)
    figure = output_figures.predicted_map(classes, classes * 1.0, {i: f"class {i}" for i in range(9)})
    legend = [trace.name for trace in figure.data[1:]]
    assert legend == [*(f"class {i}" for i in (0, 1, 2, 4, 5, 6, 7)), "other classes"]
    assert [trace.marker.color for trace in figure.data[1:]] == [*COLOURS, REST]
    heat = figure.data[0]
    assert set(heat.z[classes == 3]) == set(heat.z[classes == 8]) == {7}
    assert heat.text[4][8] == "class 8", "the hover names it all the same"
    steps = [(round(share * 8), colour) for share, colour in heat.colorscale]
    assert steps[:4] == [(0, COLOURS[0]), (1, COLOURS[0]), (1, COLOURS[1]), (2, COLOURS[1])]
    assert (heat.zmin, heat.zmax) == (-0.5, 7.5)


def test_the_absence_of_a_single_label_is_grey() -> None:
    figure = output_figures.predicted_map(np.eye(2, dtype=np.int64), np.eye(2), {0: "not cat", 1: "cat"}, absent=0)
    assert [(trace.name, trace.marker.color) for trace in figure.data[1:]] == [("not cat", REST), ("cat", COLOURS[1])]


def test_names_are_text_and_never_markup() -> None:
    figure = output_figures.predicted_map(np.zeros((2, 2), dtype=np.int64), np.zeros((2, 2)), {0: "<b>x</b>"})
    assert figure.data[0].text[0][0] == figure.data[1].name == "&lt;b&gt;x&lt;/b&gt;"


def edges(places: list[list[float]]) -> list[list[float]] | None:
    found = output_figures.placed(np.array(places), 40, 80)
    return None if found is None else found.edges.tolist()


def test_boxes_lie_where_their_middle_and_size_say_in_pixels_or_as_shares() -> None:
    assert edges([[20, 10, 8, 4]]) == [[7.5, 11.5, 15.5, 23.5]], "row 8 begins at 7.5"
    assert edges([[0.25, 0.25, 0.1, 0.1]]) == [[7.5, 11.5, 15.5, 23.5]]
    assert edges([[20, 10, 8, 4, 99]]) == [[7.5, 11.5, 15.5, 23.5]], "an objectness may follow"


@pytest.mark.parametrize(
    "places",
    [
        [[20, 10, -8, 4]],
        [[20, 99, 8, 4]],
        [[np.nan, 10, 8, 4]],
        [[20, 10, 8]],
        [[20, 10, 500, 4]],
        [[10, 5, 78, 39], [60, 30, 75, 38]],
        [[60, 5, 79, 10]],
        [[20, 5, 79, 10]],
        [[40, 30, 41, 39]],
        [[40, 9, 41, 34]],
        [],
    ],
)
def test_numbers_that_do_not_look_like_places_are_not_drawn(places: list[list[float]]) -> None:
    assert edges(places) is None


@pytest.mark.parametrize(("wide", "drawn"), [(40.8, True), (41.2, False)])
def test_a_box_may_begin_an_eighth_of_the_width_before_the_picture(wide: float, drawn: bool) -> None:
    """Of numbers that fit two corners as well; an eighth of 84 is 10.5."""
    assert (output_figures.placed(np.array([[10, 5, wide, 10]]), 40, 84) is not None) == drawn


def test_of_boxes_over_each_other_the_smallest_is_hit() -> None:
    placed = Placed(np.array([[0.0, 20, 0, 20], [5, 10, 5, 10], [8, 30, 8, 30]]))
    assert placed.at(7, 7) == 1
    assert placed.at(2, 2) == 0
    assert placed.at(25, 25) == 2
    assert placed.at(39, 1) is None


def test_the_chosen_box_is_drawn_last_and_named() -> None:
    placed = Placed(np.array([[20.0, 30, 0, 20], [5, 10, 5, 10]]))
    pixels = np.zeros((40, 40, 3), dtype=np.uint8)
    figure = output_figures.boxes_over(pixels, placed, ["cat, 0.9", "<i>"], chosen=0)
    assert [shape.y0 for shape in figure.layout.shapes] == [5, 5, 20, 20]
    assert [note.text for note in figure.layout.annotations] == ["cat, 0.9"]
    assert output_figures.boxes_over(pixels, placed, ["a", "<i>"], chosen=1).layout.annotations[0].text == "&lt;i&gt;"
