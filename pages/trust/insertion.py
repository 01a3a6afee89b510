"""Insertion and deletion: the score as pixels come or go in the order of the map, at random, or from the centre."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.drawing import captions, snippets, trust_figures, trust_words
from gradviz_core.drawing.trust_words import ORDERS
from gradviz_core.types import AboutAModel, layouts
from gradviz_core.types.insertion import Substrate
from pages.layout.code import Rooms
from pages.shell import address, later, panel, widgets
from pages.shell.panel import Picture
from pages.shell.parameters import Parameter
from pages.trust import verdict
from pages.trust.tested import Test, Tested

PARAMETERS = (Parameter("substrate"),)
INSERTION, DELETION = "Insertion", "Deletion"
_KEYS = {"trust_insertion": "insertion", "trust_deletion": "deletion"}
_SUBSTRATES = {"zero": "Mean colour", "blurred": "Blurred image", "black": "Black"}


def is_for(tested: Tested) -> bool:
    """Whether the map lies over the picture, so that it ranks its pixels."""
    info = tested.info
    return info is None or layouts.grid(info, tested.seen.size) is not None


def _draw(row: DeltaGenerator, tested: Tested, rooms: Rooms) -> None:
    with row:
        substrate = cast(Substrate, widgets.option("Replace pixels with", "substrate", _SUBSTRATES))
    questions = [tested.insertion(order, substrate) for order in ORDERS]
    found = {answer.question.order: answer for answer in later.answers(questions)}
    rooms.fill(INSERTION, lambda at: snippets.insertion(at, questions[0], tested.at, inserted=True))
    rooms.fill(DELETION, lambda at: snippets.insertion(at, questions[0], tested.at, inserted=False))
    if len(found) < len(questions):
        st.progress(len(found) / len(questions), f"{len(found)} of {len(questions)} orders of the pixels")
        return
    verdict.say(trust_words.of_pixels(found))
    unit = captions.score_unit(tested.target)
    for column, (key, curve) in zip(st.columns(2), _KEYS.items(), strict=True):
        with column:
            figure = trust_figures.as_pixels_change(found, curve, unit)
            panel.picture(Picture(figure, trust_words.pixels(curve == "insertion", found)), key)


def _arrays(tested: Tested) -> Mapping[str, AboutAModel]:
    substrate = address.read("substrate", next(iter(_SUBSTRATES)))
    if substrate not in _SUBSTRATES:
        return {}
    return {f"Curves, {name}": tested.insertion(order, cast(Substrate, substrate)) for order, name in ORDERS.items()}


TEST = Test(_draw, pictures=_KEYS, programs=(INSERTION, DELETION), arrays=_arrays)
