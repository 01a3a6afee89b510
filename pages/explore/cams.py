"""The pictures of the layers page for methods that give one map: over the image, of all layers, and what regions do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradviz_core.drawing import cam_figures, cam_words, captions, fields, figures, method_words, snippets
from gradviz_core.drawing.captions import number_text
from gradviz_core.drawing.planes import geometry
from gradviz_core.drawing.screen.arrays import blocks_of, scale_of, window_of
from gradviz_core.drawing.screen.seen import seen
from gradviz_core.types import (
    Blocks,
    CamsAnswer,
    FloatArray,
    GradientAnswer,
    KeepingAnswer,
    KeepingQuestion,
    SiteInfo,
    keys,
    layouts,
)
from gradviz_core.types.layouts import Grid
from gradviz_core.types.methods import METHODS, OptionValues, offered_at
from gradviz_core.types.sites import site_name
from pages.shell import address, controls, sites, widgets
from pages.shell.clicks import Click
from pages.shell.panel import Picture
from pages.shell.parameters import Parameter
from pages.shell.sites import Place

PARAMETERS = (
    Parameter("layer_method"),
    Parameter("layer_options", within=("layer_method",)),
    Parameter("strip"),
)
FIRST = "grad_cam"
TOGETHER = 8
"""Layers whose regions are tried in one question."""
_SCALES = {"own": "Per map", "one": "Shared"}


def method() -> str:
    """The chosen method of a layer."""
    known = offered_at("layer")
    names = [
        FIRST,
        *(name for name, card in known.items() if card.where == "layer" and name not in (FIRST, "activation")),
    ]
    meaning = "\n\n".join(f"**{known[name].name}**: {known[name].shows}" for name in names)
    return widgets.listed("Method", "layer_method", {name: known[name].name for name in names}, meaning)


def options(method: str, names: controls.Names) -> OptionValues:
    """The value of each option of the method, with its controls drawn; ``names`` is what an option may name."""
    card = METHODS[method]
    controls.refuse_others("layer_options", card.options, card.name, "option")
    return controls.draw_applying("layer_options", card.options, names)


def opacity() -> float:
    """How strongly a map covers the image, 0 to 1."""
    return widgets.percent("Opacity", "opacity", 60, "How strongly the map covers the grey image below it") / 100


def per_map() -> bool:
    """Whether each small map is divided by its own largest magnitude, with the control for it."""
    return widgets.option("Scale", "strip", _SCALES) == "own"


def over_image(answer: GradientAnswer, info: SiteInfo, labels: Sequence[str], opacity: float, place: Place) -> Picture:
    """The map of one layer, over the image where its positions lie over it. A click chooses a position."""
    name, options = answer.question.method, answer.question.options
    found, picture = answer.attributions[info.site], seen(answer.arrays)
    signed = method_words.is_signed(name, options)
    unit = captions.gradient_unit(answer.target, info.site, name, options)
    grid = _grid(info, picture.size)
    planes = geometry(info.shape, info.layout, info.axis)
    if grid is None:
        drawn = fields.planes(found, info.layout, info.axis)
        field = fields.for_screen(fields.field(drawn.maps[0], signed=signed, unit=unit), drawn.gaps)
        figure = figures.heatmap(field, places=drawn.place_names())
        grid = Grid(0, *drawn.maps.shape[1:])
        return Picture(figure, cam_words.over_image(name, options, answer.target, labels, info, field, grid), None)
    blocks = blocks_of(answer.arrays, f"attribution/{info.site}")
    field = fields.field(_over(found, info, picture.size), signed=signed, unit=unit)
    if blocks is not None:
        scale = scale_of(answer.arrays, f"attribution/{info.site}")
        field = replace(field, limit=scale.limit, clipped=scale.clipped)
    figure = cam_figures.over_image(
        field,
        picture,
        opacity=opacity,
        chosen=_cell(grid, info, place, blocks),
        blocks=blocks,
        centres=grid.centres,
    )
    words = cam_words.over_image(name, options, answer.target, labels, info, replace(field, blocks=blocks), grid)
    if grid.shown:
        return Picture(figure, words, sites.choose_patch(info, grid, picture.size))
    return Picture(figure, words, sites.choose_under(planes, *picture.size))


def _cell(grid: Grid, info: SiteInfo, place: Place, blocks: Blocks | None) -> tuple[int, int] | None:
    if not place.index:
        return None
    if len(place.index) == 2 and not grid.shown:
        row, column = place.index
        return (row, column) if blocks is None else blocks.cell(row, column)
    return grid.patch(int(np.ravel_multi_index(place.index, layouts.places(info))))


def facts_of(answer: GradientAnswer, info: SiteInfo, place: Place) -> tuple[tuple[str, str], ...]:
    """The exact value at the chosen position, and where the map is largest in magnitude."""
    name, axis = f"attribution/{info.site}", layouts.channel_axis(info)
    flat = answer.attributions[info.site][0].squeeze(axis - 1)
    blocks, near = blocks_of(answer.arrays, name), window_of(answer.arrays, name)
    value = flat[place.index] if near is None else near.at((place.index[0], place.index[1]))
    size = np.abs(np.nan_to_num(flat, nan=0.0, posinf=0.0, neginf=0.0))
    largest = [int(i) for i in np.unravel_index(int(size.argmax()), flat.shape)]
    if blocks is not None:
        largest = list(blocks.place(*largest))
    named = ", ".join(f"{word} {i}" for word, i in zip(place.axes, largest, strict=True))
    if info.grid is not None:
        over = np.abs(cam_figures.rows_and_columns(answer.attributions[info.site], info.grid))
        row, column = divmod(int(np.nan_to_num(over, posinf=0.0).argmax()), info.grid.columns)
        named = f"patch row {row}, column {column}"
    where = ("largest at", named) if size.any() else ("map", "zero everywhere")
    return ((f"value{place.words}", number_text(float(value), 4)), where)


@dataclass(frozen=True, slots=True)
class Strip:
    """The maps of all layers that lie over the image."""

    picture: Picture
    infos: tuple[SiteInfo, ...]
    names: tuple[str, ...]
    chosen: int | None
    each: bool
    """Whether each map is divided by its own largest magnitude."""

    def regions(self, at: snippets.Setting, answer: CamsAnswer) -> str:
        """The code of what the regions do."""
        question = answer.question
        return snippets.layer_regions(at, answer.target, self.infos, question.method, question.options)

    def medians(self, at: snippets.Setting, answer: CamsAnswer, images: Sequence[str]) -> str:
        """The code of what they do over the images with these keys."""
        question = answer.question
        samples = images if all(keys.kind(key) == keys.SAMPLE for key in images) else ()
        return snippets.region_medians(at, answer.target, self.infos, question.method, question.options, samples)

    def program(self, at: snippets.Setting, answer: CamsAnswer) -> str:
        """The code of the picture."""
        question, cells = answer.question, cam_figures.CELLS
        return snippets.layer_maps(
            at, answer.target, self.infos, question.method, question.options, cells, each=self.each
        )


def strip(
    answer: CamsAnswer, info: SiteInfo, labels: Sequence[str], size: tuple[int, int], every: Sequence[SiteInfo]
) -> Strip | None:
    """Small maps of all layers; None where none of them lies over the image. A click makes one large. ``every`` is what
    is known of the layers."""
    each = per_map()
    question = answer.question
    known = {one.site: one for one in every}
    infos = tuple(one for one in (known.get(one.site, one) for one in answer.sites) if _grid(one, size) is not None)
    if not infos:
        return None
    maps = [_over(answer.maps[one.site], one, size) for one in infos]
    small = cam_figures.scaled(maps, each=each)
    names = tuple(site_name(one.site, one.calls) for one in infos)
    chosen = next((number for number, one in enumerate(infos) if one.site == info.site), None)
    signed = method_words.is_signed(question.method, question.options)
    unit = (
        "share of its largest"
        if each
        else captions.gradient_unit(answer.target, infos[0].site, question.method, question.options)
    )
    figure, sheet = cam_figures.strip(small, names, signed=signed, unit=unit, chosen=chosen, each=each)
    words = cam_words.strip(
        question.method, question.options, answer.target, labels, sheet.field, len(infos), each=each
    )
    return Strip(Picture(figure, words, choose_tile(sheet, infos)), infos, names, chosen, each)


def _grid(info: SiteInfo, size: tuple[int, int]) -> Grid | None:
    return layouts.grid(info, size)


def _over(array: FloatArray, info: SiteInfo, size: tuple[int, int]) -> FloatArray:
    """The map of a layer that lies over the image, as rows and columns: as many as came."""
    grid = layouts.of_array(array.shape, info, size)
    assert grid is not None, "only maps that lie over the image are drawn over it"
    return cam_figures.rows_and_columns(array, grid)


def choose_tile(sheet: fields.Tiles, infos: Sequence[SiteInfo]) -> Callable[[Click], None]:
    """A click on a small map makes it large."""

    def act(click: Click) -> None:
        position = sheet.at(click.row, click.column)
        if position is not None:
            address.write({"site": infos[position].site})

    return act


def keeping(cams: CamsAnswer, infos: Sequence[SiteInfo]) -> KeepingQuestion:
    """The question about the regions of some layers."""
    asked = cams.question
    return KeepingQuestion(
        model=asked.model,
        image=asked.image,
        target=asked.target,
        method=asked.method,
        options=asked.options,
        seed=asked.seed,
        sites=tuple(info.site for info in infos),
    )


def parts(cams: CamsAnswer, drawn: Strip) -> list[KeepingQuestion]:
    """The questions about the regions of all layers, a few layers each."""
    every = drawn.infos
    return [keeping(cams, every[first : first + TOGETHER]) for first in range(0, len(every), TOGETHER)]


def changes(answers: Sequence[KeepingAnswer], drawn: Strip, labels: Sequence[str]) -> Picture:
    """How the score changes with the region of each layer kept alone and dropped, at those layers that were tried. A
    click chooses the layer."""
    kept, dropped = np.full((2, len(drawn.infos)), np.nan)
    number = {info.site: i for i, info in enumerate(drawn.infos)}
    for answer in answers:
        at = [number[site] for site in answer.question.sites]
        kept[at], dropped[at] = answer.changes
    target = answers[0].target
    figure = cam_figures.changes(drawn.names, kept, dropped, unit=target.unit(), chosen=drawn.chosen)
    return Picture(figure, cam_words.changes(target, labels), sites.choose_point(drawn.infos))
