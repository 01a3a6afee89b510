"""The index of a value within a site, in words and in LaTeX."""

from __future__ import annotations

from collections.abc import Sequence

from gradviz_core.types.subjects import Layout

_LAST = ("maps_last", "tokens", "volumes_last")
_PLACES = {"maps": 2, "maps_last": 2, "tokens": 1, "sequence": 1, "volumes": 3, "volumes_last": 3, "vector": 0}
"""How many spatial axes a value has, by its layout."""
_LETTERS = {"token": "t", "position": "i", "slice": "d", "row": "i", "column": "j"}


def place_axes(layout: Layout, count: int) -> tuple[str, ...]:
    """The names of the ``count`` spatial axes of a channel."""
    one = "token" if layout == "tokens" else "position"
    return {1: (one,), 2: ("row", "column"), 3: ("slice", "row", "column")}.get(count, ())


def unit_place(index: tuple[int, ...], layout: Layout = "vector") -> str:
    """``(channel 17, row 9, column 14)``, ``(token 3, feature 20)``, ``(channel 3, position 7)`` or ``(feature 7)``.
    Indices without a name in the layout are written alone."""
    if layout not in _PLACES or len(index) != 1 + _PLACES[layout]:
        return f"({', '.join(map(str, index))})"
    places = place_axes(layout, len(index) - 1)
    channel = "feature" if layout in ("tokens", "vector") else "channel"
    names = (*places, channel) if layout in _LAST else (channel, *places)
    return f"({', '.join(f'{name} {i}' for name, i in zip(names, index, strict=True))})"


def subscript(layout: Layout, channel: int | None = None, place: Sequence[int] = ()) -> str:
    """The indices of a value in LaTeX, in the order of the site's axes: ``k,i,j``, ``t,k``, or ``k`` where a channel is
    a single number. ``channel`` and ``place`` stand for ``k`` and the others where they are given."""
    k, at = "k" if channel is None else str(channel), [str(i) for i in place]
    letters = at or [_LETTERS[axis] for axis in place_axes(layout, _PLACES.get(layout, 0))]
    return ",".join([*letters, k] if layout in _LAST else [k, *letters])


def everywhere(layout: Layout) -> str:
    """Where a channel has its values: `` at each spatial position``, `` at each token``; empty where it is one. Of
    volumes also in which order their slices are drawn."""
    sheet = " at each spatial position, the slices in order from left to right, row by row"
    one = {"tokens": " at each token", "sequence": " at each position", "vector": "", "other": ""}
    one |= {"volumes": sheet, "volumes_last": sheet}
    return one.get(layout, " at each spatial position")
