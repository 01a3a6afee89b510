"""A plane of a step's value as it is drawn: a long row is wrapped into lines."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gradviz_core.drawing import fields
from gradviz_core.types import Field, FloatArray

SHORT = 16
"""A row with at most this many numbers is drawn as one line."""


@dataclass(frozen=True, slots=True)
class Plane:
    """One plane, (H, W)."""

    values: FloatArray
    leading: tuple[int, ...]
    """The indices before the plane's own two; the row of a vector has one index, its column."""
    vector: bool

    @property
    def across(self) -> int:
        """Cells in a line."""
        columns = int(self.values.shape[1])
        if not self.vector or columns <= SHORT:
            return columns
        square = math.isqrt(columns)
        return square if square * square == columns else math.ceil(math.sqrt(2 * columns))

    @property
    def lines(self) -> tuple[int, int, int] | None:
        """How many lines a vector is drawn in, how long they are, and how many cells at the end stand for nothing; None
        for a plane that is drawn as it is."""
        if not self.vector:
            return None
        columns = int(self.values.shape[1])
        count = math.ceil(columns / self.across)
        return count, self.across, count * self.across - columns

    def drawn(self, *, signed: bool = True) -> Field:
        """As it is drawn; NaN in cells of the last line that stand for nothing."""
        if not self.vector:
            return fields.field(self.values, signed=signed)
        row, (lines, across, gaps) = self.values[0], self.lines or (1, 1, 0)
        cells = np.concatenate([row, np.full(gaps, np.nan, np.float32)])
        return fields.field(cells.reshape(lines, across), signed=signed)

    def cell(self, index: tuple[int, ...]) -> tuple[int, int] | None:
        """Where the number of this index is drawn; None where it lies in another plane."""
        if self.vector:
            return divmod(index[0], self.across) if index else (0, 0)
        return (index[-2], index[-1]) if index[:-2] == self.leading else None

    def index(self, row: int, column: int) -> tuple[int, ...] | None:
        """The index of the number in a cell; None outside the plane."""
        if self.vector:
            at = row * self.across + column
            inside = 0 <= column < self.across and 0 <= at < self.values.shape[1]
            return (at,) if inside else None
        height, width = self.values.shape
        return (*self.leading, row, column) if 0 <= row < height and 0 <= column < width else None

    def names(self) -> np.ndarray | None:
        """What each cell is called, where that is not its row and column."""
        if not self.vector:
            return None
        drawn = self.drawn().values
        count = int(self.values.shape[1])
        names = [f"number {i}" if i < count else "" for i in range(drawn.size)]
        return np.array(names).reshape(drawn.shape)
