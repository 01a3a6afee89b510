"""The pictures of the feature maps page: the strip of all sites, the sheet of all channels, one channel enlarged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradviz_core.drawing import (
    axis_names,
    cam_words,
    captions,
    fields,
    figures,
    how_to_read,
    log_scale,
    method_words,
    near_figures,
)
from gradviz_core.drawing.captions import Caption
from gradviz_core.drawing.screen import SiteMaps
from gradviz_core.drawing.screen.seen import seen
from gradviz_core.drawing.screen.site_maps import site_maps
from gradviz_core.types import INPUT, Blocks, FlowAnswer, GradientAnswer, Preprocessing, SiteInfo, SurveyAnswer
from gradviz_core.types.looks import Look
from gradviz_core.types.map_kinds import MAP_KINDS, MapKind, map_kind
from gradviz_core.types.methods import PLAIN
from gradviz_core.types.sites import site_name
from pages.methods import layer_maps
from pages.shell import address, sites, slices, widgets
from pages.shell.panel import Picture
from pages.shell.parameters import Parameter
from pages.shell.sites import Place

PARAMETERS = (Parameter("maps"), Parameter("sort"))
NARROW = 86
"""Pixels of a number's field; three stand beside each other above the chosen channel."""
_ORDERS = {"strength": "By strength", "index": "By index"}


METHOD = "method"
"""In the address after ``maps=``: what a method makes of the layer output."""
HEADS = "heads"
"""Likewise: what the heads of the attention layers attend to."""


def default(infos: Sequence[SiteInfo], size: tuple[int, int]) -> str:
    """The site to show first, with an image of this ``size``. Of a method it is the last layer over the image, as the
    papers take it."""
    return layer_maps.usual(infos, size) if address.read("maps") == METHOD else sites.default(infos)


def shown(survey: SurveyAnswer) -> str:
    """What is chosen: the name of a quantity, ``METHOD``, or ``HEADS`` where the model attends."""
    words = (
        {one.name: one.label for one in MAP_KINDS} | {METHOD: "Method"} | ({HEADS: "Heads"} if survey.attends else {})
    )
    return widgets.option("Show", "maps", words)


def kind(shown: str) -> MapKind | None:
    """The quantity of that name; None for what a method makes of the layer output."""
    return None if shown == METHOD else map_kind(shown)


def order() -> str:
    """``strength`` or ``index``."""
    return widgets.option("Sort", "sort", _ORDERS)


def strip(flow: FlowAnswer, labels: Sequence[str], chosen: str) -> Picture:
    """The norm of the gradient at each layer output, without containers that only pass a value on. A click chooses
    one."""
    rows = [i for i, info in enumerate(flow.sites) if info.same_as is None and info.site != INPUT]
    infos = tuple(flow.sites[i] for i in rows)
    caption = captions.strip(flow.target, labels)
    names = [site_name(info.site, info.calls) for info in infos]
    figure = figures.strip(
        names,
        flow.arrays["gradient_norm"][rows],
        unit=caption.facts[0],
        chosen=next((i for i, info in enumerate(infos) if str(info.site) == chosen), None),
        height=250,
    )
    axis_names.write(figure, names, range(len(names)))
    marks = log_scale.odd_marks(flow.arrays["gradient_norm"][rows])
    caption = replace(caption, facts=(*caption.facts, *marks))
    return Picture(figure, caption, sites.choose_point(infos))


def view(answer: GradientAnswer, info: SiteInfo, look: Look) -> SiteMaps:
    """Activation, gradient or their product at the site; or what the method made of them."""
    made = answer.arrays.get(f"attribution/{info.site}")
    arrays = answer.arrays if made is None else {f"activation/{info.site}": made}
    return site_maps(arrays, info.site, look, info.shape)


