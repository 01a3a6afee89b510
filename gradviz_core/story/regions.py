"""Where to look: the part of a picture that holds most of something."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gradviz_core.drawing.outlines import Box
from gradviz_core.story.told import claim
from gradviz_core.types import Field, FloatArray

Mask = npt.NDArray[np.bool_]


class Region(NamedTuple):
    """A box, and the share of the whole sum within it."""

    box: Box
    share: float


def square(gradient: FloatArray) -> FloatArray:
    """Σ_c g[c]² at each position, in double precision: (1, C, H, W) or (C, H, W) to (H, W)."""
    planes = gradient[0] if gradient.ndim == 4 else gradient
    return np.asarray(np.square(planes, dtype=np.float64).sum(axis=0))


def strongest_window(amounts: FloatArray, rows: int, columns: int) -> Region:
    """The window of this size with the largest sum of ``amounts`` (H, W), none of them negative; the first of several.

    Raises:
        NotSo: everything is zero, or the picture is too small for such a window.
    """
    height, width = amounts.shape
    claim(0 < rows <= height and 0 < columns <= width, f"a part of a picture of {height}×{width} can be marked")
    claim(bool(amounts.any()), "a gradient is not zero everywhere")
    total = np.pad(np.asarray(amounts, np.float64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    sums = total[rows:, columns:] - total[:-rows, columns:] - total[rows:, :-columns] + total[:-rows, :-columns]
    top, left = map(int, np.unravel_index(sums.argmax(), sums.shape))
    return Region((top, top + rows - 1, left, left + columns - 1), float(sums[top, left] / total[-1, -1]))


def share_inside(amounts: FloatArray, box: Box) -> float:
    """The share of the sum of ``amounts`` (H, W) that lies in the box."""
    top, bottom, left, right = box
    return float(amounts[top : bottom + 1, left : right + 1].sum(dtype=np.float64) / amounts.sum(dtype=np.float64))


def strongest_quarter(over: FloatArray, size: tuple[int, int]) -> Mask:
    """The pixels of a picture of this size where the map ``over`` (rows, columns), enlarged bilinearly, is larger than
    at three quarters of all pixels."""
    large = np.asarray(over, np.float64)
    for axis, pixels in enumerate(size):
        cells = large.shape[axis]
        at = np.clip((np.arange(pixels) + 0.5) * cells / pixels - 0.5, 0, cells - 1)
        low = np.floor(at).astype(int)
        part = (at - low).reshape((-1, 1) if axis == 0 else (1, -1))
        upper = large.take(np.minimum(low + 1, cells - 1), axis)
        large = large.take(low, axis) * (1 - part) + upper * part
    return np.asarray(large > np.sort(large, axis=None)[math.ceil(0.75 * large.size) - 1])


def fewest(amounts: FloatArray, share: float) -> float:
    """The smallest share of the positions that together hold ``share`` of the sum of ``amounts``."""
    largest_first = np.sort(np.asarray(amounts, np.float64), axis=None)[::-1].cumsum()
    needed = int(np.searchsorted(largest_first, share * largest_first[-1])) + 1
    return needed / amounts.size


def centre(box: Box) -> str:
    """``41,57``: the row and column of the middle of a box, as an address names a pixel."""
    top, bottom, left, right = box
    return f"{(top + bottom) // 2},{(left + right) // 2}"


def grown(box: Box, size: tuple[int, ...]) -> Box:
    """The box and half its height and width on each side, as far as a picture of this size goes."""
    top, bottom, left, right = box
    rows, columns = (bottom - top + 2) // 2, (right - left + 2) // 2
    return (
        max(top - rows, 0),
        min(bottom + rows, size[0] - 1),
        max(left - columns, 0),
        min(right + columns, size[1] - 1),
    )


def cut(field: Field, box: Box) -> Field:
    """The part of a field within a box, on the same scale."""
    top, bottom, left, right = box
    return replace(field, values=field.values[top : bottom + 1, left : right + 1])
