"""Where a number stands in what a site gives, in words and in LaTeX."""

from __future__ import annotations

from collections.abc import Sequence

from gradviz_core.types import Layout


def unit_place(index: tuple[int, ...], layout: Layout = "maps") -> str:
    """``(channel 17, row 9, column 14)``, ``(token 3, feature 20)`` or ``(feature 7)``."""
    three = ("row", "column", "channel") if layout == "maps_last" else ("channel", "row", "column")
    names = {3: three, 2: ("token", "feature"), 1: ("feature",)}.get(len(index)) if layout != "other" else None
    words = [f"{name} {i}" for name, i in zip(names, index, strict=True)] if names else [str(i) for i in index]
    return f"({', '.join(words)})"


def subscript(layout: Layout, channel: int | None = None, place: Sequence[int] = ()) -> str:
    """The indices of a number in LaTeX, in the order of the site's axes: ``k,i,j``, ``t,k``, or ``k`` where a channel
    is a single number. ``channel`` and ``place`` stand for ``k`` and the others where they are given."""
    k, at = "k" if channel is None else str(channel), [str(i) for i in place]
    match layout:
        case "maps":
            return ",".join([k, *(at or "ij")])
        case "maps_last":
            return ",".join([*(at or "ij"), k])
        case "tokens":
            return ",".join([*(at or "t"), k])
        case _:
            return k


def everywhere(layout: Layout) -> str:
    """Where a channel has its numbers: `` at each place``, `` at each token``; empty where it is a single number."""
    return {"maps": " at each place", "maps_last": " at each place", "tokens": " at each token"}.get(layout, "")
