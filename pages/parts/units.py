"""The pictures of one unit: its channel's map, its input gradient, and the strongest channels beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import plotly.graph_objects as go

from gradviz_core import captions, fields, figures, layouts
from gradviz_core.captions import Caption
from gradviz_core.fields import Planes, Tiles
from gradviz_core.figures import Box
from gradviz_core.types import INPUT, GradientAnswer, SiteInfo, Unit, UnitsAnswer
from pages.parts.sites import Place


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure and its words."""

    figure: go.Figure
    caption: Caption
    tiles: Tiles | None = None
    """What the figure holds, where it shows channels side by side."""


def unit(info: SiteInfo, channel: int, place: Place) -> Unit:
    """The unit of a channel at a place."""
    return Unit(info.site, layouts.index_of(info, channel, place.index))


def activation(planes: Planes, channel: int, place: Place, info: SiteInfo) -> Picture:
    """The channel's map with a cross on the unit; a vector is drawn whole, as one row of its features."""
    if planes.maps.shape[1:] == (1, 1):
        sheet = fields.tile(planes.maps, unit="activation", signed=bool(planes.maps.min() < 0))
        caption = captions.activation(info, None, sheet.field)
        figure = figures.tiles(sheet, chosen=channel, width=430, each=captions.channel_word(info))
        return Picture(figure, caption, sheet)
    field = fields.activation(planes.maps[channel], unit="activation")
    figure = figures.heatmap(field, cross=planes.cell(place.index), places=planes.place_names())
    caption = captions.activation(info, channel, field)
    if planes.has_class_token:
        caption = replace(caption, sentence=f"{caption.sentence} The cell above the grid is the class token.")
    return Picture(figure, caption)


def slope(answer: GradientAnswer, info: SiteInfo, effective: Box | None, opacity: float) -> Picture:
    """The unit's input gradient over the image, with its receptive fields."""
    assert isinstance(answer.target, Unit)
    gradient = answer.gradients[INPUT]
    field = fields.signed_sum(gradient, unit=captions.gradient_unit(answer.target, INPUT))
    seen = answer.receptive_field
    figure = figures.heatmap(field, pixels=answer.pixels, opacity=opacity, solid=seen, dashed=effective)
    caption = captions.unit_gradient(
        answer.target, info, field, input_shape=gradient.shape, solid=seen, dashed=effective
    )
    return Picture(figure, caption)


def silence(answer: GradientAnswer) -> tuple[str, ...]:
    """Why there is nothing to see, where the gradient of the unit is zero everywhere."""
    if np.any(answer.gradients[INPUT]):
        return ()
    state = "is off here: it gives 0, and" if answer.score == 0 else "is flat here:"
    return (f"This unit {state} no small change of the image changes it. Choose another place or channel.",)


def gallery(answer: UnitsAnswer, info: SiteInfo, place: Place, chosen: int, seen: Box | None) -> Picture:
    """The strongest channels' input gradients on one scale, each under its number and activation.

    Where the units see only a part of the image, that part is shown.
    """
    top, bottom, left, right = seen or (
        0,
        answer.arrays["gradients"].shape[2] - 1,
        0,
        answer.arrays["gradients"].shape[3] - 1,
    )
    numbers = [int(c) for c in answer.arrays["channels"]]
    values = [captions.number_text(float(v)) for v in answer.arrays["values"]]
    maps = np.stack([fields.signed_sum(g).values for g in answer.arrays["gradients"]])
    whole = maps.shape[1:] == (bottom - top + 1, right - left + 1)
    maps = maps[:, top : bottom + 1, left : right + 1]
    unit = f"activation per {captions.gradient_unit(Unit(info.site, ()), INPUT).partition(' per ')[2]}"
    sheet = fields.tile(maps, numbers, columns=3, label=0.045, unit=unit)
    titles = [f"{n}: {v}" for n, v in zip(numbers, values, strict=True)]
    figure = figures.tiles(
        sheet, chosen=chosen, titles=titles, width=600, origin=(top, left), each=captions.channel_word(info)
    )
    return Picture(
        figure, captions.gallery(info, place.index, place.words, sheet.field, cut=None if whole else seen), sheet
    )


def box_text(box: Box | None) -> str:
    """``41×41 pixels``; empty for none."""
    return f"{box[1] - box[0] + 1}×{box[3] - box[2] + 1} pixels" if box else ""
