"""Figures of attention: the rows of all heads as small maps, and one row of tokens that lie nowhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from gradviz_core.drawing import fields, figures
from gradviz_core.drawing.cam_figures import small
from gradviz_core.drawing.fields import Tiles
from gradviz_core.types import Field, FloatArray

WIDTH, EACH = 1000, 150
"""Pixels across the small maps together, at most, and across each."""
LEAST, WIDEST = 96, 2400
"""Pixels across each small map, at least, for which the whole may be wider; and across all then, at most."""
LABEL = 0.028
MOST = 400
"""Small maps at once, at most: more are too small to tell apart, and too much for a browser."""


@dataclass(frozen=True, slots=True)
class HeadMap:
    """The map of one head."""

    layer: int
    """Number of the attention layer, from 0."""
    head: int
    over: FloatArray
    """(rows, columns); NaN where the token cannot attend, because it is another window's. A small map has 0 there."""


def kept(heads: Mapping[int, int], chosen: int) -> tuple[tuple[int, ...], int]:
    """Which layers have small maps, and how many heads of each at most, so that there are not more than ``MOST``.
    ``heads`` has the number of heads of each layer that could have them, by the layer's number.

    Where not all layers fit they are the last ones; those from the ``chosen`` one on where it comes before them.
    """
    known = sorted(heads)
    across = min(max(heads.values()), MOST)
    fit = MOST // across
    first = max(0, min(sum(number < chosen for number in known), len(known) - fit))
    return tuple(known[first : first + fit]), across


def strip(
    maps: Sequence[HeadMap], *, signed: bool, unit: str, each: bool, chosen: tuple[int, int]
) -> tuple[go.Figure, Tiles, tuple[HeadMap | None, ...]]:
    """Small maps: a row of tiles for each layer, a column for each head, on one scale, or ``each`` divided by its
    largest magnitude; and which map each tile shows. ``chosen`` is the layer and the head that is outlined."""
    across = max(one.head for one in maps) + 1
    by_place = {(one.layer, one.head): one for one in maps}
    layers = sorted({one.layer for one in maps})
    shown = tuple(by_place.get((layer, head)) for layer in layers for head in range(across))
    blank = np.full_like(small(maps[0].over), np.nan)
    drawn = [blank if one is None else small(_scaled(one.over, each)) for one in shown]
    sheet = fields.tile(
        np.stack(drawn), columns=across, label=LABEL * WIDTH / width_of(across), signed=signed, unit=unit
    )
    if each:
        sheet = fields.tiles_on_scale(sheet, 1.0)
    titles = ["" if one is None else f"{one.layer}.{one.head}" for one in shown]
    number = next((at for at, one in enumerate(shown) if one and (one.layer, one.head) == chosen), None)
    figure = figures.tiles(sheet, chosen=number, titles=titles, width=width_of(across))
    figures.never_smaller(figure, min(LEAST * across, WIDEST))
    said = np.zeros((*sheet.field.values.shape, 2), np.int16)
    for position, one in enumerate(shown):
        row, column = sheet.corner(position)
        if one is not None:
            said[row : row + sheet.height, column : column + sheet.width] = one.layer, one.head
    words = "attention layer %{customdata[0]}, head %{customdata[1]}<br><b>%{z:.4~g}</b><extra></extra>"
    figure.data[0].update(customdata=said, hovertemplate=words)
    return figure, sheet, shown


def width_of(heads: int) -> int:
    """Pixels across the small maps of so many heads."""
    return max(min(WIDTH, EACH * heads), min(WIDEST, LEAST * heads))


def _scaled(over: FloatArray, each: bool) -> FloatArray:
    whole: FloatArray = np.nan_to_num(over, nan=0.0)
    return whole / (float(np.abs(whole).max()) or 1.0) if each else whole


def as_strip(field: Field) -> go.Figure:
    """One row of numbers, (1, tokens), where nothing says which token is which patch."""
    names = np.array([[f"token {token}" for token in range(field.values.shape[1])]])
    return figures.heatmap(field, places=names)
