"""A map on a coarser grid: the mean over the area of each new cell."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gradviz_core.types.arrays import FloatArray
from gradviz_core.types.photo_window import WHOLE, Window

ROUNDING = 1e-9
"""A border nearer than this to that of a cell, in cells, is on it."""
Doubles = npt.NDArray[np.float64]


def area_means(field: FloatArray, rows: int, columns: int, part: Window = WHOLE) -> FloatArray:
    """``part`` of a map (H, W) on a grid of so many rows and columns: for each new cell the mean over its area, where a
    cell that it covers partly counts with the covered share. Numbers that are not finite are left out; NaN where a new
    cell has no others.

    The map itself where that is its own grid. The mean over all new cells is the mean over the part.
    """
    if part == WHOLE and field.shape == (rows, columns):
        return field
    down = _shares(field.shape[0], rows, part.top, part.bottom)
    across = _shares(field.shape[1], columns, part.left, part.right)
    finite = np.isfinite(field)
    if finite.all():
        return _summed(_summed(field, down).T, across).T
    sums = _summed(_summed(np.where(finite, field, 0), down).T, across).T
    shares = _summed(_summed(finite, down).T, across).T
    found: FloatArray = np.divide(sums, shares, out=np.full_like(sums, np.nan), where=shares > 0)
    return found


def _summed(values: np.ndarray, shares: Doubles) -> Doubles:
    """``shares`` @ ``values``, of each row only what it covers: the rest of a large map would cost seconds."""
    found = np.empty((len(shares), values.shape[1]))
    for row, share in enumerate(shares):
        covered = np.flatnonzero(share)
        at = slice(covered[0], covered[-1] + 1)
        found[row] = share[at] @ values[at].astype(np.float64)
    return found


def _shares(old: int, new: int, start: float, end: float) -> Doubles:
    """Which share of each new cell, from ``start`` to ``end`` of the old ones, each old one covers: (new, old)."""
    borders = np.linspace(start * old, end * old, new + 1)
    nearest = np.rint(borders)
    borders = np.where(np.abs(borders - nearest) < ROUNDING, nearest, borders)
    cells = np.arange(old)
    covered = np.minimum(borders[1:, None], cells + 1) - np.maximum(borders[:-1, None], cells)
    shares: Doubles = np.clip(covered, 0.0, None) / np.diff(borders)[:, None]
    return shares


def cells_of(part: Window, rows: int, columns: int) -> tuple[int, int]:
    """How many rows and columns of a map of so many lie in a part of it, to the nearest whole number; at least one."""
    return (
        max(1, round((part.bottom - part.top) * rows)),
        max(1, round((part.right - part.left) * columns)),
    )
