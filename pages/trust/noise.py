"""The test with noise on the image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.drawing import snippets, trust_figures, trust_words
from gradviz_core.types import AboutAModel, RandomisedAnswer, RandomisedQuestion
from pages.layout.code import Rooms
from pages.shell import address, later, panel, widgets
from pages.shell.panel import Picture
from pages.shell.parameters import Parameter
from pages.trust import other_map, verdict
from pages.trust.tested import Test, Tested

PARAMETERS = (Parameter("noise"),)
NOISES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3)
"""Of the points of the curve."""
MAP, CURVE = "Other map", "Similarity"
_KEY = "trust_noise"
_SIZES, _USUAL = range(1, 31), 5
_MEANING = "Standard deviation of the noise on the image, as a share of the range of its values."


def _draw(row: DeltaGenerator, tested: Tested, rooms: Rooms) -> None:
    with row:
        size = widgets.slider("Noise", "noise", _SIZES, _USUAL, _MEANING, unit="%", width=200)
    answer = other_map.asked(tested, _asked(tested, size), "noise")
    verdict.of(trust_words.of_noise(answer), answer)
    left, right = st.columns(2)
    with left:
        other_map.draw(tested, answer)
    rooms.fill(MAP, lambda at: snippets.map_with_noise(at, answer, tested.at))
    rooms.fill(CURVE, lambda at: snippets.similarity_with_noise(at, answer, NOISES, tested.at))
    with right:
        _curve(tested, answer)


def _curve(tested: Tested, answer: RandomisedAnswer) -> None:
    """How alike the maps are with more and more noise, as far as it is computed."""
    found = later.answers([replace(tested.randomised(), noise=size) for size in NOISES], ("similarity",))
    if len(found) < len(NOISES):
        st.progress(len(found) / len(NOISES), f"{len(found)} of {len(NOISES)} maps")
    if found:
        figure = trust_figures.along_noise(found, answer.question.noise)
        panel.picture(Picture(figure, trust_words.noise_curve(found, NOISES)), _KEY)


def _asked(tested: Tested, size: int) -> RandomisedQuestion:
    return replace(tested.randomised(), noise=size / 100)


def _arrays(tested: Tested) -> Mapping[str, AboutAModel]:
    text = address.read("noise", str(_USUAL))
    is_one = text.isascii() and text.isdigit() and len(text) < 6 and int(text) in _SIZES
    return {"Other map": _asked(tested, int(text))} if is_one else {}


TEST = Test(_draw, pictures={other_map.KEY: "other map", _KEY: "similarity"}, programs=(MAP, CURVE), arrays=_arrays)
