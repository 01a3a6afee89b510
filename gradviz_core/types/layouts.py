"""Which axis of a value holds its channels, and how its axes are drawn and named."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gradviz_core.types.patches import Grid as Grid
from gradviz_core.types.subjects import INPUT, Layout, Site, SiteInfo

_NAMED: dict[tuple[int, int], Layout] = {
    (2, 1): "vector",
    (3, 1): "sequence",
    (3, 2): "tokens",
    (4, 1): "maps",
    (4, 3): "maps_last",
    (5, 1): "volumes",
    (5, 4): "volumes_last",
}
SLACK = 2
"""By how many positions rounding may change rows against columns: where each of several layers halves both sides, one
less than this many."""
FEW = 4
"""As many positions may be lost at the borders of a small map, where convolutions have no padding."""
_AXIS = {(dimensions, layout): axis for (dimensions, axis), layout in _NAMED.items()}


@dataclass(frozen=True, slots=True)
class Reading:
    """How the axes of a value are read."""

    axis: int
    """The channel axis, where the batch axis is 0."""
    known: bool
    """Whether the operations of the forward pass show it; else it is a guess."""


def read(
    seen: Mapping[Site, tuple[str, tuple[int, ...]]], channel_axes: Mapping[Site, int | None]
) -> dict[Site, Reading]:
    """How each value is read, from (kind of module, shape) and the channel axis that the operations show, in order of
    execution.

    A value with one axis beside the batch axis has its channels there. Where the operations show nothing, the guess is
    the axis of the latest earlier value of that shape; else the last of three axes, and axis 1 of others.
    """
    found: dict[Site, Reading] = {}
    latest: dict[tuple[int, ...], int] = {}
    for site, (_, shape) in seen.items():
        known_axis = channel_axes.get(site)
        if len(shape) <= 2:
            found[site] = Reading(max(0, len(shape) - 1), known=True)
        elif known_axis is not None:
            found[site] = Reading(known_axis, known=True)
            latest[shape] = known_axis
        else:
            found[site] = Reading(latest.get(shape, 2 if len(shape) == 3 else 1), known=False)
    return found


def layout_of(dimensions: int, axis: int) -> Layout:
    """The layout of a value with ``dimensions`` axes, of which ``axis`` holds the channels."""
    return _NAMED.get((dimensions, axis), "other")


def channel_axis(info: SiteInfo) -> int:
    """The channel axis of a site, where the batch axis is 0."""
    if info.axis is not None:
        return info.axis
    return _AXIS.get((len(info.shape), info.layout), min(1, max(0, len(info.shape) - 1)))


def drawn_axis(layout: Layout, dimensions: int, axis: int | None) -> int:
    """The axis whose entries are drawn as one picture each, where the batch axis is 0; 0 for a value whose entries are
    drawn one by one: a vector, or a value without a batch axis or with more than three spatial axes."""
    at = axis if axis is not None else _AXIS.get((dimensions, layout), 0)
    return at if 3 <= dimensions <= 5 and layout != "vector" else 0


def places(info: SiteInfo) -> tuple[int, ...]:
    """How many positions each drawn channel has along each axis; () where it is a single number."""
    axis = drawn_axis(info.layout, len(info.shape), info.axis)
    return (*info.shape[1:axis], *info.shape[axis + 1 :]) if axis else ()


def channel_count(info: SiteInfo) -> int:
    """How many channels (features) a site has, as it is drawn."""
    axis = drawn_axis(info.layout, len(info.shape), info.axis)
    return info.shape[axis] if axis else math.prod(info.shape[1:])


def index_of(info: SiteInfo, channel: int, place: tuple[int, ...]) -> tuple[int, ...]:
    """The index of a channel at a position within the site's value, without the batch axis, as ``Unit`` takes it."""
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
    """The site with its channels on another axis, as chosen by a person."""
    grid = info.grid if axis == channel_axis(info) else None
    return replace(info, layout=layout_of(len(info.shape), axis), axis=axis, layout_known=True, grid=grid)


def choices(info: SiteInfo) -> tuple[int, ...]:
    """The axes that may hold the channels."""
    return tuple(range(1, len(info.shape)))


