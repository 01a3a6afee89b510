"""How the attention weights of a layer are named: they are a value that no module returns."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gradviz_core.types.subjects import Site

KIND = "attention"
"""What the survey calls attention weights."""
_ITEM = re.compile(r"\.attention(?: (?P<number>[1-9]\d{0,5}))?")
"""Item of their site. No module returns something of that name: it begins with a dot."""


def attention_of(path: str, call: int = 0, number: int = 0) -> Site:
    """The attention weights that the module at ``path`` forms at that call; ``number`` counts where it forms several.

    Their axes are those that the model has, queries and keys last: (images, heads, queries, keys) mostly, with the
    windows counted as images where a layer attends within windows.
    """
    return Site(path, call, ".attention" + (f" {number + 1}" if number else ""))


def is_attention(site: Site) -> bool:
    """Whether a site is that of attention weights."""
    return bool(_ITEM.fullmatch(site.item))


def blocks(sites: Sequence[Site]) -> tuple[str, ...]:
    """The block that each of these attention layers stands in: their paths differ in one part, the block's number;
    empty where they do not."""
    paths = [site.path.split(".") for site in sites]
    apart = {i for path in paths for i, (one, other) in enumerate(zip(path, paths[0], strict=False)) if one != other}
    if len({len(path) for path in paths}) != 1 or len(apart) != 1:
        return ()
    return tuple(".".join(path[: min(apart) + 1]) for path in paths)


def number_of(site: Site) -> int:
    """Which of the attention weights it is that its module forms at one call; 0 for the first."""
    match = _ITEM.fullmatch(site.item)
    return int(match["number"] or 1) - 1 if match else 0
