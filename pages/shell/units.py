"""The pictures of one unit: its channel's map, its input gradient, and the strongest channels beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradviz_core.drawing import captions, fields, figures, method_words, screen
from gradviz_core.drawing.fields import Planes
from gradviz_core.drawing.outlines import Box
from gradviz_core.drawing.screen import OverInput, SiteMaps
from gradviz_core.drawing.screen.arrays import blocks_of, scale_of
from gradviz_core.drawing.screen.over_input import over_input
from gradviz_core.drawing.screen.seen import seen as seen_in
from gradviz_core.types import INPUT, GradientAnswer, Preprocessing, SiteInfo, Unit, UnitsAnswer, UnitsQuestion, layouts
from pages.shell import sites
from pages.shell.choice import Choice
from pages.shell.panel import Picture
from pages.shell.sites import Place


def unit(info: SiteInfo, channel: int, place: Place) -> Unit:
    """The unit of a channel at a position."""
    return Unit(info.site, layouts.index_of(info, channel, place.index))


def activation(maps: SiteMaps, channel: int, place: Place, info: SiteInfo) -> Picture:
    """The channel's map with a cross on the unit; a vector is drawn as one row of all its features. A click chooses
    another unit."""
    planes = maps.planes
    if planes.maps.shape[1:] == (1, 1):
        sheet = fields.tile(maps.sheet, maps.numbers, unit="activation", signed=bool(np.nanmin(maps.sheet) < 0))
        caption = captions.activation(info, None, sheet.field)
        caption = replace(caption, facts=(*caption.facts, *captions.first_of(len(maps.numbers), len(planes.maps))))
        figure = figures.tiles(sheet, chosen=channel, width=430, each=captions.channel_word(info))
        return Picture(figure, caption, sites.choose_tile(sheet))
    field = replace(maps.one, unit="activation")
    figure = figures.heatmap(
        field, cross=planes.cell(place.index), places=planes.place_names() if field.blocks is None else None
    )
    caption = captions.activation(info, channel, field)
    caption = replace(caption, facts=(*caption.facts, *captions.blocks_text(field.blocks, "positions")))
    if planes.has_class_token:
        caption = replace(caption, sentence=f"{caption.sentence} The cell above the grid is the class token.")
    return Picture(figure, caption, sites.choose_cell(planes, maps.one.blocks))


def input_gradient(
    answer: GradientAnswer, info: SiteInfo, planes: Planes, effective: Box | None, opacity: float, steps: Preprocessing
) -> Picture:
    """The unit's input gradient over the image, with its receptive fields. A click chooses the unit at that pixel."""
    assert isinstance(answer.target, Unit)
    gradient = over_input(answer.arrays, f"gradient/{INPUT}")
    field = gradient.field("signed_sum", unit=captions.gradient_unit(answer.target, INPUT, steps=steps))
    seen = answer.receptive_field
    figure = figures.heatmap(field, pixels=seen_in(answer.arrays).pixels, opacity=opacity, solid=seen, dashed=effective)
    caption = captions.unit_gradient(
        answer.target, info, field, input_shape=gradient.shape, solid=seen, dashed=effective
    )
    caption = replace(caption, facts=(*caption.facts, *captions.blocks_text(field.blocks)))
    return Picture(figure, caption, sites.choose_under(planes, *gradient.size))


def why_zero(answer: GradientAnswer, gradient: OverInput) -> tuple[str, ...]:
    """The reason why there is nothing to see, if the gradient of the unit is zero everywhere."""
    if not gradient.is_zero:
        return ()
    state = "is off here: its activation is 0, and" if answer.score == 0 else "does not react here:"
    return (f"This unit {state} no small change of the image changes it. Choose another position or channel.",)


def question(choice: Choice, info: SiteInfo, place: Place) -> UnitsQuestion:
    """The question of the strongest channels at a position: as many as the answer can hold."""
    steps = choice.survey.card.preprocessing
    of_slices = screen.units_of_slices(steps)
    return UnitsQuestion(
        model=choice.model,
        image=choice.image,
        site=info.site,
        place=place.index,
        axis=info.axis,
        seed=choice.draw,
        count=of_slices or screen.units_within(*seen_in(choice.survey.arrays).size),
    )


def gallery(
    answer: UnitsAnswer, info: SiteInfo, place: Place, chosen: int, seen: Box | None, steps: Preprocessing
) -> Picture:
    """The strongest channels' input gradients on one scale, each below its index and activation. A click chooses one.

    If the units see only a part of the image, that part is shown; of a slice the part where a gradient is not zero.
    """
    numbers = [int(c) for c in answer.arrays["channels"]]
    values = [captions.number_text(float(v)) for v in answer.arrays["values"]]
    gradients, blocks = answer.arrays["gradients"], blocks_of(answer.arrays, "gradients")
    maps = np.stack([fields.signed_sum(g).values for g in gradients])
    rows, columns = gradients.shape[2:]
    top, bottom, left, right = seen or (0, rows - 1, 0, columns - 1)
    whole = seen is None or (blocks is None and (rows, columns) == (bottom - top + 1, right - left + 1))
    unit = f"activation per {method_words.input_unit(steps)}"
    if blocks is None:
        sheet = fields.tile(maps[:, top : bottom + 1, left : right + 1], numbers, columns=3, label=0.045, unit=unit)
    else:  # the arrays hold only this part
        sheet = fields.tile(maps, numbers, columns=3, label=0.045, unit=unit)
        scale = scale_of(answer.arrays, "gradients")
        field = replace(sheet.field, limit=scale.limit, clipped=scale.clipped)
        sheet = replace(sheet, field=field, blocks=blocks)
    titles = [f"{n}: {v}" for n, v in zip(numbers, values, strict=True)]
    figure = figures.tiles(
        sheet, chosen=chosen, titles=titles, width=600, origin=(top, left), each=captions.channel_word(info)
    )
    why = "elsewhere they are zero" if steps.slices else "the receptive field of these units"
    caption = captions.gallery(info, place.index, place.words, sheet.field, cut=None if whole else seen, why=why)
    several = blocks if blocks is not None and max(blocks.height, blocks.width) > 1 else None
    caption = replace(caption, facts=(*caption.facts, *captions.blocks_text(several)))
    return Picture(figure, caption, sites.choose_tile(sheet))


def not_zero(answer: UnitsAnswer) -> Box | None:
    """The part of the input where the gradient of one of the units is not zero; None where all are zero."""
    rows, columns = (np.flatnonzero(answer.arrays["gradients"].any(axis=axes)) for axes in ((0, 1, 3), (0, 1, 2)))
    return (int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])) if len(rows) else None


def box_text(box: Box | None) -> str:
    """``41×41 pixels``; empty without a box."""
    return f"{box[1] - box[0] + 1}×{box[3] - box[2] + 1} pixels" if box else ""
