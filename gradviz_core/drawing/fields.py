"""Arrays of an answer -> 2-D fields ready to draw. Pure functions of numpy arrays; nothing is smoothed or rescaled.

A value or gradient has the shape that it has in the model. ``planes`` gives its channels as pictures; the views of
``types/views.py`` (``reduced``) and ``channel`` take (1, C, H, W) or (C, H, W) and give one field.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gradviz_core.drawing.planes import Planes as Planes
from gradviz_core.drawing.planes import middle_place as middle_place
from gradviz_core.drawing.planes import planes as planes
from gradviz_core.types import Field, FloatArray
from gradviz_core.types.blocks import Blocks, of_largest, side, taken
from gradviz_core.types.map_kinds import map_kind
from gradviz_core.types.views import view

LABEL = 0.032
"""Height of the space above a tile for its number, as a share of the sheet's width."""
MOST_LABELLED = 16
"""With more tiles side by side than this there is no space for their numbers."""
STRETCHED = 24
"""A picture with a larger ratio of width to height is drawn as a strip: its cells are higher than wide."""
PART = 1_000_000
"""How many values are squared in double precision at a time."""
QUANTILE = 0.99
"""The colour scale ends at this quantile of the magnitudes, unless stated otherwise."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a colour scale ends, and which share of the values is clipped."""

    limit: float
    clipped: float

    @classmethod
    def of(cls, drawn: Field) -> Scale:
        """That of a field."""
        return cls(drawn.limit, drawn.clipped)


# ------------------------------------------------------------------------------------------------------------ one field


def field(values: FloatArray, *, signed: bool, unit: str = "", quantile: float = QUANTILE) -> Field:
    """An (H, W) array with its colour limit: the ``quantile`` of the magnitudes of its finite values.

    Where that is zero (because nearly all values are), the limit is the largest magnitude. ``clipped`` is the share of
    values beyond the limit. Raises ValueError for an array that is not 2-D.
    """
    if values.ndim != 2:
        raise ValueError(f"A field has rows and columns; this array has shape {values.shape}. Reduce it first.")
    drawn = np.asarray(values, dtype=np.float32)
    limit, clipped = _limit([drawn], quantile)
    return Field(values=drawn, signed=signed, unit=unit, limit=limit, clipped=clipped[0])


def share_scale(fields: Sequence[Field], *, quantile: float = QUANTILE) -> tuple[Field, ...]:
    """The same fields on one colour scale: the limit is the ``quantile`` of the magnitudes of all fields together.

    Raises ValueError where signed and unsigned fields, or different units, are mixed.
    """
    if len({(f.signed, f.unit) for f in fields}) > 1:
        raise ValueError("Pictures on one scale have one unit, and are all signed or all unsigned.")
    limit, clipped = _limit([f.values for f in fields], quantile)
    return tuple(replace(f, limit=limit, clipped=share) for f, share in zip(fields, clipped, strict=True))


def in_blocks(drawn: Field, blocks: Blocks | None, scale: Scale) -> Field:
    """The same cells with the blocks that they stand for, on the scale of all positions; unchanged where there are no
    blocks."""
    return drawn if blocks is None else replace(drawn, blocks=blocks, limit=scale.limit, clipped=scale.clipped)


def for_screen(drawn: Field, absent: npt.NDArray[np.bool_] | None = None) -> Field:
    """The same field, reduced to one position for each block if it has more cells than a screen can show: the position
    whose value is largest in magnitude. Cells that are ``absent`` (H, W) stand for nothing, and count only where a
    block has no others.
    """
    rows, columns = drawn.values.shape
    if (block := side(rows, columns)) == 1:
        return drawn
    blocks = of_largest(drawn.values, block, block, absent)
    assert blocks.picked is not None
    return replace(drawn, values=taken(drawn.values, blocks.picked), blocks=blocks)


def on_scale(drawn: Field, limit: float) -> Field:
    """The same field on a given scale, with the share of its values that is clipped."""
    finite = np.abs(drawn.values[np.isfinite(drawn.values)])
    return replace(drawn, limit=limit, clipped=float(np.mean(finite > limit)) if finite.size else 0.0)


def _limit(arrays: Sequence[FloatArray], quantile: float) -> tuple[float, list[float]]:
    sizes = [np.abs(a).ravel() if np.isfinite(a).all() else np.abs(a[np.isfinite(a)]) for a in arrays]
    pooled = sizes[0] if len(sizes) == 1 else np.concatenate([np.zeros(0, np.float32), *sizes])
    if not pooled.size:
        return 0.0, [0.0 for _ in sizes]
    limit = float(np.quantile(pooled, quantile, method="higher")) or float(pooled.max())
    return limit, [float(np.mean(s > limit)) if s.size else 0.0 for s in sizes]


# ----------------------------------------------------------------------------------------------------------- reductions


def signed_sum(gradient: FloatArray, *, unit: str = "") -> Field:
    """Σ_c g[c]: how much the score increases when every channel at a position increases by one unit. Signed, shape (H,
    W)."""
    return reduced(gradient, "signed_sum", unit=unit)


