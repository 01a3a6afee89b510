"""Choosing a site of the forward pass, and a unit within it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from gradviz_core.drawing import fields
from gradviz_core.drawing.captions import channel_word, site_text
from gradviz_core.drawing.fields import Planes
from gradviz_core.drawing.planes import geometry
from gradviz_core.errors import UnknownSite
from gradviz_core.types import INPUT, Blocks, FlowAnswer, Site, SiteInfo, layouts
from gradviz_core.types.heads import HeadInfo
from gradviz_core.types.indices import place_axes
from gradviz_core.types.layouts import Grid
from gradviz_core.types.patches import spread
from gradviz_core.types.sites import no_such_site, site_name
from pages.shell import address, pixel, widgets
from pages.shell.clicks import Click
from pages.shell.parameters import Parameter
from pages.shell.words import plain

OF_SITE = (Parameter("site", within=("model",)), Parameter("axis", within=("site",)))
PARAMETERS = (
    *OF_SITE,
    *pixel.PARAMETERS,
    *(Parameter(name, within=("axis",)) for name in ("channel", "position", "slice")),
    *(Parameter(name, within=("axis", "pixel")) for name in ("row", "col", "token")),  # they start at the pixel
)
_NAMED = {"row": "row", "column": "col", "token": "token", "position": "position", "slice": "slice"}
"""The parameter of the address for each index of a position."""
_OVER_THE_PICTURE = ("maps", "maps_last", "tokens")
"""Layouts whose positions correspond to those of the pixels."""


def choose(infos: Sequence[SiteInfo], first: str = "") -> SiteInfo:
    """The site chosen from the survey, with the source line that computed it below, if the upload contains it.
    Containers that only pass on a child's value are not listed. The one to show ``first`` is that of ``default``, if
    none is said.

    Raises:
        NoSuchChoice: the address names a site that never ran.
        UnknownSite: the model has no values inside.
    """
    known = {str(info.site): info for info in infos if info.site != INPUT}
    listed = [name for name, info in known.items() if info.same_as is None]
    chosen = address.read("site", first or default(infos))
    widgets.select(
        "Layer output",
        "site",
        listed if chosen in listed else [*listed, *({chosen} & set(known))],
        chosen,
        lambda name: site_text(known[name]),
    )
    if chosen not in known:
        raise address.NoSuchChoice(str(no_such_site(Site.parse(chosen), [info.site for info in infos])), "site")
    if not known[chosen].shape:
        raise address.NoSuchChoice(
            f"{site_name(known[chosen].site)} is a single number, which has no channels. Choose another layer output; "
            "Input saliency shows how this number changes with each pixel.",
            "site",
        )
    if known[chosen].source:
        st.caption(plain(f"Computed by {known[chosen].source}"))
    return _read_as_chosen(known[chosen])


def _read_as_chosen(info: SiteInfo) -> SiteInfo:
    """The site with its channels on the axis that the person chooses. An axis that the forward pass does not show is
    marked as a guess, which they can change."""
    if len(info.shape) < 2 or (info.layout_known and not address.read("axis")):
        return info
    guess = layouts.channel_axis(info)
    readings = [layouts.turned(info, axis) for axis in sorted(layouts.choices(info), key=lambda axis: axis != guess)]
    words = {str(layouts.channel_axis(one)): _reading_words(one) for one in readings}
    if not info.layout_known:
        how = "As chosen" if address.read("axis") else "Guessed"
        st.caption(f"{how}: the model does not show which axis of this output holds the channels.")
    return layouts.turned(info, int(widgets.option("Channels", "axis", words)))


def _reading_words(info: SiteInfo) -> str:
    """``axis 1: 9 channels of 25``; the batch axis is axis 0."""
    places = "×".join(map(str, layouts.places(info)))
    of = f" of {places}" if places else ""
    return f"axis {info.axis}: {layouts.channel_count(info)} {channel_word(info)}s{of}"


def default(infos: Sequence[SiteInfo]) -> str:
    """The site to show first: an activation function two thirds of the way through the model, or the nearest to
    that."""
    inner = [info for info in infos if info.site != INPUT and info.same_as is None and info.differentiable]
    maps = [info for info in inner if layouts.places(info)] or inner
    if not maps:
        raise UnknownSite(
            "This model has no layer outputs to show: its forward pass calls no modules. Choose another model."
        )
    rectified = [info for info in maps if info.kind in ("ReLU", "GELU", "SiLU", "Hardswish", "ReLU6")] or maps
    return str(rectified[(2 * len(rectified)) // 3 if len(rectified) > 1 else 0].site)


def reached(flow: FlowAnswer) -> tuple[SiteInfo, ...]:
    """The sites inside the model that a gradient of the score reaches."""
    norms = flow.arrays["gradient_norm"]
    return tuple(
        info for info, norm in zip(flow.sites, norms, strict=True) if info.site != INPUT and not np.isnan(norm)
    )


def of_head(infos: Sequence[SiteInfo], head: HeadInfo) -> SiteInfo | None:
    """The site of one of the tensors that the model returns."""
    return next((info for info in infos if not info.site.path and info.site.item == head.item), None)


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a site, the same for all its channels."""

    index: tuple[int, ...]
    """(row, column), (token,), (position,), (slice, row, column) or ()."""
    axes: tuple[str, ...] = ()
    """The names of its indices."""

    @property
    def words(self) -> str:
        """`` at row 3, column 4``; empty if there is only one position."""
        named = ", ".join(f"{axis} {i}" for axis, i in zip(self.axes, self.index, strict=True))
        return f" at {named}" if named else ""

    @property
    def choices(self) -> dict[str, int]:
        """The choices that name it in the address."""
        return _place_choices(self.axes, self.index)


