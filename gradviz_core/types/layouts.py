"""Where the channels of a value lie, as its axes are drawn and named."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gradviz_core.types.subjects import Layout, Site, SiteInfo

_NAMED: dict[tuple[int, int], Layout] = {
    (2, 1): "vector",
    (3, 1): "sequence",
    (3, 2): "tokens",
    (4, 1): "maps",
    (4, 3): "maps_last",
    (5, 1): "volumes",
    (5, 4): "volumes_last",
}
_AXIS = {(dimensions, layout): axis for (dimensions, axis), layout in _NAMED.items()}


@dataclass(frozen=True, slots=True)
class Reading:
    """How a value is read."""

    axis: int
    """The axis that counts channels, the batch axis counted."""
    known: bool
    """Whether the operations of the forward pass tell; else it is a guess."""


def read(
    seen: Mapping[Site, tuple[str, tuple[int, ...]]], channel_axes: Mapping[Site, int | None]
) -> dict[Site, Reading]:
    """How each value is read, from (kind of module, shape) and the channel axis that the operations tell, in order of
    execution.

    A value with one axis beside the batch axis has its channels there. Where nothing tells, the axis of the latest
    earlier value of that shape is a guess; else the last of three axes, and the first after the batch axis of others.
    """
    found: dict[Site, Reading] = {}
    latest: dict[tuple[int, ...], int] = {}
    for site, (_, shape) in seen.items():
        told = channel_axes.get(site)
        if len(shape) <= 2:
            found[site] = Reading(max(0, len(shape) - 1), known=True)
        elif told is not None:
            found[site] = Reading(told, known=True)
            latest[shape] = told
        else:
            found[site] = Reading(latest.get(shape, 2 if len(shape) == 3 else 1), known=False)
    return found


def layout_of(dimensions: int, axis: int) -> Layout:
    """The layout of a value with so many axes, of which ``axis`` counts channels."""
    return _NAMED.get((dimensions, axis), "other")


def channel_axis(info: SiteInfo) -> int:
    """The axis that counts channels at a site, the batch axis counted."""
    if info.axis is not None:
        return info.axis
    return _AXIS.get((len(info.shape), info.layout), min(1, max(0, len(info.shape) - 1)))


def drawn_axis(layout: Layout, dimensions: int, axis: int | None) -> int:
    """The axis whose entries are drawn as a picture each, the batch axis counted; 0 for a value whose numbers are drawn
    one by one: a vector, and what has no batch axis or more than three axes of places."""
    at = axis if axis is not None else _AXIS.get((dimensions, layout), 0)
    return at if 3 <= dimensions <= 5 and layout != "vector" else 0


def places(info: SiteInfo) -> tuple[int, ...]:
    """How many places each channel that is drawn has along each axis; () where it is a single number."""
    axis = drawn_axis(info.layout, len(info.shape), info.axis)
    return (*info.shape[1:axis], *info.shape[axis + 1 :]) if axis else ()


def channel_count(info: SiteInfo) -> int:
    """How many channels (features) a site has, as it is drawn."""
    axis = drawn_axis(info.layout, len(info.shape), info.axis)
    return info.shape[axis] if axis else math.prod(info.shape[1:])


def index_of(info: SiteInfo, channel: int, place: tuple[int, ...]) -> tuple[int, ...]:
    """Where a channel at a place lies within the site's value, without the batch axis, as ``Unit`` wants it."""
    axis = drawn_axis(info.layout, len(info.shape), info.axis)
    if axis:
        return (*place[: axis - 1], channel, *place[axis - 1 :])
    index = []
    for size in reversed(info.shape[1:]):
        channel, rest = divmod(channel, size)
        index.append(rest)
    return tuple(reversed(index))


def slices_on_a_sheet(slices: int, rows: int, columns: int) -> tuple[int, int]:
    """How many slices of a volume are drawn one below the other, and how many side by side: about as wide as high."""
    across = min(slices, max(1, math.ceil(math.sqrt(slices * rows / columns))))
    return math.ceil(slices / across), across


def turned(info: SiteInfo, axis: int) -> SiteInfo:
    """The site with its channels on another axis, as a person chose."""
    return replace(info, layout=layout_of(len(info.shape), axis), axis=axis, layout_known=True)


def choices(info: SiteInfo) -> tuple[int, ...]:
    """The axes that may count channels."""
    return tuple(range(1, len(info.shape)))
