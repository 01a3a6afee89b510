"""How positions lie over the picture as patches: rows and columns, and where their middles are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

NO_PATCH, PADDING = -1, -2
"""In place of a patch's number: of a token that lies nowhere in the picture, as a class token or a register; and of one
that a model filled up a window with."""


@dataclass(frozen=True, slots=True)
class Centres:
    """Where the patches of a grid lie in the picture, in pixels: the middle of the first, and how far the next row and
    column are."""

    row: float
    column: float
    down: float
    across: float

    def patch(self, pixel: tuple[int, int], rows: int, columns: int) -> tuple[int, int]:
        """Row and column of the patch whose middle is nearest to a pixel."""
        row = math.floor((pixel[0] - self.row) / self.down + 0.5)
        column = math.floor((pixel[1] - self.column) / self.across + 0.5)
        return min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)

    def middle(self, patch: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
        """The pixel in the middle of a patch, within a picture of this size."""
        row, column = self.row + patch[0] * self.down, self.column + patch[1] * self.across
        return min(max(round(row), 0), size[0] - 1), min(max(round(column), 0), size[1] - 1)


def of_pixels(size: tuple[int, int], centres: Centres, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """The row of patches for each row of pixels of a picture, and the column for each column: the nearest."""
    down = np.floor((np.arange(size[0]) - centres.row) / centres.down + 0.5).clip(0, rows - 1)
    across = np.floor((np.arange(size[1]) - centres.column) / centres.across + 0.5).clip(0, columns - 1)
    return down.astype(int), across.astype(int)


def spread(rows: int, columns: int, size: tuple[int, int]) -> Centres:
    """The centres of patches that share a picture of this ``size`` evenly."""
    down, across = size[0] / rows, size[1] / columns
    return Centres((down - 1) / 2, (across - 1) / 2, down, across)


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the positions of a value lie over the image: so many are left out first, the others are rows and columns,
    row by row; or in another order."""

    apart: int
    rows: int
    columns: int
    order: tuple[int, ...] = ()
    """Of positions in another order: the number of the position that is each patch, row by row. Those of windows are
    counted one window after the other."""
    centres: Centres | None = None
    """Where the patches lie; None where they share the image evenly, as far as is known."""
    shown: bool = False
    """Whether the operations of the pass show it; else it is read off the number of positions."""

    @staticmethod
    def of(patches: Sequence[int], rows: int, columns: int, centres: Centres | None) -> Grid | None:
        """From the patch of each position, negative for none; None where a patch has no position, or several."""
        there = [at for at, patch in enumerate(patches) if patch >= 0]
        if sorted(patches[at] for at in there) != list(range(rows * columns)):
            return None
        first = there[0]
        if list(patches[first:]) == list(range(rows * columns)):
            return Grid(first, rows, columns, centres=centres, shown=True)
        order = tuple(int(at) for at in np.argsort([patches[at] for at in there]))
        return Grid(0, rows, columns, tuple(there[at] for at in order), centres, shown=True)

    @property
    def positions(self) -> slice | list[int]:
        """Which of the positions are patches, row by row: an index of an array with an axis for them."""
        return list(self.order) if self.order else slice(self.apart, self.apart + self.rows * self.columns)

    def position(self, row: int, column: int) -> int:
        """The number of the position that is a patch."""
        patch = row * self.columns + column
        return self.order[patch] if self.order else self.apart + patch

    def patch(self, position: int) -> tuple[int, int] | None:
        """Row and column of the patch that a position is; None for one that is none."""
        if self.order:
            return divmod(self.order.index(position), self.columns) if position in self.order else None
        at = position - self.apart
        return divmod(at, self.columns) if 0 <= at < self.rows * self.columns else None