def choose_place(info: SiteInfo, size: tuple[int, int], *, width: int = widgets.COUNTER) -> Place:
    """The chosen row and column, token or position. The default is the one at the chosen pixel of the picture of this
    ``size``, or the middle if there is none. A vector has no positions."""
    places = layouts.places(info)
    axes = place_axes(info.layout, len(places))
    first = _over(info, size) or fields.middle_place(info.layout, places)
    chosen = [
        widgets.counter(axis.capitalize(), _NAMED[axis], count, start, width=width)
        for axis, count, start in zip(axes, places, first, strict=True)
    ]
    return Place(tuple(chosen), axes)


def _over(info: SiteInfo, size: tuple[int, int]) -> tuple[int, ...]:
    """The position at the chosen pixel: (row, column) or (token,); empty if no pixel is chosen, or if the positions do
    not correspond to pixels."""
    chosen = pixel.chosen(size)
    if chosen is None or info.layout not in _OVER_THE_PICTURE:
        return ()
    planes = geometry(info.shape, info.layout, info.axis)
    return place_of(planes, *_under(planes, *chosen, *size))


def channel_in_address(info: SiteInfo) -> int | None:
    """The channel in the address, before the field for it is drawn; None if it names none that exists."""
    text = address.read("channel")
    known = text.isascii() and text.isdigit() and len(text) < 10 and int(text) < layouts.channel_count(info)
    return int(text) if known else None


def choose_channel(info: SiteInfo, default: int, *, width: int = widgets.COUNTER) -> int:
    """The chosen channel (feature)."""
    count = layouts.channel_count(info)
    return widgets.counter(channel_word(info).capitalize(), "channel", count, default, width=width)


# --------------------------------------------------------------------------------------------------------------- clicks


def choose_cell(planes: Planes, blocks: Blocks | None = None) -> Callable[[Click], None]:
    """A click on a channel's map chooses the position; if its cells are ``blocks``, the one whose value a cell
    shows."""

    def act(click: Click) -> None:
        row, column = click.row, click.column
        if blocks is not None:
            if row < 0 or column < 0:
                return
            try:
                row, column = blocks.place(*blocks.cell(row, column))
            except IndexError:  # outside the map
                return
        _write_cell(planes, row, column)

    return act


