"""What an answer that was made to fit a screen carries beside its arrays, by name, and how that is read again.

blocks/<name>   height and width of a block, rows and columns of the whole array
picked/<name>   for each cell the place whose number it shows; missing where cells are means
scale/<name>    where the colour scale of the whole array ends, and the share of it that lies beyond
means/<name>    (2, rows, columns): means of what is drawn, and of its magnitudes, over areas of equal size
window/<name>   the exact numbers round the place that was asked for, (..., rows, columns)
slices/<name>   (D, C, H, W): all slices of a volume or a clip, where <name> is one of them
slice           which of them it is, counted from 0
corner/<name>   row and column of the first of them
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gradviz_core.drawing.fields import Scale
from gradviz_core.types import Arrays, FloatArray
from gradviz_core.types.area_means import area_means
from gradviz_core.types.blocks import Blocks, side

WINDOW = 48
"""Places along a side of the exact numbers that are sent round the one that was asked for."""
Made = dict[str, np.ndarray]


def is_coarse(arrays: Arrays) -> bool:
    """Whether these were made to fit a screen, so that they are not all that the answer has."""
    return MARK in arrays


MARK = "fitted"
"""Name of an array that says so; it holds the bytes that the whole arrays have."""


@dataclass(frozen=True, slots=True)
class Window:
    """Exact numbers, (..., rows, columns), of a part of an array."""

    numbers: np.ndarray
    corner: tuple[int, int]
    """Row and column of the first of them in the whole array."""

    def at(self, place: tuple[int, int]) -> np.ndarray:
        """The numbers at one place of the whole array, (...). Raises IndexError where it is not within."""
        row, column = place[0] - self.corner[0], place[1] - self.corner[1]
        if row < 0 or column < 0:
            raise IndexError(f"Row {place[0]}, column {place[1]} is before the part that this answer holds.")
        found: np.ndarray = self.numbers[..., row, column]
        return found


def put_blocks(made: Made, name: str, found: Blocks, scale: Scale | None = None) -> None:
    """Write what the cells of an array stand for."""
    made[f"blocks/{name}"] = np.array([found.height, found.width, found.rows, found.columns], np.int64)
    if found.picked is not None:
        made[f"picked/{name}"] = found.picked.astype(np.int32)
    if scale is not None:
        made[f"scale/{name}"] = np.array([scale.limit, scale.clipped])


def blocks_of(arrays: Arrays, name: str) -> Blocks | None:
    """What its cells stand for; None where the array is whole."""
    if f"blocks/{name}" not in arrays:
        return None
    height, width, rows, columns = (int(n) for n in arrays[f"blocks/{name}"])
    picked = arrays.get(f"picked/{name}")
    return Blocks(height, width, rows, columns, None if picked is None else picked.astype(np.int64))


def scale_of(arrays: Arrays, name: str) -> Scale:
    """The scale of the whole array. Raises KeyError where the array is whole."""
    limit, clipped = arrays[f"scale/{name}"]
    return Scale(float(limit), float(clipped))


def put_window(made: Made, name: str, whole: np.ndarray, place: tuple[int, int] | None) -> None:
    """Write the exact numbers round a place of (..., H, W), the part moved to lie within; nothing where none is asked
    for, or it is not there."""
    rows, columns = whole.shape[-2:]
    if place is None or not (0 <= place[0] < rows and 0 <= place[1] < columns):
        return
    top, left = (max(0, min(at - WINDOW // 2, size - WINDOW)) for at, size in zip(place, (rows, columns), strict=True))
    made[f"window/{name}"] = whole[..., top : top + WINDOW, left : left + WINDOW].copy()
    made[f"corner/{name}"] = np.array([top, left], np.int64)


def put_means(made: Made, name: str, drawn: FloatArray) -> None:
    """Write the means over areas of equal size, as many as there are blocks."""
    block = side(*drawn.shape)
    rows, columns = (math.ceil(each / block) for each in drawn.shape)
    made[f"means/{name}"] = np.stack([area_means(each, rows, columns) for each in (drawn, np.abs(drawn))])


def means_of(arrays: Arrays, name: str) -> FloatArray | None:
    """The means of what is drawn and of its magnitudes, (2, rows, columns); None where none came with it."""
    return arrays.get(f"means/{name}")


def window_of(arrays: Arrays, name: str) -> Window | None:
    """The exact numbers that came with it; None where none did."""
    if f"window/{name}" not in arrays:
        return None
    row, column = (int(n) for n in arrays[f"corner/{name}"])
    return Window(arrays[f"window/{name}"], (row, column))
