"""Where the channels of a value lie, as its axes are drawn and named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gradviz_core.types import Layout, Site, SiteInfo

_NAMED: dict[tuple[int, int], Layout] = {
    (2, 1): "vector",
    (3, 1): "sequence",
    (3, 2): "tokens",
    (4, 1): "maps",
    (4, 3): "maps_last",
    (5, 1): "volumes",
    (5, 4): "volumes_last",
}


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
    named = {(dimensions, layout): axis for (dimensions, axis), layout in _NAMED.items()}
    return named.get((len(info.shape), info.layout), min(1, max(0, len(info.shape) - 1)))


def turned(info: SiteInfo, axis: int) -> SiteInfo:
    """The site with its channels on another axis, as a person chose."""
    return replace(info, layout=layout_of(len(info.shape), axis), axis=axis, layout_known=True)


def choices(info: SiteInfo) -> tuple[int, ...]:
    """The axes that may count channels."""
    return tuple(range(1, len(info.shape)))