def has_a_map(info: SiteInfo) -> bool:
    """Whether a site inside has channels and several positions, in memory of its own."""
    inside = info.site.path != INPUT.path and info.differentiable and info.same_as is None
    return inside and info.layout_known and math.prod(places(info)) > 1


def with_rows_and_columns(infos: Iterable[SiteInfo]) -> tuple[SiteInfo, ...]:
    """Those that have a map with rows and columns over the picture, in their order."""
    every = tuple(infos)
    size = picture_size(every)
    return tuple(info for info in every if has_a_map(info) and is_rows_and_columns(info, size))


def last_with_rows_and_columns(infos: Sequence[SiteInfo], size: tuple[int, int] | None) -> SiteInfo | None:
    """The last that has a map with rows and columns over a picture of this size, if there is one; None if none has. It
    is the layer output of a method, where none is named."""
    found = (info for info in reversed(infos) if has_a_map(info) and is_rows_and_columns(info, size))
    return next(found, None)


def picture_size(infos: Iterable[SiteInfo]) -> tuple[int, int] | None:
    """Rows and columns of the input; None where it is not among the sites, or is no picture."""
    shapes = (info.shape for info in infos if info.site == INPUT)
    return next(((shape[2], shape[3]) for shape in shapes if len(shape) == 4), None)


def is_rows_and_columns(info: SiteInfo, size: tuple[int, int] | None) -> bool:
    """Whether the positions of a site are rows and columns, which lie over a picture of this size if there is one."""
    found = places(info)
    return len(found) == 2 and (size is None or over_image(found, channel_axis(info), size) is not None)


def grid(info: SiteInfo, size: tuple[int, int]) -> Grid | None:
    """How the positions of a site lie over an image of this size: as the pass shows, or else as ``over_image`` reads
    off their number; None where they do not."""
    return info.grid or over_image(places(info), channel_axis(info), size)


def is_read_off(grid: Grid, info: SiteInfo) -> bool:
    """Whether tokens are taken for patches by their number alone."""
    return not grid.shown and len(places(info)) == 1


def over_image(places: Sequence[int], axis: int, size: tuple[int, int]) -> Grid | None:
    """How positions lie over an image of this size, whose channels are on ``axis``; None where they do not.

    Rows and columns lie over it as they are; with the channels last they have to be in proportion to the image, for
    else the two axes count something else, such as windows and the tokens of each. Convolutions have their channels
    first, and may step differently along rows and columns. Tokens, with their features last, are the squares of a grid
    that has the proportions of the image; of one more than these the first, the class token, stands apart.
    """
    if len(places) == 2:
        in_order = axis == 1 or _is_of_one_stride((places[0], places[1]), size)
        return Grid(0, places[0], places[1]) if in_order else None
    if len(places) != 1 or axis != 2:
        return None
    for apart in (0, 1):
        count = places[0] - apart
        rows = round(math.sqrt(count * size[0] / size[1]))
        if rows > 1 and count % rows == 0 and rows * size[1] == (count // rows) * size[0]:
            return Grid(apart, rows, count // rows)
    return None


def of_array(shape: Sequence[int], info: SiteInfo, size: tuple[int, int]) -> Grid | None:
    """How the map of a site lies over an image of this size, as an array of this shape that may hold one number for
    each block of positions; None where it does not."""
    axis, found = channel_axis(info), grid(info, size)
    came = (*shape[1:axis], *shape[axis + 1 :])
    whole = found is None or found is info.grid or len(came) != 2
    return found if whole else Grid(0, came[0], came[1])


def _is_of_one_stride(places: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether so many rows and columns are what equal steps along both sides of the image give.

    Steps of s pixels give rows = H / s - lost and columns = W / s - lost, each give or take ``SLACK`` for rounding:
    without padding the same number is lost on both sides, taken to be at most half of the shorter one, or ``FEW``.
    """
    (short, long), (height, width) = (places, size) if size[0] <= size[1] else (places[::-1], size[::-1])
    ratio, lost = width / height, max(FEW, short)
    return short * ratio - SLACK <= long <= (short + lost) * ratio - lost + SLACK