def magnitude_l2(gradient: FloatArray, *, unit: str = "") -> Field:
    """√Σ_c g[c]²: the fastest change of the score at a position, per unit of length. Never negative, shape (H, W)."""
    return reduced(gradient, "magnitude_l2", unit=unit)


def magnitude_max(gradient: FloatArray, *, unit: str = "") -> Field:
    """max_c |g[c]|: the largest magnitude over the channels (Simonyan et al. 2014). Never negative, shape (H, W)."""
    return reduced(gradient, "magnitude_max", unit=unit)


def reduced(gradient: FloatArray, name: str, *, unit: str = "") -> Field:
    """The channels reduced to one field by the view of this name; for ``channel``, the first channel. Raises ValueError
    for an unknown view."""
    drawn, each = view(name), _channels(gradient)
    return field(each[0] if drawn.reduce is None else drawn.reduce(each), signed=drawn.signed, unit=unit)


def channel(gradient: FloatArray, index: int, *, unit: str = "") -> Field:
    """g[index]: one channel. Signed, shape (H, W). Raises IndexError for a channel that does not exist."""
    planes_ = _channels(gradient)
    if not 0 <= index < len(planes_):
        raise IndexError(f"Channel {index} does not exist: there are channels 0 to {len(planes_) - 1}.")
    return field(planes_[index], signed=True, unit=unit)


def channels(gradient: FloatArray, *, unit: str = "") -> tuple[Field, ...]:
    """Every channel, all on one scale. Signed, each of shape (H, W)."""
    return share_scale([channel(gradient, i, unit=unit) for i in range(len(_channels(gradient)))])


def activation(plane: FloatArray, *, unit: str = "") -> Field:
    """One channel's values, shape (H, W); signed where any of them is negative."""
    return field(plane, signed=bool(np.nanmin(plane, initial=0.0) < 0), unit=unit)


def product(values: FloatArray, gradient: FloatArray) -> FloatArray:
    """Activation times gradient, elementwise: the first-order contribution of each value to the score. Any shape.

    Raises ValueError where the shapes differ.
    """
    if values.shape != gradient.shape:
        raise ValueError(f"The activation has shape {values.shape} and the gradient {gradient.shape}: they must agree.")
    return map_kind("product").of(values, gradient)


def _channels(array: FloatArray) -> FloatArray:
    """(C, H, W), as float32, of (1, C, H, W) or (C, H, W)."""
    if array.ndim == 4 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 3:
        raise ValueError(f"Channels, rows and columns are needed; this array has shape {array.shape}.")
    return np.asarray(array, dtype=np.float32)


# ------------------------------------------------------------------------------------------------------- many pictures


def strength(maps: FloatArray) -> FloatArray:
    """L2 norm of each of (C, H, W) pictures, gaps left out. Shape (C,)."""
    return np.array([length(plane[np.isfinite(plane)]) for plane in maps])  # one by one: doubles of all would be large


def coarser(maps: FloatArray, cells: int) -> tuple[FloatArray, int]:
    """The pictures with blocks of positions averaged so that together they have at most ``cells`` values, and the side
    of the blocks.

    The side is 1, and nothing changes, if they already do. A block at the edge averages only the positions in it. A
    class token above its patches stays as it is.
    """
    if maps.shape[1] == maps.shape[2] + 2 and np.isnan(maps[:, 1]).all():
        patches, side = coarser(maps[:, 2:], cells)
        return np.concatenate([maps[:, :2, : patches.shape[2]], patches], axis=1), side
    count, height, width = maps.shape
    side = 1
    while count * math.ceil(height / side) * math.ceil(width / side) > cells and side < max(height, width):
        side += 1
    if side == 1:
        return maps, 1
    rows, columns = np.arange(0, height, side), np.arange(0, width, side)
    sums = np.add.reduceat(np.add.reduceat(maps, rows, axis=1), columns, axis=2)
    sizes = np.diff([*rows, height])[:, None] * np.diff([*columns, width])[None, :]
    return (sums / sizes).astype(np.float32), side


# ---------------------------------------------------------------------------------------------------------------- tiles


