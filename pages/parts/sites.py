"""Choosing a site of the forward pass, and a unit within it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st

from gradviz_core import fields
from gradviz_core.captions import channel_word, site_text
from gradviz_core.errors import UnknownSite
from gradviz_core.fields import Planes
from gradviz_core.outputs import HeadInfo
from gradviz_core.sites import in_words, no_such_site
from gradviz_core.types import INPUT, Pixels, Site, SiteInfo
from pages.parts import address, pixel
from pages.parts.clicks import Click
from pages.parts.words import plain


def choose(infos: Sequence[SiteInfo]) -> SiteInfo:
    """The site that is chosen from the survey, with the author's line under it where an upload tells. Containers that
    only pass on a child's value are left out of the list.

    Raises:
        NoSuchChoice: the address names a site that never ran.
        UnknownSite: the model has no values inside.
    """
    known = {str(info.site): info for info in infos if info.site != INPUT}
    listed = [name for name, info in known.items() if info.same_as is None]
    chosen = address.read("site", default(infos))
    address.select("Site", "site", listed if chosen in listed else [*listed, *({chosen} & set(known))], chosen,
                   lambda name: site_text(known[name]))  # fmt: skip
    if chosen not in known:
        raise address.NoSuchChoice(str(no_such_site(Site.parse(chosen), [info.site for info in infos])), "site")
    if not known[chosen].shape:
        raise address.NoSuchChoice(
            f"{in_words(known[chosen].site)} is a single number, which has no channels. Choose another site; Input "
            "saliency shows how the number changes with each pixel.",
            "site",
        )
    if known[chosen].source:
        st.caption(plain(f"Computed by {known[chosen].source}"))
    return known[chosen]


def default(infos: Sequence[SiteInfo]) -> str:
    """A site worth looking at first: an activation function two thirds of the way through, or what comes near."""
    inner = [info for info in infos if info.site != INPUT and info.same_as is None and info.differentiable]
    maps = [info for info in inner if info.layout in ("maps", "maps_last", "tokens")] or inner
    if not maps:
        raise UnknownSite("This model shows no values inside: its forward pass ran no modules. Choose another model.")
    rectified = [info for info in maps if info.kind in ("ReLU", "GELU", "SiLU", "Hardswish", "ReLU6")] or maps
    return str(rectified[(2 * len(rectified)) // 3 if len(rectified) > 1 else 0].site)


def of_head(infos: Sequence[SiteInfo], head: HeadInfo) -> SiteInfo | None:
    """The site of one of the tensors that the model returns."""
    return next((info for info in infos if not info.site.path and info.site.item == head.item), None)


@dataclass(frozen=True, slots=True)
class Place:
    """A place of a site, the same for all its channels."""

    index: tuple[int, ...]
    """(row, column), (token,) or ()."""
    words: str


def choose_place(info: SiteInfo, pixels: Pixels) -> Place:
    """Row and column, or the token, that are chosen; by default what lies over the chosen pixel of the picture, and the
    middle where none is. A vector has no places."""
    over = _over(info, pixels)
    match info.layout:
        case "maps" | "maps_last":
            rows, columns = info.shape[2:] if info.layout == "maps" else info.shape[1:3]
            first = over or (rows // 2, columns // 2)
            row = address.counter("Row", "row", rows, first[0])
            column = address.counter("Column", "col", columns, first[1])
            return Place((row, column), f" at row {row}, column {column}")
        case "tokens":
            (middle,) = over or (fields.middle_token(info.shape[1]),)
            token = address.counter("Token", "token", info.shape[1], middle)
            return Place((token,), f" at token {token}")
        case _:
            return Place((), "")


def _over(info: SiteInfo, pixels: Pixels) -> tuple[int, ...]:
    """The place that lies over the chosen pixel: (row, column) or (token,); empty where none is chosen."""
    chosen = pixel.chosen(pixels)
    if chosen is None:
        return ()
    planes = fields.planes(np.broadcast_to(np.float32(0), info.shape), info.layout)
    return place_of(planes, *_under(planes, *chosen, *pixels.shape[:2]))


def channel_count(info: SiteInfo) -> int:
    """How many channels (features) a site has."""
    if info.layout == "maps":
        return info.shape[1]
    if info.layout in ("maps_last", "tokens"):
        return info.shape[-1]
    return int(np.prod(info.shape[1:]))


def choose_channel(info: SiteInfo, default: int) -> int:
    """The channel (feature) that is chosen."""
    return address.counter(channel_word(info).capitalize(), "channel", channel_count(info), default)


# --------------------------------------------------------------------------------------------------------------- clicks


def choose_cell(planes: Planes) -> Callable[[Click], None]:
    """A click on a channel's map chooses the place."""
    return lambda click: _write_cell(planes, click.row, click.column)


def choose_under(planes: Planes, height: int, width: int) -> Callable[[Click], None]:
    """A click on the image, or on a picture of its size, chooses the place that lies over it."""
    return lambda click: _write_cell(planes, *_under(planes, click.row, click.column, height, width))


def choose_tile(sheet: fields.Tiles, planes: Planes | None = None) -> Callable[[Click], None]:
    """A click on a tile chooses its channel; the place too, where ``planes`` say which one each of its cells is."""

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
    """The cell that lies over the middle of a pixel of a picture of that size."""
    return planes.under((row + 0.5) / height, (column + 0.5) / width)


def place_of(planes: Planes, row: int, column: int) -> tuple[int, ...]:
    """The place that a cell stands for: (row, column), (token,) or (); empty also beside the picture, and in the gap
    under the class token."""
    try:
        index = planes.index(0, row, column)
    except IndexError:
        return ()
    match planes.layout:
        case "maps":
            return index[1:]
        case "maps_last" | "tokens":
            return index[:-1]
        case _:
            return ()


def unit_choices(channel: int, place: Place) -> dict[str, object]:
    """The choices that say a unit of the chosen site in the address."""
    return {"channel": channel, **place_choices(place.index)}


def place_choices(place: tuple[int, ...]) -> dict[str, int]:
    """The same of a place."""
    return dict(zip(("token",) if len(place) == 1 else ("row", "col"), place, strict=False))


def _write_cell(planes: Planes, row: int, column: int) -> None:
    address.write(place_choices(place_of(planes, row, column)))


def how_to_click(info: SiteInfo) -> str:
    """What a click on the pictures of a site does."""
    if info.layout in ("maps", "maps_last", "tokens"):
        return "Click a place in any picture to choose the unit there."
    return "Click a feature to choose it."


def unit_words(info: SiteInfo, channel: int, place: Place) -> str:
    """``channel 3 at row 4, column 5``."""
    return f"{channel_word(info)} {channel}{place.words}"


def named(info: SiteInfo) -> str:
    """The site's name for a file or a hover."""
    return in_words(info.site, info.calls)


def note_if_flat(info: SiteInfo) -> None:
    """Say how a value that is no set of maps is drawn."""
    if info.layout == "other":
        st.caption("This value is neither maps nor tokens: its numbers are drawn one by one, in the order they lie in.")
