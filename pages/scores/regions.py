"""The region of a map of scores: the whole map, the positions where the class is predicted, one position, or a
rectangle."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import cast

import streamlit as st

from gradviz_core.types.blocks import Blocks
from gradviz_core.types.heads import Position, PredictedMask, Rectangle, Reduce, Region, WholeMap
from pages.shell import address, widgets
from pages.shell.clicks import Click, Enclosed
from pages.shell.parameters import Parameter

PARAMETERS = tuple(
    Parameter(name, within=("head",)) for name in ("region", "mrow", "mcol", "top", "bottom", "left", "right", "reduce")
)
_REGIONS = {
    "whole": "The whole map",
    "mask": "Where it is predicted",
    "pixel": "One position",
    "rectangle": "A rectangle",
}
_REDUCE = {"mean": "Mean", "sum": "Sum"}


def choose(height: int, width: int, *, masked: bool) -> Region:
    """The region of a map of that size. ``masked`` says whether a class is predicted at each position, so that the
    positions of one class can be the region.

    Raises:
        NoSuchChoice: the address names a region that is not on the map.
    """
    offered = {key: words for key, words in _REGIONS.items() if masked or key != "mask"}
    match widgets.listed("Region", "region", offered):
        case "mask":
            return PredictedMask()
        case "pixel":
            left, right = st.columns(2)
            with left:
                row = widgets.counter("Row", "mrow", height, height // 2, width="stretch")
            with right:
                column = widgets.counter("Column", "mcol", width, width // 2, width="stretch")
            return Position(row, column)
        case "rectangle":
            rows = _ends("First row", "top", "Last row", "bottom", height)
            columns = _ends("First column", "left", "Last column", "right", width)
            return Rectangle(rows, columns)
        case _:
            return WholeMap()


def reduction_over(region: Region) -> Reduce:
    """Whether scores over the region are averaged or summed; a single position needs neither."""
    return choose_reduction(several=not isinstance(region, Position))


def choose_reduction(*, several: bool) -> Reduce:
    """Whether several scores are averaged or summed; a single score needs no control."""
    control = widgets.option if several else widgets.only
    return cast(Reduce, control("Reduction", "reduce", _REDUCE))


def _ends(first: str, low: str, last: str, high: str, count: int) -> tuple[int, int]:
    """First and last row or column; by default the middle half."""
    before, behind = st.columns(2)
    with before:
        start = widgets.counter(first, low, count, count // 4, width="stretch")
    with behind:
        end = widgets.counter(last, high, count, max(count // 4, count - 1 - count // 4), width="stretch")
    if start > end:
        raise address.NoSuchChoice(
            f"The {first.lower()} is {start} and the {last.lower()} {end}: the first cannot be after the last. "
            "Choose another.",
            low,
        )
    return start, end


def click(clicked: Click) -> None:
    """A click on the map chooses the position."""
    if clicked.row >= 0 and clicked.column >= 0:
        address.write({"region": "pixel", "mrow": clicked.row, "mcol": clicked.column})


def click_in(blocks: Blocks | None) -> Callable[[Click], None]:
    """A click on a map whose cells stand for ``blocks`` of positions chooses the position whose score a cell shows."""
    if blocks is None:
        return click

    def act(clicked: Click) -> None:
        if clicked.row >= 0 and clicked.column >= 0:
            with suppress(IndexError):  # outside the map
                row, column = blocks.place(*blocks.cell(clicked.row, clicked.column))
                address.write({"region": "pixel", "mrow": row, "mcol": column})

    return act


def draw(height: int, width: int, cells: Enclosed) -> None:
    """A rectangle that is drawn over the map chooses the cells it touches."""
    top, bottom = (min(max(row, 0), height - 1) for row in cells.rows)
    left, right = (min(max(column, 0), width - 1) for column in cells.columns)
    address.write({"region": "rectangle", "top": top, "bottom": bottom, "left": left, "right": right})
