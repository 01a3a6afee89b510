"""The values of a forward pass -> a small map of the network: one bar for each, in order of execution, in blocks."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from gradviz_core.drawing.captions import site_text
from gradviz_core.types import INPUT, Site, SiteInfo, layouts

LOWEST = 0.16
"""Height of a value without positions, such as the scores."""
_OPENS = re.compile(r"Conv|Linear|MultiheadAttention")
"""Kinds of layers that begin another block in a plain row of layers, with the activation and the pooling after them."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One site on the map."""

    site: str
    """As the address names it."""
    title: str
    """Its name, kind and shape."""
    block: str
    start: bool
    """Whether it is the first of its block."""
    height: float
    """``LOWEST`` to 1, by the logarithm of its side: the square root of its number of positions."""


def shown(infos: Sequence[SiteInfo], chosen: Site) -> list[SiteInfo]:
    """The sites on the map: without the input, and without containers that only pass a value on, unless chosen."""
    return [info for info in infos if info.site != INPUT and (info.same_as is None or info.site == chosen)]


def bars(infos: Sequence[SiteInfo]) -> list[Bar]:
    """One for each site."""
    blocks = block_names([info.site.path for info in infos], [bool(_OPENS.search(info.kind)) for info in infos])
    sides = [math.sqrt(math.prod(layouts.places(info))) for info in infos]
    most = max(sides, default=1.0)
    return [
        Bar(
            site=str(info.site),
            title=site_text(info),
            block=block,
            start=number == 0 or block != blocks[number - 1],
            height=_height(side, most),
        )
        for number, (info, block, side) in enumerate(zip(infos, blocks, sides, strict=True))
    ]


def _height(side: float, most: float) -> float:
    return LOWEST + (1 - LOWEST) * (math.log1p(side - 1) / math.log1p(most - 1) if most > 1 else 0.0)


def block_names(paths: Sequence[str], opens: Sequence[bool]) -> list[str]:
    """The block of each layer, by the author's names: the path up to the first part with a number, as in ``layer1`` and
    ``blocks.3``. In a plain row of numbered layers each one that ``opens`` begins a block, ``features.3 to 5``."""
    parents = {path.rpartition(".")[0] for path in paths}
    found: list[list[str]] = []
    for path, begins in zip(paths, opens, strict=True):
        same = bool(found) and _group(found[-1][-1], parents) == _group(path, parents)
        if not same or (begins and _in_a_row(path, parents)):
            found.append([])
        found[-1].append(path)
    return [name for group in found for name in [_name(group, parents)] * len(group)]


def _in_a_row(path: str, parents: set[str]) -> bool:
    """Whether it is one of several numbered layers, which have no layers inside."""
    return path not in parents and path.rpartition(".")[2].isdecimal() and _block(path, parents) == path


def _group(path: str, parents: set[str]) -> str:
    return path.rpartition(".")[0] if _in_a_row(path, parents) else _block(path, parents)


def _block(path: str, parents: set[str]) -> str:
    """A layer's own name, such as ``relu6``, has a number for other reasons."""
    parts = path.split(".")
    counted = parts if path in parents or parts[-1].isdecimal() else parts[:-1]
    end = next((number for number, part in enumerate(counted, 1) if re.search(r"\d", part)), 1)
    return ".".join(parts[:end])


def _name(paths: Sequence[str], parents: set[str]) -> str:
    row = [path for path in paths if _in_a_row(path, parents)]
    if row:
        return row[0] if row[0] == row[-1] else f"{row[0]} to {row[-1].rpartition('.')[2]}"
    return _block(paths[0], parents) or "output"