def choose_under(planes: Planes, height: int, width: int) -> Callable[[Click], None]:
    """A click on the image, or on a picture of its size, chooses the position at that pixel, if there is one."""

    def act(click: Click) -> None:
        if planes.layout in _OVER_THE_PICTURE:
            _write_cell(planes, *_under(planes, click.row, click.column, height, width))

    return act


def choose_patch(info: SiteInfo, grid: Grid, size: tuple[int, int]) -> Callable[[Click], None]:
    """The same where the patches are known: a click chooses the position that is the patch at that pixel."""
    centres, places = grid.centres or spread(grid.rows, grid.columns, size), layouts.places(info)

    def act(click: Click) -> None:
        if click.row < 0 or click.column < 0:
            return
        position = grid.position(*centres.patch((click.row, click.column), grid.rows, grid.columns))
        if position < math.prod(places):  # else it is in another window than the first, whose positions are counted
            index = tuple(int(at) for at in np.unravel_index(position, places))
            address.write(_place_choices(place_axes(info.layout, len(places)), index))

    return act


def choose_tile(sheet: fields.Tiles, planes: Planes | None = None) -> Callable[[Click], None]:
    """A click on a tile chooses its channel; with ``planes``, also the position of the cell."""

    def act(click: Click) -> None:
        position, cell = sheet.at(click.row, click.column), sheet.cell(click.row, click.column)
        if position is not None:
            address.write({"channel": sheet.numbers[position]})
        if cell is not None and planes is not None:
            _write_cell(planes, *cell)

    return act


def choose_point(infos: Sequence[SiteInfo]) -> Callable[[Click], None]:
    """A click on a point of the strip chooses its site."""

    def act(click: Click) -> None:
        if 0 <= click.position < len(infos):
            address.write({"site": infos[click.position].site})

    return act


def _under(planes: Planes, row: int, column: int, height: int, width: int) -> tuple[int, int]:
    """The cell at the middle of a pixel of a picture of that size."""
    return planes.under((row + 0.5) / height, (column + 0.5) / width)


def place_of(planes: Planes, row: int, column: int) -> tuple[int, ...]:
    """The position of a cell: (row, column), (token,), (position,), (slice, row, column) or (); also empty outside the
    picture and in a gap."""
    try:
        return planes.place(row, column)
    except IndexError:
        return ()


def unit_choices(channel: int, place: Place) -> dict[str, object]:
    """The choices that name a unit of the chosen site in the address."""
    return {"channel": channel, **place.choices}


def _place_choices(axes: Sequence[str], index: Sequence[int]) -> dict[str, int]:
    return {_NAMED[axis]: i for axis, i in zip(axes, index, strict=False)}


def _write_cell(planes: Planes, row: int, column: int) -> None:
    axes = place_axes(planes.layout, len(planes.places))
    address.write(_place_choices(axes, place_of(planes, row, column)))


def how_to_click(info: SiteInfo) -> str:
    """What a click on the pictures of a site does."""
    if layouts.places(info):
        return "Click a position in any picture to choose the unit there."
    return "Click a feature to choose it."


def unit_words(info: SiteInfo, channel: int, place: Place) -> str:
    """``channel 3 at row 4, column 5``."""
    return f"{channel_word(info)} {channel}{place.words}"


def name_of(info: SiteInfo) -> str:
    """The site's name for a file or a hover."""
    return site_name(info.site, info.calls)


def note_if_flat(info: SiteInfo) -> None:
    """Explain how an output without channels is drawn."""
    if info.layout == "other" and not layouts.places(info):
        st.caption(
            "This output is neither a stack of maps nor a sequence of tokens: its values are drawn one by one, in "
            "memory order."
        )
