"""The test with shuffled weights: the map with some layers shuffled, and how alike maps are along the layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.drawing import snippets, trust_figures, trust_words
from gradviz_core.types import AboutAModel, RandomisedAnswer, RandomisedQuestion
from gradviz_core.types.randomised import Mode
from pages.layout.code import Rooms
from pages.shell import address, later, panel, widgets
from pages.shell.panel import Picture
from pages.shell.parameters import Parameter
from pages.trust import other_map, verdict
from pages.trust.tested import Test, Tested

PARAMETERS = (Parameter("random_layer", within=("model", "target")), Parameter("random_mode"))
POINTS = 24
"""Layers at which the curve is computed, at most."""
MAP, CURVE = "Other map", "Similarity"
_KEY = "trust_curve"
_MODES = {"cascade": "From the score down", "single": "One layer"}
_MEANING = (
    "Each parameter of a layer gets its own numbers in another order. Layer 1 is the last before the score. From the "
    "score down, all layers from layer 1 to this one are shuffled."
)


def _draw(row: DeltaGenerator, tested: Tested, rooms: Rooms) -> None:
    with row:
        widgets.option("Shuffle", "random_mode", _MODES)
    asked = _asked(tested)
    answer = other_map.asked(tested, asked, "random_layer")
    count = len(answer.layers)
    with row:
        widgets.slider("Layer", "random_layer", range(count + 1), 1, _MEANING, unit=f"of {count}", width=180)
    verdict.of(trust_words.of_weights(answer), answer)
    left, right = st.columns(2)
    with left:
        other_map.draw(tested, answer)
    rooms.fill(MAP, lambda at: snippets.map_with_shuffled_weights(at, answer, tested.at))
    with right:
        _curve(asked, answer, tested, rooms)


def _asked(tested: Tested) -> RandomisedQuestion:
    """As the address says.

    Raises:
        NoSuchChoice: it names no number of a layer, or no mode.
    """
    text, mode = address.read("random_layer", "1"), address.read("random_mode", "cascade")
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise address.NoSuchChoice(f"There is no layer {text[:60]!r}. Choose a whole number.", "random_layer")
    if mode not in _MODES:
        raise address.NoSuchChoice(f"There is no mode {mode[:60]!r}. Leave it out.", "random_mode")
    return replace(tested.randomised(), layer=int(text), mode=cast(Mode, mode))


def along(count: int, chosen: int) -> list[int]:
    """The numbers of shuffled layers on the curve: evenly from none to all ``count``, and the ``chosen`` one."""
    even = np.linspace(0, count, min(count, POINTS) + 1).round()
    return [int(n) for n in np.union1d(even, [chosen])]


def _curve(asked: RandomisedQuestion, answer: RandomisedAnswer, tested: Tested, rooms: Rooms) -> None:
    """How alike the maps are along the layers, as far as it is computed."""
    count = len(answer.layers)
    layers = along(count, asked.layer)
    found = later.answers([replace(asked, layer=layer) for layer in layers], ("similarity", "ranges", "largest"))
    if len(found) < len(layers):
        st.progress(len(found) / len(layers), f"{len(found)} of {len(layers)} maps")
    if found:
        figure = trust_figures.along_layers(found, answer.question.layer)
        caption = trust_words.curve(found, len(layers) - 1, count, asked.mode == "single")
        panel.picture(Picture(figure, caption), _KEY)
    rooms.fill(CURVE, lambda at: snippets.similarity_along_layers(at, answer, layers, tested.at))


def _arrays(tested: Tested) -> Mapping[str, AboutAModel]:
    return {"Other map": _asked(tested)}


TEST = Test(_draw, pictures={other_map.KEY: "other map", _KEY: "similarity"}, programs=(MAP, CURVE), arrays=_arrays)
