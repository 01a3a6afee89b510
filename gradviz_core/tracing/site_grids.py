"""Which position of a value is which patch of the picture, from the places that a pass followed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gradviz_core.tracing.position_rules import is_padding, mean_place
from gradviz_core.tracing.watch import Trace
from gradviz_core.types import INPUT, Site
from gradviz_core.types.attention import is_attention
from gradviz_core.types.patches import NO_PATCH, PADDING, Centres, Grid

THOUSANDTHS = 1000
"""Places closer than this part of a pixel are one row or column."""
MOST_IN_ORDER = 20_000
"""Positions that come in another order than row by row, at most, of which the order is said."""


def grids(trace: Trace) -> dict[Site, Grid]:
    """The grid of each value whose channels come last, and whose positions are patches, but for those that have rows
    and columns as they come. The pass followed the places."""
    found = {}
    readings = trace.readings
    for site, places in trace.positions.items():
        if site == INPUT or is_attention(site) or site not in readings or places.dim() < 3:
            continue
        if readings[site].axis == places.dim() - 1:
            grid = _grid(mean_place(places, -1).squeeze(-1), trace.seen[INPUT][1])
            if grid is not None and not _is_plain(grid, tuple(places.shape)):
                found[site] = grid
    return found


def _grid(places: Tensor, input_shape: Sequence[int]) -> Grid | None:
    flat = places.flatten().cpu()
    there = flat[~flat.isnan()]
    if len(there) < 2:
        return None
    rows, columns = (levels(part) for part in (there.real, there.imag))
    if len(rows) * len(columns) != len(there):
        return None
    patches = numbered(flat, rows, columns).tolist()
    grid = Grid.of(patches, len(rows), len(columns), centres(rows, columns, input_shape))
    return None if grid is not None and len(grid.order) > MOST_IN_ORDER else grid


def _is_plain(grid: Grid, shape: tuple[int, ...]) -> bool:
    """Whether the value has rows and columns as they come."""
    return len(shape) > 3 and not grid.order and shape[-3:-1] == (grid.rows, grid.columns)


def levels(numbers: Tensor) -> Tensor:
    """The different numbers, in order, in thousandths."""
    found: Tensor = torch.unique((numbers * THOUSANDTHS).round())
    return found


def numbered(places: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Row · columns + column of each place; ``NO_PATCH`` for nowhere, ``PADDING`` for what a model filled up with."""
    nowhere = places.isnan()
    row, column = (
        torch.searchsorted(found, (part.masked_fill(nowhere, 0.0) * THOUSANDTHS).round().contiguous())
        for found, part in ((rows, places.real), (columns, places.imag))
    )
    found = torch.where(nowhere, NO_PATCH, row * len(columns) + column)
    return found.masked_fill(is_padding(places), PADDING)


def centres(rows: Tensor, columns: Tensor, input_shape: Sequence[int]) -> Centres | None:
    """The middles of evenly spread rows and columns, each in thousandths of a pixel of an input of this shape."""
    found = [_evenly(each, THOUSANDTHS * size) for each, size in zip((rows, columns), input_shape[-2:], strict=True)]
    (row, down), (column, across) = found
    return Centres(row, column, down, across) if down > 0 and across > 0 else None


def _evenly(found: Tensor, whole: int) -> tuple[float, float]:
    """The first level and the step to the next, in pixels; 0 for the step where the steps are not equal."""
    steps = found.diff()
    if steps.numel() == 0:
        return float(found[0]) / THOUSANDTHS, whole / THOUSANDTHS
    even = float(steps.max() - steps.min()) <= 2  # both ends of a step are rounded
    return float(found[0]) / THOUSANDTHS, float(steps.mean()) / THOUSANDTHS if even else 0.0
