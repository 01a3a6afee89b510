"""Which token of an attention layer is which patch of the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gradviz_core.tracing.site_grids import centres, levels, numbered
from gradviz_core.tracing.trace import Trace
from gradviz_core.types import INPUT, Site
from gradviz_core.types.patches import Centres, spread
from gradviz_core.types.sites import site_name

_MOST_EXTRA = 16
"""Tokens before the patches, at most, where the grid is guessed."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The patches that an attention layer attends over, and its tokens."""

    rows: int
    columns: int
    queries: Tensor
    """(windows, queries): the patch of each token, row · columns + column; ``NO_PATCH`` for a class token or a
    register, ``PADDING`` for one that the model filled up a window with."""
    keys: Tensor
    """(windows, keys), likewise."""
    guessed: str = ""
    """How the grid was guessed; empty where the operations of the pass show it."""
    centres: Centres | None = None
    """Where the patches lie; None where they are not evenly spread."""
    window: Tensor | None = None
    """(images · heads,): the window of each matrix of weights, by number; None where heads follow on heads within each
    window, as they mostly do."""


def grid_of(trace: Trace, site: Site) -> Grid | None:
    """The grid at attention weights of a trace that was made with ``attention``; None where nothing tells."""
    (queries, window), (keys, _) = (_windows(trace, site, which) for which in (0, 1))
    shape = tuple(trace.value(site).shape[-2:])
    if shape[0] == shape[1]:
        queries = keys if queries is None else queries
        keys = queries if keys is None else keys
    if queries is None or keys is None or (queries.isnan().all() and keys.isnan().all()):
        return _guess(trace, site, shape)
    found = torch.cat([queries.flatten(), keys.flatten()])
    found = found[~found.isnan()]
    rows, columns = (levels(part) for part in (found.real, found.imag))
    if _count(numbered(found, rows, columns)) != len(rows) * len(columns):
        return _guess(trace, site, shape)
    one, other = (numbered(places, rows, columns) for places in (queries, keys))
    return Grid(
        len(rows),
        len(columns),
        one,
        other,
        centres=centres(rows, columns, trace.seen[INPUT][1]),
        window=window,
    )


def _windows(trace: Trace, site: Site, which: int) -> tuple[Tensor | None, Tensor | None]:
    """The places of the tokens, (windows, tokens), each window once, whatever the number of heads; and the window of
    each matrix of weights."""
    places = trace.places.get((site, which))
    if places is None:
        return None, None
    flat = places.reshape(-1, places.shape[-1]).cpu()
    seen = torch.view_as_real(flat).nan_to_num(nan=-1.0).flatten(1)
    known: dict[tuple[float, ...], int] = {}
    window = [known.setdefault(tuple(row), number) for number, row in enumerate(seen.tolist())]
    first = list(known.values())
    return flat[first], torch.tensor([first.index(number) for number in window])


def _count(numbers: Tensor) -> int:
    return int(torch.unique(numbers).numel())


def _guess(trace: Trace, site: Site, shape: Sequence[int]) -> Grid | None:
    """A grid as large as the last map before the layer that has about as many positions as it has tokens, which come
    row by row after any others."""
    queries, keys = shape
    before = list(trace.seen)[: list(trace.seen).index(site)]
    for other in reversed(before):
        size = trace.seen[other][1]
        if other == INPUT or len(size) != 4 or not 0 <= keys - size[2] * size[3] <= _MOST_EXTRA:
            continue
        rows, columns = size[2:]
        number = torch.arange(keys) - (keys - rows * columns)
        places = torch.where(number >= 0, number, -1)[None]
        how = f"as the maps of {site_name(other)}, {rows}×{columns}, row by row, after any other token"
        asking = places if queries == keys else torch.full((1, queries), -1)
        picture = trace.seen[INPUT][1][-2:]
        return Grid(rows, columns, asking, places, how, spread(rows, columns, (picture[0], picture[1])))
    return None
