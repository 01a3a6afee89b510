"""The value of a site -> one small picture for each channel, and which entry of the value each cell shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gradviz_core.errors import QuestionError
from gradviz_core.types import FloatArray, Layout, layouts
from gradviz_core.types.indices import place_axes

Cells = npt.NDArray[np.int64]
MOST_PIXELS = 2**26
"""Most positions of a channel with rows and columns that can be drawn: 8192×8192."""
MOST_PLACES = 2**20
"""Most positions of any other channel, because the map from cells to positions is held in memory."""


@dataclass(frozen=True, slots=True)
class Planes:
    """The value of a site as one small picture for each channel (feature)."""

    maps: FloatArray
    """Shape (C, H, W), float32; NaN where a cell stands for nothing."""
    layout: Layout
    axis: int = 0
    """The channel axis of the value, where the batch axis is 0; 0 for a value that is flattened."""
    shape: tuple[int, ...] = ()
    """The shape it has in the model, without the batch axis."""
    cells: Cells | None = None
    """The position of each cell of (H, W), as a flat index; -1 for none. None where rows and columns are the positions
    themselves."""

    @property
    def gaps(self) -> npt.NDArray[np.bool_] | None:
        """Which cells of (H, W) stand for nothing; None where each stands for a position."""
        return None if self.cells is None else self.cells < 0

    @property
    def places(self) -> tuple[int, ...]:
        """How many positions a channel has along each axis; () where it is a single number."""
        return (*self.shape[: self.axis - 1], *self.shape[self.axis :]) if self.axis else ()

    def place(self, row: int, column: int) -> tuple[int, ...]:
        """The position that a cell stands for: (row, column), (token,), (position,), (slice, row, column) or ().

        Raises IndexError for a cell outside the picture or one that stands for nothing.
        """
        height, width = self.maps.shape[1:]
        if not (0 <= row < height and 0 <= column < width):
            raise IndexError(f"Row {row}, column {column} is outside {height}×{width}.")
        if not self.places:
            return ()
        if self.cells is None:
            return row, column
        at = int(self.cells[row, column])
        if at < 0:
            raise IndexError(f"Row {row}, column {column} is a gap between maps: there is no value there.")
        return tuple(int(i) for i in np.unravel_index(at, self.places))

    def index(self, number: int, row: int, column: int) -> tuple[int, ...]:
        """The index of the cell within ``value[0]``, as ``Unit`` takes it: (channel, row, column) for maps, (row,
        column, channel) for maps_last, (channel, position) for a sequence, (token, feature) for tokens, (feature,) for
        a vector.

        Raises IndexError for a cell outside the picture or one that stands for nothing.
        """
        if not 0 <= number < len(self.maps):
            raise IndexError(f"Channel {number} is outside 0 to {len(self.maps) - 1}.")
        place = self.place(row, column)
        if not self.axis:
            return tuple(int(i) for i in np.unravel_index(number, self.shape)) if self.shape else ()
        return (*place[: self.axis - 1], number, *place[self.axis - 1 :])

    def cell(self, place: tuple[int, ...]) -> tuple[int, int]:
        """Row and column where a position is drawn; (0, 0) for ()."""
        if not place:
            return 0, 0
        if self.cells is None:
            return place[0], place[1]
        row, column = np.argwhere(self.cells == np.ravel_multi_index(place, self.places))[0]
        return int(row), int(column)

    @property
    def has_class_token(self) -> bool:
        """Whether the first token stands alone above a grid of patches."""
        return self.layout == "tokens" and self.maps.shape[1] == self.maps.shape[2] + 2

    def place_names(self) -> npt.NDArray[np.str_] | None:
        """What each cell of (H, W) is called, where that is not its row and column: ``token 5: patch row 0, column 3``,
        ``position 7`` or ``slice 1, row 2, column 3``; empty for a gap."""
        if self.cells is None:
            return None
        return np.array([[self._name(r, c, int(at)) for c, at in enumerate(line)] for r, line in enumerate(self.cells)])

    def _name(self, row: int, column: int, at: int) -> str:
        if self.layout == "tokens":
            return self._token_name(row, column, at)
        place = np.unravel_index(at, self.places) if at >= 0 else ()
        return ", ".join(
            f"{axis} {i}" for axis, i in zip(place_axes(self.layout, len(self.places)), place, strict=False)
        )

    def _token_name(self, row: int, column: int, token: int) -> str:
        first = 2 if self.has_class_token else 0
        if self.has_class_token and token == 0:
            return "class token (token 0)"
        return f"token {token}" + (f": patch row {row - first}, column {column}" if self.maps.shape[1] > 1 else "")

    def under(self, row: float, column: float) -> tuple[int, int]:
        """The cell over a position of the image, which is given as shares (0 to 1) of its height and width."""
        height, width = self.maps.shape[1:]
        first = 2 if self.has_class_token else 0  # below the class token and the gap
        down = first + int(row * (height - first))
        return min(max(down, first), height - 1), min(max(int(column * width), 0), width - 1)


def planes(array: FloatArray, layout: Layout, axis: int | None = None) -> Planes:
    """The channels of a site's value as pictures. ``axis`` is the channel axis, where the batch axis is 0; None is the
    axis that the layout names.

    ``maps`` (1, C, H, W) and ``maps_last`` (1, H, W, C) give C pictures of H×W. ``sequence`` (1, C, L) gives C rows.
    ``tokens`` (1, T, F) give F pictures: a square number of patches as a grid, with the class token, where there is one
    more, as a single cell above it; any other number of tokens as one row. ``volumes`` (1, C, D, H, W) give C sheets of
    D slices, side by side with a gap between them. ``vector`` (1, K), and anything else laid flat, gives K pictures of
    one cell.
    """
    value = np.asarray(array, dtype=np.float32)
    at = layouts.drawn_axis(layout, value.ndim, axis)
    if not at:
        return Planes(value.reshape(-1, 1, 1), "vector", shape=value.shape[1:])
    moved = np.moveaxis(value[0], at - 1, 0)
    if value.ndim == 4:
        return Planes(moved, layout, at, value.shape[1:])
    cells = _cells(layout, moved.shape[1:])
    flat = moved.reshape(len(moved), -1)
    drawn = np.where(cells >= 0, flat[:, np.maximum(cells, 0)], np.float32(np.nan))
    return Planes(drawn, layout, at, value.shape[1:], cells)


def geometry(shape: Sequence[int], layout: Layout, axis: int | None = None) -> Planes:
    """How the channels of a value of this shape are drawn, without its values: they are zero, and take no memory.

    Raises:
        QuestionError: a channel has too many places to be drawn.
    """
    at = layouts.drawn_axis(layout, len(shape), axis)
    if not at:
        return Planes(_nothing(math.prod(shape[1:]), 1, 1), "vector", shape=tuple(shape[1:]))
    places = (*shape[1:at], *shape[at + 1 :])
    check_places(places)
    if len(shape) == 4:
        return Planes(_nothing(shape[at], *places), layout, at, tuple(shape[1:]))
    cells = _cells(layout, places)
    return Planes(_nothing(shape[at], *cells.shape), layout, at, tuple(shape[1:]), cells)


def check_places(places: Sequence[int]) -> None:
    """Refuse a channel with too many positions to draw.

    Raises:
        QuestionError: it has.
    """
    most = MOST_PIXELS if len(places) == 2 else MOST_PLACES
    if (count := math.prod(places)) > most:
        raise QuestionError(
            f"A channel of this layer output has {count:,} positions; at most {most:,} can be drawn. "
            "Choose another layer output."
        )


def _nothing(channels: int, height: int, width: int) -> FloatArray:
    return np.broadcast_to(np.float32(0), (channels, height, width))


def middle_place(layout: Layout, places: Sequence[int]) -> tuple[int, ...]:
    """The position in the middle: of the grid of patches, or along each axis."""
    if layout != "tokens":
        return tuple(count // 2 for count in places)
    cells = _token_cells(places[0])
    height, width = cells.shape
    first = 2 if height == width + 2 else 0
    return (int(cells[first + (height - first) // 2, width // 2]),)


def _cells(layout: Layout, places: Sequence[int]) -> Cells:
    if layout == "tokens":
        return _token_cells(places[0])
    if len(places) == 1:
        return np.arange(places[0]).reshape(1, -1)
    return _slice_cells(*places)


def _slice_cells(slices: int, rows: int, columns: int) -> Cells:
    """Slices in reading order, with one empty row and column between them; about as wide as high."""
    down, across = layouts.slices_on_a_sheet(slices, rows, columns)
    cells = np.full((down * (rows + 1) - 1, across * (columns + 1) - 1), -1, dtype=np.int64)
    for number, plane in enumerate(np.arange(slices * rows * columns).reshape(slices, rows, columns)):
        top, left = number // across * (rows + 1), number % across * (columns + 1)
        cells[top : top + rows, left : left + columns] = plane
    return cells


def _token_cells(count: int) -> Cells:
    side = math.isqrt(count)
    if side > 1 and side * side == count:
        return np.arange(count).reshape(side, side)
    side = math.isqrt(count - 1) if count else 0
    if side > 1 and side * side == count - 1:
        cells = np.full((side + 2, side), -1, dtype=np.int64)
        cells[0, 0] = 0
        cells[2:] = np.arange(1, count).reshape(side, side)
        return cells
    return np.arange(count).reshape(1, count)
