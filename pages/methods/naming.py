"""What the options of a method may name: another image, or a layer output of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from gradviz_core.drawing.captions import Caption, site_text
from gradviz_core.types import GradientQuestion, ModelCard, SiteInfo, SurveyAnswer, layouts
from gradviz_core.types.baselines import BASELINE, BASELINE_IMAGE
from gradviz_core.types.controls import value_text
from gradviz_core.types.methods import settled
from gradviz_core.types.methods.guided_grad_cam import LAYER
from gradviz_core.types.sites import site_name
from pages.shell.choice import Choice
from pages.shell.controls import Names
from pages.shell.words import plain
from pages.uploads import images

SMALL = 64
"""Pixels of the other image."""


def names(choice: Choice) -> Names:
    """As ``names_of``, for the model and the image of the page."""
    return names_of(choice.survey)


def names_of(survey: SurveyAnswer) -> Names:
    """The images of the samples and of this session, and the layer outputs with rows and columns, the last first: those
    whose names the address can hold, which parts its entries by commas."""
    layers = layouts.with_rows_and_columns(survey.sites)
    named = {str(info.site): site_text(info) for info in reversed(layers) if "," not in str(info.site)}
    if layers:
        named[""] = f"last: {site_name(layers[-1].site, layers[-1].calls)}"
    return {"image": images.every(survey.question.model), "layer": named}


def named(caption: Caption, question: GradientQuestion, infos: Sequence[SiteInfo]) -> Caption:
    """The same caption, which says the title of the other image, where the method reads one, and the name of the last
    layer output with rows and columns among ``infos``, where it takes that."""
    said = {}
    if (key := other_image(question)) is not None:
        words = value_text(BASELINE, "image")
        said[words] = f"{words} (“{images.words(key)}”)"
    last = layouts.last_with_rows_and_columns(infos, layouts.picture_size(infos))
    if last is not None and settled(question.method, question.options).get(LAYER.name) == "":
        said[LAYER.nothing] = site_name(last.site, last.calls)
    sentence = caption.sentence
    for usual, named_one in said.items():
        sentence = sentence.replace(usual, named_one, 1)
    return replace(caption, sentence=sentence)


def of_two(caption: Caption, card: ModelCard) -> Caption:
    """The caption of a map with the name of the image it is of, where there are two."""
    if not card.inputs:
        return caption
    name, held = card.inputs[card.looked_at], card.inputs[1 - card.looked_at]
    said = caption.sentence
    said = f"{said[0].lower()}{said[1:]}" if said.startswith(("How ", "Where ")) else said
    sentence = f"For the image “{name}”, with “{held}” held as it is: {said}"
    return replace(caption, sentence=sentence, facts=(f"input {name}", *caption.facts))


def other_image(question: GradientQuestion) -> str | None:
    """The key of the other image that the method reads; None where it reads none."""
    options = settled(question.method, question.options)
    return str(options[BASELINE_IMAGE.name]) if options.get(BASELINE.name) == "image" else None


def show_other_image(question: GradientQuestion) -> None:
    """Draw the other image that the method reads, small, with its title; nothing where it reads none."""
    key = other_image(question)
    picture = images.thumbnail(key) if key is not None else ""
    if key is None or not picture:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.image(picture, width=SMALL, alt=images.words(key))
        st.caption(plain(f"The other image: {images.words(key)}."), width="content")