def sheet(
    view: SiteMaps, answer: GradientAnswer, info: SiteInfo, labels: Sequence[str], chosen: int, place: Place
) -> Picture:
    """All channels as tiles on one scale, strongest first or by index. A click chooses a channel, and the position
    too if each cell is a single position."""
    name, options = answer.question.method, answer.question.options
    unit = captions.map_unit(view.kind, answer.target, info.site)
    unit = unit if name == PLAIN else captions.gradient_unit(answer.target, info.site, name, options)
    tiles = fields.tile(view.sheet, view.numbers, signed=view.signed, unit=unit)
    tiles = fields.tiles_on_scale(tiles, view.scale.limit)
    single = view.block == 1
    if not single and view.planes.cells is None:
        rows, columns = view.planes.maps.shape[1:]
        tiles = replace(tiles, blocks=Blocks(view.block, view.block, rows, columns))
    caption = (
        captions.feature_maps(view.kind, answer.target, labels, info, tiles.field, block=view.block)
        if name == PLAIN
        else cam_words.sheet(name, options, answer.target, labels, info, tiles.field, view.block)
    )
    part = method_words.part(answer.question)
    caption = replace(
        caption,
        sentence=f"So far: {part}. {caption.sentence}" if part else caption.sentence,
        facts=(*caption.facts, *captions.first_of(len(view.numbers), len(view.planes.maps))),
    )
    cell = view.planes.cell(place.index) if single and place.index else None
    figure = figures.tiles(tiles, chosen=chosen, cell=cell, each=captions.channel_word(info))
    return Picture(figure, caption, sites.choose_tile(tiles, view.planes if single else None))


def enlarged(view: SiteMaps, channel: int, info: SiteInfo, place: Place) -> Picture | Caption:
    """One channel with as many values as a screen can show, on the scale of the sheet, with a cross on the chosen
    position; a single value is only given as text."""
    field = replace(view.one, signed=view.signed, unit="", limit=view.scale.limit, clipped=view.beyond)
    facts = (
        captions.site_text(info),
        f"{captions.scale_text(field)}, the same as for the tiles",
        *captions.blocks_text(field.blocks, "positions"),
    )
    name = f"{captions.channel_word(info).capitalize()} {channel}"
    if field.values.size == 1:
        value = captions.number_text(float(field.values[0, 0]), 4)
        return Caption(f"{name} is {value}.", "", facts, how_to_read.ONE_CHANNEL)
    places = view.planes.place_names() if field.blocks is None else None
    figure = figures.heatmap(field, height=380, cross=view.planes.cell(place.index), places=places)
    words = Caption(f"{name}, enlarged.", "", facts, how_to_read.ONE_CHANNEL)
    return Picture(figure, words, sites.choose_cell(view.planes, view.one.blocks))


def near(view: SiteMaps, place: Place) -> Picture | None:
    """The exact values of the channel around the chosen position, if the picture shows one value for each block."""
    if view.near is None or view.planes.cells is not None:
        return None
    field = fields.field(view.near.numbers, signed=view.signed)
    field = fields.on_scale(field, view.scale.limit)
    figure = near_figures.near(field, view.near.corner, view.planes.cell(place.index))
    return Picture(figure, captions.near(view.near.corner, field, "position"), sites.choose_cell(view.planes))


def facts_of(view: SiteMaps) -> tuple[tuple[str, str], ...]:
    """The exact values of the chosen unit."""
    return tuple((name, captions.number_text(value, 4)) for name, value in view.exact.items())


def facts_of_method(view: SiteMaps) -> tuple[tuple[str, str], ...]:
    """The exact value of the chosen unit, of what a method gives."""
    return tuple(("value", captions.number_text(value, 4)) for value in view.exact.values())


def image(answer: GradientAnswer, view: SiteMaps, steps: Preprocessing) -> Picture:
    """The image, for comparison. A click chooses the unit at that pixel."""
    image = seen(answer.arrays)
    figure = figures.image(image.pixels, blocks=image.blocks, height=380)
    return Picture(figure, slices.beside(steps), sites.choose_under(view.planes, *image.size))
