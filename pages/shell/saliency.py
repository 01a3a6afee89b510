"""The controls and pictures of an input gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import streamlit as st

from gradviz_core.drawing import captions, colour_bars, fields, figures, method_words, near_figures, slice_words
from gradviz_core.drawing.bars import Bar, ShownAs, paired
from gradviz_core.drawing.captions import Caption
from gradviz_core.drawing.screen import OverInput
from gradviz_core.drawing.screen.over_input import over_input
from gradviz_core.drawing.screen.seen import seen as seen_in
from gradviz_core.types import (
    INPUT,
    Blocks,
    ClassProbability,
    ClassScore,
    Field,
    GradientAnswer,
    MethodName,
    ModelCard,
    SurveyAnswer,
    Target,
)
from gradviz_core.types.cards import Preprocessing
from gradviz_core.types.methods import PLAIN, OptionValues, card_of, offered_at
from gradviz_core.types.views import VIEWS, View
from pages.shell import address, controls, panel, slices, widgets
from pages.shell import pixel as pixel_parts
from pages.shell.clicks import Click
from pages.shell.panel import Picture
from pages.shell.parameters import Parameter
from pages.shell.pixel import Pixel

PARAMETERS = (Parameter("view"), Parameter("method"), Parameter("options", within=("method",)))
MOST_IN_A_ROW = 4
"""Channels that are drawn in one row."""
HEIGHT = 500
"""Pixels of a picture; less where it stands beside others, or the window is low."""


def view() -> View:
    """The chosen view."""
    chosen = widgets.option("View", "view", {one.address: one.label for one in VIEWS})
    return next(one for one in VIEWS if one.address == chosen)


def method(survey: SurveyAnswer) -> MethodName:
    """The chosen method; those over attention are offered for models that attend.

    Raises:
        NoSuchChoice: the address names one that does not exist, or that is not defined for this model.
    """
    over_attention = offered_at("attention")
    known = offered_at("input") | (over_attention if survey.attends else {})
    chosen = address.read("method", PLAIN)
    known = slices.offered(known, survey.card.preprocessing, chosen, "method")
    card = known.get(chosen, known[PLAIN])
    meaning = f"**{card.name}**: {card.shows}\n\nIt does not show {card.limits[0].lower()}{card.limits[1:]}"
    with st.container(width=190):
        try:
            return widgets.listed("Method", "method", {name: card.name for name, card in known.items()}, meaning)
        except address.NoSuchChoice as error:
            if chosen not in over_attention:
                raise
            raise address.NoSuchChoice(
                f"{over_attention[chosen].name} is made from attention weights, and this model has no attention. "
                "Choose another method, or a vision transformer.",
                "method",
            ) from error


def opacity(default: int) -> int:
    """How strongly the map covers the image, in percent."""
    return widgets.percent("Opacity", "opacity", default, "How strongly the map covers the grey image below it")


def options(method: MethodName, names: controls.Names | None = None) -> OptionValues:
    """The value of each option of the method that applies, with its controls drawn as the card declares them;
    ``names`` is what an option may name."""
    card = card_of(method)
    controls.refuse_others("options", card.options, card.name, "option")
    return controls.draw_applying("options", card.options, names)


def draw(
    answer: GradientAnswer,
    view: View,
    card: ModelCard,
    opacity: float,
    pixel: Pixel | None,
    beside: tuple[GradientAnswer, ModelCard] | None = None,
) -> Picture:
    """The result of the method in one view, with a mark on the chosen pixel. A click chooses a pixel. One that stands
    ``beside`` it has the same scale, where the unit is the same."""
    gradient, image, method = drawn_array(answer), seen_in(answer.arrays), answer.question.method
    options = answer.question.options
    unit = unit_of(answer, card.preprocessing)
    signed = method_words.is_signed(method, options)
    names = captions.channel_names(card.preprocessing)
    sheet = None
    if view.each_channel:
        sheet = gradient.tiles(len(names) if len(names) <= MOST_IN_A_ROW else None, unit=unit)
        sheet = replace(sheet, field=replace(sheet.field, signed=signed))
        field = sheet.field
        figure = figures.tiles(sheet, titles=names, width=700 if len(names) > 1 else 430, cell=pixel)
    else:
        field = _field(answer, view, card)
        drawn: tuple[Field, ...] = (field,) if beside is None else (field, _field(beside[0], view, beside[1]))
        if beside is not None and drawn[-1].unit == unit:
            drawn = fields.share_scale(drawn)
        field = drawn[0]
        figure = figures.heatmap(field, pixels=image.pixels, opacity=opacity, cross=pixel, height=HEIGHT)
        colour_bars.give_room(figure, max(map(colour_bars.room, drawn)))
    caption = captions.saliency(
        answer.target,
        card.labels,
        method=method,
        options=options,
        reduction=view.name,
        field=field,
        shape=gradient.shape,
        channel="" if len(names) > 1 else names[0],
    )
    part = method_words.part(answer.question)
    sentence = f"So far: {part}. {caption.sentence}" if part else caption.sentence
    caption = replace(caption, sentence=sentence, facts=(*caption.facts, *captions.blocks_text(gradient.blocks)))
    return Picture(figure, caption, pixel_parts.click_over(gradient, sheet))


def unit_of(answer: GradientAnswer, steps: Preprocessing) -> str:
    """The unit of the map over the input."""
    return captions.gradient_unit(answer.target, INPUT, answer.question.method, answer.question.options, steps)


def _field(answer: GradientAnswer, view: View, card: ModelCard) -> Field:
    """The view, which is not of each channel, as one field."""
    field = drawn_array(answer).field(view.name, unit=unit_of(answer, card.preprocessing))
    signed = method_words.is_signed(answer.question.method, answer.question.options)
    return replace(field, signed=field.signed and signed)


def pictures_wide(channels: int) -> int:
    """How many pictures wide the maps of all channels are drawn: more than a row of them are a square of small ones."""
    return channels if channels <= MOST_IN_A_ROW else 2


def drawn_array(answer: GradientAnswer) -> OverInput:
    """The array that the method computes at the input."""
    made = f"attribution/{INPUT}"
    return over_input(answer.arrays, made if made in answer.arrays else f"gradient/{INPUT}")


def near_the_pixel(gradient: OverInput, view: View, answer: GradientAnswer, pixel: Pixel, steps: Preprocessing) -> None:
    """Draw the exact values around the pixel, if the picture shows one value for each block."""
    method, options = answer.question.method, answer.question.options
    unit = captions.gradient_unit(answer.target, INPUT, method, options, steps)
    found = gradient.round_the_pixel(view.name, unit=unit)
    if found is None:
        return
    field, corner = found
    field = replace(field, signed=field.signed and method_words.is_signed(method, options))
    figure = near_figures.near(field, corner, pixel)
    panel.picture(Picture(figure, captions.near(corner, field), pixel_parts.click), "near")


def seen(survey: SurveyAnswer, origin: str, blocks: Blocks | None = None) -> Caption:
    """The caption of the image. ``origin`` says where it comes from, and is empty if that is unknown; ``blocks`` are
    the pixels that each shown pixel is the mean of, if there are several."""
    steps = survey.card.preprocessing
    caption = slice_words.seen(steps) if steps.slices else captions.seen(steps)
    made = slice_words.made_of(steps, survey.file) if steps.slices else ""
    sentences = caption.sentence, made, captions.cropped(steps, survey.upright), origin
    facts = (*caption.facts, *captions.blocks_text(blocks))
    return replace(caption, sentence=" ".join(filter(None, sentences)), facts=facts)


def peak(gradient: OverInput, view: View, names: Sequence[str]) -> str:
    """``row 41, column 57``, with the channel if each is shown alone; empty if every value is zero."""
    found = gradient.peak(view.name)
    if found is None:
        return ""
    at = f"row {found[1]}, column {found[2]}"
    return f"{names[found[0]]}, {at}" if view.each_channel else at


def has_bars(prediction: Sequence[ClassProbability], reading: ShownAs) -> bool:
    """Whether bars say more than the line of facts: a single plain number needs no bar."""
    return len(prediction) > 1 or (len(prediction) == 1 and reading not in ("numbers", "softmax_logits"))


def is_against(target: Target) -> bool:
    """Whether the target is the evidence against a class."""
    return isinstance(target, ClassScore) and target.against


def choose_class(drawn: Sequence[Bar], also: Mapping[str, str] | None = None) -> Callable[[Click], None]:
    """A click on a bar makes its class the target, or the evidence against the only label; ``also`` is chosen too."""

    def act(click: Click) -> None:
        if 0 <= click.position < len(drawn):
            bar = drawn[click.position]
            found = {"direction": "decrease" if bar.against else ""} if paired(drawn) else {"target": str(bar.index)}
            address.write(found | dict(also or {}))

    return act
