"""A value of a site as small pictures: which place each cell is, what it is called, and how many may be drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gradviz_core.drawing.planes import check_places, geometry, middle_place, planes
from gradviz_core.errors import QuestionError
from gradviz_core.types import Layout

TEN_TOKENS = np.zeros((1, 10, 2), np.float32)
"""A class token, and nine patches: the picture has five rows of three cells."""


def test_a_class_token_stands_above_the_patches_and_has_a_name_of_its_own() -> None:
    drawn = planes(TEN_TOKENS, "tokens")
    names = drawn.place_names()
    assert names is not None
    assert names[0, 0] == "class token (token 0)"
    assert names[2:].tolist() == [
        [f"token {1 + 3 * row + column}: patch row {row}, column {column}" for column in range(3)] for row in range(3)
    ]
    assert (drawn.place(0, 0), drawn.place(2, 0), drawn.place(4, 2)) == ((0,), (1,), (9,))
    for gap in ((0, 1), (1, 0)):
        with pytest.raises(IndexError, match="is a gap"):
            drawn.place(*gap)


@pytest.mark.parametrize(
    ("shape", "layout", "cell", "name"),
    [
        ((1, 9, 2), "tokens", (0, 0), "token 0: patch row 0, column 0"),
        ((1, 9, 2), "tokens", (1, 2), "token 5: patch row 1, column 2"),
        ((1, 7, 2), "tokens", (0, 3), "token 3"),
        ((1, 2, 8), "sequence", (0, 7), "position 7"),
        ((1, 2, 4, 3, 5), "volumes", (6, 10), "slice 3, row 2, column 4"),
        ((1, 2, 4, 3, 5), "volumes", (3, 0), ""),
    ],
)
def test_a_cell_is_called_by_its_place(
    shape: tuple[int, ...], layout: Layout, cell: tuple[int, int], name: str
) -> None:
    names = planes(np.zeros(shape, np.float32), layout).place_names()
    assert names is not None
    assert names[cell] == name


@pytest.mark.parametrize(
    ("tokens", "share", "cell"),
    [
        (10, (0.0, 0.0), (2, 0)),
        (10, (0.5, 0.4), (3, 1)),
        (10, (0.99, 0.99), (4, 2)),
        (10, (1.0, 1.0), (4, 2)),
        (9, (0.0, 0.5), (0, 1)),
        (9, (1.0, 0.99), (2, 2)),
    ],
)
def test_the_patch_over_a_place_of_the_image(tokens: int, share: tuple[float, float], cell: tuple[int, int]) -> None:
    assert planes(np.zeros((1, tokens, 2), np.float32), "tokens").under(*share) == cell


@pytest.mark.parametrize(
    ("layout", "places", "middle"),
    [
        ("maps", (5, 8), (2, 4)),
        ("sequence", (7,), (3,)),
        ("tokens", (9,), (4,)),
        ("tokens", (10,), (5,)),
        ("tokens", (16,), (10,)),
        ("tokens", (26,), (13,)),
        ("tokens", (7,), (3,)),
    ],
)
def test_the_middle_is_that_of_the_patches(layout: Layout, places: tuple[int, ...], middle: tuple[int, ...]) -> None:
    assert middle_place(layout, places) == middle


@pytest.mark.parametrize(("most", "more"), [((8192, 8192), (8192, 8193)), ((2**20,), (2**20 + 1,))])
def test_as_many_places_as_that_are_drawn_and_no_more(most: tuple[int, ...], more: tuple[int, ...]) -> None:
    check_places(most)
    with pytest.raises(QuestionError, match=f"has {math.prod(more):,} positions; at most {math.prod(most):,} can be"):
        check_places(more)


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((1, 6, 4, 5), "maps"),
        ((1, 4, 5, 6), "maps_last"),
        ((1, 10, 6), "tokens"),
        ((1, 6, 8), "sequence"),
        ((1, 6, 3, 2, 2), "volumes"),
        ((1, 7), "vector"),
    ],
)
def test_a_shape_is_laid_out_as_its_numbers_are(shape: tuple[int, ...], layout: Layout) -> None:
    """Each cell names the number that is drawn there; without numbers all are zero."""
    value = np.arange(math.prod(shape), dtype=np.float32).reshape(shape)
    drawn, empty = planes(value, layout), geometry(shape, layout)
    assert (empty.maps.shape, empty.layout, empty.axis, empty.shape) == (
        drawn.maps.shape,
        drawn.layout,
        drawn.axis,
        drawn.shape,
    )
    assert not empty.maps.any()
    np.testing.assert_array_equal(empty.gaps, drawn.gaps)
    for number, row, column in np.argwhere(~np.isnan(drawn.maps)).tolist():
        assert value[0][empty.index(number, row, column)] == drawn.maps[number, row, column]
        assert empty.cell(empty.place(row, column)) == (row, column)


def test_a_channel_that_is_not_there_is_named_with_those_that_are() -> None:
    drawn = geometry((1, 6, 4, 5), "maps")
    assert drawn.index(5, 3, 4) == (5, 3, 4)
    for number in (-1, 6):
        with pytest.raises(IndexError, match=f"Channel {number} is outside 0 to 5"):
            drawn.index(number, 0, 0)
