"""The pictures of the layers page for methods that give one map: over the image, of all layers, and what regions do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gradviz_core.drawing import cam_figures, cam_words, captions, fields, figures, method_words, snippets
from gradviz_core.drawing.captions import number_text
from gradviz_core.drawing.planes import geometry
from gradviz_core.drawing.screen.seen import seen
from gradviz_core.types import CamsAnswer, GradientAnswer, KeepingAnswer, KeepingQuestion, SiteInfo, layouts
from gradviz_core.types.layouts import Grid
from gradviz_core.types.methods import METHODS, OptionValues, offered_at
from gradviz_core.types.sites import site_name
from pages.shell import address, controls, sites, widgets
from pages.shell.clicks import Click
from pages.shell.panel import Picture
from pages.shell.parameters import Parameter
from pages.shell.sites import Place

PARAMETERS = (
    Parameter("layer_method", within=("maps",)),
    Parameter("layer_options", within=("layer_method",)),
    Parameter("strip"),
)
FIRST = "grad_cam"
TOGETHER = 8
"""Layers whose regions are tried in one question."""
_SCALES = {"own": "Each its own", "one": "One for all"}


def method() -> str:
    """The chosen method of a layer."""
    known = offered_at("layer")
    names = [
        FIRST,
        *(name for name, card in known.items() if card.where == "layer" and name not in (FIRST, "activation")),
    ]
    meaning = "\n\n".join(f"**{known[name].name}**: {known[name].shows}" for name in names)
    return widgets.listed("Method", "layer_method", {name: known[name].name for name in names}, meaning)


def options(method: str) -> OptionValues:
    """The value of each option of the method, with its controls drawn."""
    card = METHODS[method]
    controls.refuse_others("layer_options", card.options, card.name, "option")
    return controls.draw_applying("layer_options", card.options)


def opacity() -> float:
    """How strongly a map covers the image, 0 to 1."""
    return widgets.percent("Opacity", "opacity", 60, "How strongly the map covers the grey image below it") / 100


def over_image(answer: GradientAnswer, info: SiteInfo, labels: Sequence[str], opacity: float, place: Place) -> Picture:
    """The map of one layer, over the image where its positions lie over it. A click chooses a position."""
    name, options = answer.question.method, answer.question.options
    found, picture = answer.attributions[info.site], seen(answer.arrays)
    signed = method_words.is_signed(name, options)
    unit = captions.gradient_unit(answer.target, info.site, name, options)
    grid = layouts.over_image(layouts.places(info), layouts.channel_axis(info), picture.size)
    planes = geometry(info.shape, info.layout, info.axis)
    if grid is None:
        drawn = fields.planes(found, info.layout, info.axis)
        field = fields.for_screen(fields.field(drawn.maps[0], signed=signed, unit=unit), drawn.gaps)
        figure = figures.heatmap(field, places=drawn.place_names())
        grid = Grid(0, *drawn.maps.shape[1:])
        return Picture(figure, cam_words.over_image(name, options, answer.target, labels, info, field, grid), None)
    field = fields.field(cam_figures.rows_and_columns(found, grid), signed=signed, unit=unit)
    figure = cam_figures.over_image(field, picture, opacity=opacity, chosen=_cell(grid, place))
    words = cam_words.over_image(name, options, answer.target, labels, info, field, grid)
    return Picture(figure, words, sites.choose_under(planes, *picture.size))


def _cell(grid: Grid, place: Place) -> tuple[int, int] | None:
    if len(place.index) == 2:
        return place.index[0], place.index[1]
    if len(place.index) != 1 or place.index[0] < grid.apart:
        return None
    return divmod(place.index[0] - grid.apart, grid.columns)


def facts_of(answer: GradientAnswer, info: SiteInfo, place: Place) -> tuple[tuple[str, str], ...]:
    """The exact value at the chosen position, and where the map is largest."""
    array = answer.attributions[info.site]
    axis = layouts.channel_axis(info)
    flat = array[0].squeeze(axis - 1)
    largest = np.unravel_index(int(np.nan_to_num(flat).argmax()), flat.shape)
    named = ", ".join(f"{word} {int(i)}" for word, i in zip(place.axes, largest, strict=True))
    return ((f"value{place.words}", number_text(float(flat[place.index]), 4)), ("largest at", named))


@dataclass(frozen=True, slots=True)
class Strip:
    """The maps of all layers that lie over the image."""

    picture: Picture
    infos: tuple[SiteInfo, ...]
    names: tuple[str, ...]
    chosen: int | None

    def regions(self, at: snippets.Setting, answer: CamsAnswer) -> str:
        """The code of what the regions do."""
        question = answer.question
        return snippets.layer_regions(at, answer.target, self.infos, question.method, question.options)

    def program(self, at: snippets.Setting, answer: CamsAnswer) -> str:
        """The code of the picture, with each map on its own scale."""
        question = answer.question
        return snippets.layer_maps(at, answer.target, self.infos, question.method, question.options, cam_figures.CELLS)


def strip(answer: CamsAnswer, info: SiteInfo, labels: Sequence[str], size: tuple[int, int]) -> Strip | None:
    """Small maps of all layers; None where none of them lies over the image. A click makes one large."""
    each = widgets.option("Scale", "strip", _SCALES) == "own"
    question = answer.question
    grids = {one.site: _grid(one, size) for one in answer.sites}
    infos = tuple(one for one in answer.sites if grids[one.site] is not None)
    if not infos:
        return None
    maps = [cam_figures.rows_and_columns(answer.maps[one.site], grid) for one in infos if (grid := grids[one.site])]
    small = cam_figures.scaled(maps, each=each)
    names = tuple(site_name(one.site, one.calls) for one in infos)
    chosen = next((number for number, one in enumerate(infos) if one.site == info.site), None)
    signed = method_words.is_signed(question.method, question.options)
    unit = (
        "share of its largest"
        if each
        else captions.gradient_unit(answer.target, infos[0].site, question.method, question.options)
    )
    figure, sheet = cam_figures.strip(small, names, signed=signed, unit=unit, chosen=chosen)
    words = cam_words.strip(
        question.method, question.options, answer.target, labels, sheet.field, len(infos), each=each
    )
    return Strip(Picture(figure, words, choose_tile(sheet, infos)), infos, names, chosen)


def _grid(info: SiteInfo, size: tuple[int, int]) -> Grid | None:
    return layouts.over_image(layouts.places(info), layouts.channel_axis(info), size)


def choose_tile(sheet: fields.Tiles, infos: Sequence[SiteInfo]) -> Callable[[Click], None]:
    """A click on a small map makes it large."""

    def act(click: Click) -> None:
        position = sheet.at(click.row, click.column)
        if position is not None:
            address.write({"site": infos[position].site})

    return act


def parts(cams: CamsAnswer, drawn: Strip) -> list[KeepingQuestion]:
    """The questions about the regions of all layers, a few layers each."""
    asked = cams.question
    every = [info.site for info in drawn.infos]
    return [
        KeepingQuestion(
            model=asked.model,
            image=asked.image,
            target=asked.target,
            method=asked.method,
            options=asked.options,
            seed=asked.seed,
            sites=tuple(every[first : first + TOGETHER]),
        )
        for first in range(0, len(every), TOGETHER)
    ]


def changes(answers: Sequence[KeepingAnswer], drawn: Strip, labels: Sequence[str]) -> Picture:
    """How the score changes with the region of each layer kept alone and dropped. A click chooses the layer."""
    kept, dropped = (np.concatenate([answer.changes[which] for answer in answers]) for which in (0, 1))
    target = answers[0].target
    figure = cam_figures.changes(drawn.names, kept, dropped, unit=target.unit(), chosen=drawn.chosen)
    return Picture(figure, cam_words.changes(target, labels), sites.choose_point(drawn.infos))
