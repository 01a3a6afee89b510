"""The pictures of the feature maps page: the strip of all sites, the sheet of all channels, one channel enlarged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import plotly.graph_objects as go

from gradviz_core import captions, fields, figures, log_scale
from gradviz_core.captions import Caption, MapKind
from gradviz_core.fields import Planes, Tiles
from gradviz_core.sites import in_words
from gradviz_core.types import INPUT, Field, FloatArray, FlowAnswer, GradientAnswer, Site, SiteInfo, Unit
from pages.parts import address
from pages.parts.sites import Place

MOST_CELLS = 300_000
"""Most numbers in one sheet; beyond it, blocks of places are averaged, and the caption says so."""
_KINDS = {"activation": "Activation", "gradient": "Gradient", "product": "Product"}
_ORDERS = {"strength": "By strength", "index": "By number"}


@dataclass(frozen=True, slots=True)
class Strip:
    """All sites, with how strongly the score depends on each."""

    figure: go.Figure
    caption: Caption
    infos: tuple[SiteInfo, ...]


@dataclass(frozen=True, slots=True)
class View:
    """One quantity at all channels of a site."""

    kind: MapKind
    planes: Planes
    scale: Field
    """All of it in one field, for the scale that all pictures share."""
    strength: FloatArray

    @property
    def maps(self) -> FloatArray:
        """Shape (C, H, W)."""
        return self.planes.maps

    @property
    def strongest(self) -> int:
        """The channel of largest norm."""
        return int(self.strength.argmax())


@dataclass(frozen=True, slots=True)
class Sheet:
    """All channels as tiles."""

    figure: go.Figure
    caption: Caption
    tiles: Tiles
    planes: Planes | None
    """Which place each cell of a tile is; None where cells are means of several."""


@dataclass(frozen=True, slots=True)
class One:
    """One channel enlarged."""

    figure: go.Figure | None
    """None for a single number, which the caption says."""
    caption: Caption


def kind() -> MapKind:
    """The quantity that is chosen."""
    return cast(MapKind, address.option("Show", "maps", _KINDS))


def order() -> str:
    """``strength`` or ``index``."""
    return address.option("Sort", "sort", _ORDERS)


def strip(flow: FlowAnswer, labels: Sequence[str], chosen: str) -> Strip:
    """The norm of the gradient at each site, containers that only pass a value on left out."""
    kept = [i for i, info in enumerate(flow.sites) if info.same_as is None and info.site != INPUT]
    infos = tuple(flow.sites[i] for i in kept)
    caption = captions.strip(flow.target, labels)
    figure = figures.strip(
        [in_words(info.site, info.calls) for info in infos],
        flow.arrays["gradient_norm"][kept],
        unit=caption.facts[0],
        chosen=next((i for i, info in enumerate(infos) if str(info.site) == chosen), None),
    )
    marks = log_scale.odd_marks(flow.arrays["gradient_norm"][kept])
    return Strip(figure, replace(caption, facts=(*caption.facts, *marks)), infos)


def view(answer: GradientAnswer, info: SiteInfo, kind: MapKind) -> View:
    """Activation, gradient or their product at the site."""
    array = _quantities(answer, info.site)[kind]
    planes = fields.planes(array, info.layout, info.axis)
    maps = planes.maps
    unit = captions.map_unit(kind, answer.target, info.site)
    signed = kind != "activation" or bool(np.nanmin(maps, initial=0.0) < 0)
    scale = fields.field(maps.reshape(1, -1), signed=signed, unit=unit)
    return View(kind, planes, scale, fields.strength(maps))


def sheet(
    view: View, order: str, answer: GradientAnswer, info: SiteInfo, labels: Sequence[str], chosen: int, place: Place
) -> Sheet:
    """All channels as tiles on one scale, strongest first or by number."""
    numbers = np.argsort(-view.strength, kind="stable") if order == "strength" else np.arange(len(view.maps))
    small, block = fields.coarser(view.maps, MOST_CELLS)
    tiles = fields.tile(small[numbers], [int(n) for n in numbers], signed=view.scale.signed, unit=view.scale.unit)
    tiles = fields.tiles_on_scale(tiles, view.scale.limit)
    caption = captions.feature_maps(view.kind, answer.target, labels, info, tiles.field, block=block)
    single = block == 1
    cell = view.planes.cell(place.index) if single and place.index else None
    figure = figures.tiles(tiles, chosen=chosen, cell=cell, each=captions.channel_word(info))
    return Sheet(figure, caption, tiles, view.planes if single else None)


def one(view: View, channel: int, info: SiteInfo, place: Place) -> One:
    """One channel, every number of it, on the scale of the sheet, with a cross on the chosen place."""
    field = fields.field(view.maps[channel], signed=view.scale.signed, unit=view.scale.unit)
    field = fields.on_scale(field, view.scale.limit)
    facts = (captions.site_text(info), f"{captions.scale_text(field)}, the same as for the tiles")
    name = f"{captions.channel_word(info).capitalize()} {channel}"
    if field.values.size == 1:
        return One(None, Caption(f"{name} is {captions.number_text(float(field.values[0, 0]), 4)}.", "", facts))
    figure = figures.heatmap(field, height=380, cross=view.planes.cell(place.index), places=view.planes.place_names())
    return One(figure, Caption(f"{name}, enlarged.", "", facts))


def facts_of(answer: GradientAnswer, unit: Unit) -> tuple[tuple[str, str], ...]:
    """The exact numbers of one unit."""
    said = _quantities(answer, unit.site)
    return tuple((name, captions.number_text(float(array[0][unit.index]), 4)) for name, array in said.items())


def _quantities(answer: GradientAnswer, site: Site) -> dict[MapKind, FloatArray]:
    """What can be drawn of a site: its activation alone, where no gradient of the score arrives."""
    value, slope = answer.activations[site], answer.gradients.get(site)
    alone: dict[MapKind, FloatArray] = {"activation": value}
    return alone if slope is None else alone | {"gradient": slope, "product": fields.product(value, slope)}


def image(answer: GradientAnswer) -> go.Figure:
    """The image, for comparison."""
    return figures.image(answer.pixels, height=380)
