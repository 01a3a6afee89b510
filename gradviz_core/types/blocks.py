"""Arrays with more positions than a screen can show: which positions are drawn.

The positions are divided into blocks, which are square except at the right and lower edge. One position stands for its
block: the one whose value is largest in magnitude. So every value that is drawn is a value of the array, with its sign
and a known position; nothing is averaged. Only images are averaged, as a screen does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MOST_SIDE = 640
"""Most cells that a picture has along a side. A page draws it some 500 pixels high, twice as many on a dense screen.
Classification models of torchvision take at most 600 pixels, common detectors 640: their pictures are drawn in full."""
MOST_WHOLE = 500_000_000
"""Largest total size of the arrays in an answer about an uploaded model, in bytes, before they are reduced to fit a
screen."""
MOST_ROWS, MOST_COLUMNS = 500, 800
"""Most rows and columns of a matrix that are drawn. In a larger matrix each cell stands for a block of entries, and the
caption says so."""

Cells = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Blocks:
    """What the cells of a picture stand for, where it has fewer cells than the array has positions."""

    height: int
    """Rows of positions in a block; blocks at the lower edge may have fewer."""
    width: int
    rows: int
    """Rows of positions in the whole array."""
    columns: int
    picked: Cells | None = None
    """For each cell the position whose value is drawn, as an index into the flattened array; None where a cell is a
    mean. Shape (h, w), or (C, h, w) where the positions differ between channels."""

    def place(self, row: int, column: int, channel: int = 0) -> tuple[int, int]:
        """Row and column of the position whose value a cell shows; for a mean, of the centre of the block.

        Raises IndexError for a cell that is not there.
        """
        down, across = math.ceil(self.rows / self.height), math.ceil(self.columns / self.width)
        if not (0 <= row < down and 0 <= column < across):
            raise IndexError(f"Row {row}, column {column} is outside {down}×{across}.")
        if self.picked is None:
            top, bottom, left, right = self.within(row, column)
            return (top + bottom) // 2, (left + right) // 2
        found = self.picked[row, column] if self.picked.ndim == 2 else self.picked[channel, row, column]
        return divmod(int(found), self.columns)

    def cell(self, row: int, column: int) -> tuple[int, int]:
        """Row and column of the cell that stands for a position."""
        return row // self.height, column // self.width

    def within(self, row: int, column: int) -> tuple[int, int, int, int]:
        """First row, last row, first column, last column of the positions that a cell stands for."""
        top, left = row * self.height, column * self.width
        return top, min(top + self.height, self.rows) - 1, left, min(left + self.width, self.columns) - 1

    @property
    def size(self) -> str:
        """``4×4``; ``1×4`` where the array has one row."""
        return f"{min(self.height, self.rows)}×{min(self.width, self.columns)}"


def side(rows: int, columns: int, share: int = 1) -> int:
    """The side of the smallest square blocks with which a picture has at most ``MOST_SIDE`` cells along each side, or
    that number divided by ``share``."""
    return max(1, math.ceil(max(rows, columns) / max(1, MOST_SIDE // share)))


def matrix_block(
    shape: tuple[int, int], most_rows: int = MOST_ROWS, most_columns: int = MOST_COLUMNS
) -> tuple[int, int]:
    """How many rows and columns of a (rows, columns) matrix each drawn cell stands for, so that the picture has at most
    the given numbers of rows and columns."""
    return max(1, math.ceil(shape[0] / most_rows)), max(1, math.ceil(shape[1] / most_columns))


def of_largest(values: Numbers, height: int, width: int, absent: npt.NDArray[np.bool_] | None = None) -> Blocks:
    """Blocks of the given size of an (H, W) array, each with the position whose value is largest in magnitude.

    Of two values of equal magnitude the positive one wins, and of equal values the first in row order. NaN counts as
    larger than infinity, and infinity as larger than any number, so that neither is lost. Positions that are ``absent``
    (H, W) count only where a block has no others.
    """
    rows, columns = values.shape
    down, across = math.ceil(rows / height), math.ceil(columns / width)
    picked, each = np.empty((down, across), np.int64), np.arange(across)
    for row in range(down):  # one line of blocks at a time: a copy of all would be as large again
        line = slice(row * height, (row + 1) * height)
        high, low = (
            _side_by_side(values[line] if absent is None else np.where(absent[line], end, values[line]), across, width)
            for end in (-np.inf, np.inf)
        )
        most, least = high.argmax(axis=1), low.argmin(axis=1)  # the first NaN, where there is one
        within = np.where(high[each, most] >= -low[each, least], most, least)
        picked[row] = (row * height + within // width) * columns + each * width + within % width
    return Blocks(height, width, rows, columns, picked)


def _side_by_side(line: Numbers, across: int, width: int) -> Numbers:
    """One line of blocks, (rows, W), as (blocks, rows · width). At the edge the last number comes again; of equals the
    first is taken, so never a place that is not there."""
    padded = np.pad(line, ((0, 0), (0, across * width - line.shape[1])), mode="edge")
    return padded.reshape(len(line), across, width).transpose(1, 0, 2).reshape(across, -1)


def taken(array: np.ndarray, picked: Cells) -> np.ndarray:
    """The numbers of (..., H, W) at the places picked, of shape (..., h, w). With one set of places for each channel
    (C, h, w), channel by channel."""
    flat = array.reshape(*array.shape[:-2], -1)
    if picked.ndim == 2:
        return np.ascontiguousarray(flat[..., picked.ravel()].reshape(*array.shape[:-2], *picked.shape))
    each = picked.reshape(*([1] * (flat.ndim - 2)), len(picked), -1)
    return np.take_along_axis(flat, each, axis=-1).reshape(*flat.shape[:-2], *picked.shape)


def means(pixels: npt.NDArray[np.uint8], block: int) -> npt.NDArray[np.uint8]:
    """A picture (H, W, 3) with squares of so many pixels averaged, rounded to whole levels; at the edge what there is
    of them."""
    height, width = pixels.shape[:2]
    rows, columns = np.arange(0, height, block), np.arange(0, width, block)
    sums = np.add.reduceat(np.add.reduceat(pixels, rows, axis=0, dtype=np.uint32), columns, axis=1)
    counts = np.diff([*rows, height])[:, None, None] * np.diff([*columns, width])[None, :, None]
    return np.asarray(np.rint(sums / counts), np.uint8)