@dataclass(frozen=True, slots=True)
class Tiles:
    """Many small pictures as one field, NaN between them."""

    field: Field
    numbers: tuple[int, ...]
    """The channel that each tile shows, in reading order."""
    columns: int
    height: int
    width: int
    gap: tuple[int, int]
    """Empty rows above each tile, empty columns after it."""
    blocks: Blocks | None = None
    """What each cell of a tile stands for, where it has fewer cells than positions."""

    def corner(self, position: int) -> tuple[int, int]:
        """Row and column of the first cell of the ``position``-th tile."""
        row, column = divmod(position, self.columns)
        return row * (self.height + self.gap[0]) + self.gap[0], column * (self.width + self.gap[1])

    def at(self, row: int, column: int) -> int | None:
        """Position of the tile there; the rows above a tile, where its number stands, belong to it. None in a gap."""
        down = row // (self.height + self.gap[0])
        across, x = divmod(column, self.width + self.gap[1])
        position = down * self.columns + across
        inside = x < self.width and across < self.columns and row >= 0 and column >= 0
        return position if inside and position < len(self.numbers) else None

    def cell(self, row: int, column: int) -> tuple[int, int] | None:
        """Row and column within the tile there; None in a gap, and where a tile's number stands."""
        position = self.at(row, column)
        if position is None:
            return None
        top, left = self.corner(position)
        return (row - top, column - left) if row >= top else None

    def place(self, row: int, column: int) -> tuple[int, int] | None:
        """Row and column, in the whole picture of that channel, of the position whose value the cell shows; None where
        there is none."""
        found = self.cell(row, column)
        if found is None or self.blocks is None:
            return found
        return self.blocks.place(*found, channel=self.at(row, column) or 0)


def tile(
    maps: FloatArray,
    numbers: Sequence[int] | None = None,
    *,
    columns: int | None = None,
    label: float = LABEL,
    signed: bool = True,
    unit: str = "",
) -> Tiles:
    """(C, H, W) pictures as one field on one scale, each with space above it for its number; NaN gutters between them.
    Above strips the space is one row.

    ``numbers`` names the channel of each tile (0, 1, 2, ... by default); ``columns`` makes the whole about square by
    default; ``label`` is the height of the room for a number, as a share of the sheet's width. Raises ValueError where
    there is nothing to draw or the numbers do not fit the pictures.
    """
    shown = tuple(range(len(maps)) if numbers is None else numbers)
    if maps.ndim != 3 or not maps.size or len(shown) != len(maps):
        raise ValueError(f"{len(shown)} numbers and pictures of shape {maps.shape} make no tiles.")
    count, height, width = maps.shape
    seen = max(height, width / STRETCHED)  # a strip is drawn higher than it is
    across = columns or max(1, min(count, round(1.15 * math.sqrt(count * seen / width))))
    beside = max(1, round(width * 0.08))
    room = across * (width + beside) * label if across <= MOST_LABELLED else beside
    gap = (1 if width > STRETCHED * height else max(1, math.ceil(room)), beside)
    down = math.ceil(count / across)
    sheet = np.full((down * (height + gap[0]), across * (width + gap[1]) - gap[1]), np.nan, dtype=np.float32)
    tiles = Tiles(Field(sheet, signed, unit, 0.0), shown, across, height, width, gap)
    for position in range(count):
        row, column = tiles.corner(position)
        sheet[row : row + height, column : column + width] = maps[position]
    return replace(tiles, field=field(sheet, signed=signed, unit=unit))


def tiles_on_scale(sheet: Tiles, limit: float) -> Tiles:
    """The same tiles, on a given scale."""
    return replace(sheet, field=on_scale(sheet.field, limit))


# ------------------------------------------------------------------------------------------------------ receptive field


def effective_box(gradient: FloatArray, *, share: float = 0.95) -> tuple[int, int, int, int] | None:
    """First row, last row, first column, last column of a box that holds at least ``share`` of Σ|gradient|.

    Its rows are the shortest run of rows that holds 1 - (1 - share)/2 of the sum (97.5 % for 95 %), its columns the
    same for columns; what lies outside either is at most 1 - share. None where the gradient is zero everywhere.
    """
    size = np.abs(_channels(gradient)).sum(axis=0, dtype=np.float64)
    if not np.isfinite(size).all() or not size.any():
        return None
    along = 1 - (1 - share) / 2
    return (*_shortest_run(size.sum(axis=1), along), *_shortest_run(size.sum(axis=0), along))


def _shortest_run(sums: FloatArray, share: float) -> tuple[int, int]:
    """First and last index of the shortest run that holds ``share`` of the sum; the earliest of several."""
    total = np.concatenate([[0.0], np.cumsum(sums)])
    ends = np.searchsorted(total, total[:-1] + share * total[-1] * (1 - 1e-12))
    lengths = np.where(ends < len(total), ends - np.arange(len(sums)), len(sums) + 1)
    first = int(np.argmin(lengths))
    return first, int(ends[first]) - 1


def length(gradient: FloatArray) -> float:
    """‖g‖₂ over all values of the array."""
    flat = np.asarray(gradient).reshape(-1)
    parts = range(0, flat.size, PART)  # doubles of a large array would be larger than all else that is held
    return float(np.sqrt(sum(np.square(flat[i : i + PART], dtype=np.float64).sum() for i in parts)))


def peak(drawn: Field) -> tuple[int, int] | None:
    """Row and column of the value of largest magnitude; None where every value is zero or none is finite."""
    size = np.abs(np.nan_to_num(drawn.values, nan=0.0, posinf=0.0, neginf=0.0))
    row, column = divmod(int(size.argmax()), size.shape[1])
    return (row, column) if size[row, column] > 0 else None
