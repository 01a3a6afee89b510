"""The panel "Can I trust this?" below a map of the input: what becomes of it when one thing is random, and whether the
pixels that it ranks first matter to the score."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import cast

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.drawing import captions, figures, method_words, trust_figures, trust_words
from gradviz_core.drawing.screen.over_input import over_input
from gradviz_core.drawing.screen.seen import Seen
from gradviz_core.drawing.trust_words import ORDERS, Verdict
from gradviz_core.errors import QuestionError
from gradviz_core.types import (
    INPUT,
    GradientQuestion,
    InsertionQuestion,
    RandomisedAnswer,
    RandomisedQuestion,
    Target,
)
from gradviz_core.types.controls import applies
from gradviz_core.types.insertion import Substrate
from gradviz_core.types.looks import Look
from gradviz_core.types.methods import OptionValues, card_of, settled
from gradviz_core.types.randomised import Mode, ViewName
from gradviz_core.types.views import View
from pages.shell import address, asking, facts, later, panel, widgets
from pages.shell.asking import ask
from pages.shell.panel import Picture
from pages.shell.parameters import Parameter
from pages.shell.words import plain

PARAMETERS = (
    Parameter("trust", while_it_fits=("method", "options")),
    Parameter("random_layer", within=("model", "target")),
    *(Parameter(name) for name in ("random_mode", "noise", "substrate")),
)
TERMS = 16
"""Draws, masks or steps of a method, at most, in the tests that make many maps."""
SAMPLES = 256
"""The same of samples that are fitted together: fewer would fit nothing."""
POINTS = 24
"""Layers at which the curve is computed, at most."""
_TESTS = {"weights": "Shuffled weights", "noise": "Noise", "pixels": "Insertion and deletion"}
_ANOTHER = {"draw": "Another draw"}
_MODES = {"cascade": "From the score down", "single": "One layer"}
_SUBSTRATES = {"zero": "Mean colour", "blurred": "Blurred image", "black": "Black"}
_KEY, _LAST = "can_i_trust_this", "trust_when_closed"


def draw(question: GradientQuestion, target: Target, view: View, seen: Seen) -> None:
    """The panel, folded away until somebody opens it; nothing is computed before. ``target`` has the predicted class
    filled in."""
    st.session_state[_KEY] = bool(address.read("trust"))
    tests = _TESTS | (_ANOTHER if _draws(question.method, question.options) else {})
    folded = st.expander("Can I trust this?", key=_KEY, on_change=lambda: _open_or_close(tests))
    if not st.session_state[_KEY]:
        return
    name = cast(ViewName, "signed_sum" if view.each_channel else view.name)
    few = _few(question.method, question.options)
    asked = RandomisedQuestion(
        model=question.model,
        image=question.image,
        target=target,
        method=question.method,
        options=few,
        view=name,
        seed=question.seed,
    )
    with folded, asking.one_sentence():
        row = panel.controls("trust_controls")
        with row:
            test = widgets.option("Test", "trust", tests)
        if test in _ANOTHER:  # whether there are enough draws is a question about all of them
            asked = replace(asked, options=question.options)
        else:
            said = trust_words.tested_on(question.method, question.options, few)
            if said:
                st.caption(said)
        _SHOWN[test](row, asked, seen)


def _open_or_close(tests: Collection[str]) -> None:
    """Where it is opened again, the test is the one that it was closed with, if there still is one of that name."""
    if st.session_state[_KEY]:
        last = st.session_state.get(_LAST)
        address.write({"trust": last if last in tests else next(iter(_TESTS))})
    else:
        st.session_state[_LAST] = address.read("trust")
        address.write({"trust": ""})


def _draws(method: str, options: OptionValues) -> bool:
    """Whether the method draws random numbers, given its options."""
    values = settled(method, options)
    return any(control.name == "seed" and applies(control, values) for control in card_of(method).options)


def _few(method: str, options: OptionValues) -> OptionValues:
    values = settled(method, options)
    most = {card_of(method).counts: TERMS, "steps": TERMS, "samples": SAMPLES}
    fewer = {name: float(value) for name, value in most.items() if name in values and float(values[name]) > value}
    return tuple((values | fewer).items()) if fewer else options


# ----------------------------------------------------------------------------------------------------- shuffled weights


def _weights(row: DeltaGenerator, asked: RandomisedQuestion, seen: Seen) -> None:
    with row:
        mode = cast(Mode, widgets.option("Shuffle", "random_mode", _MODES))
    asked = replace(asked, mode=mode)
    answer = _asked(replace(asked, layer=_layer()), "random_layer")
    count = len(answer.layers)
    meaning = "Each parameter of a layer gets its own numbers in another order. Layer 1 is the last before the score."
    with row:
        widgets.slider("Layers", "random_layer", range(count + 1), 1, meaning, unit=f"of {count}", width=180)
    _verdict(trust_words.of_weights(answer), answer)
    left, right = st.columns(2)
    with left:
        _other(answer, seen)
    with right:
        _curve(asked, answer, mode)


def _layer() -> int:
    text = address.read("random_layer", "1")
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise address.NoSuchChoice(f"There is no layer {text[:60]!r}. Choose a whole number.", "random_layer")
    return int(text)


def _curve(asked: RandomisedQuestion, answer: RandomisedAnswer, mode: str) -> None:
    """How alike the maps are along the layers, as far as it is computed."""
    count = len(answer.layers)
    layers = [int(n) for n in np.unique(np.linspace(0, count, min(count, POINTS) + 1).round())]
    found = later.answers([replace(asked, layer=layer) for layer in layers], ("similarity",))
    if len(found) < len(layers):
        st.progress(len(found) / len(layers), f"{len(found)} of {len(layers)} layers")
    if found:
        figure = trust_figures.along_layers(found, answer.question.layer)
        caption = trust_words.curve(len(layers) - 1, count, mode == "single")
        panel.picture(Picture(figure, caption), "trust_curve")


# -------------------------------------------------------------------------------------------------------- noise, a draw


def _noise(row: DeltaGenerator, asked: RandomisedQuestion, seen: Seen) -> None:
    meaning = "Standard deviation of the noise on the image, as a share of the range of its values."
    with row:
        size = widgets.slider("Noise", "noise", range(1, 31), 5, meaning, unit="%", width=200)
    answer = _asked(replace(asked, noise=size / 100), "noise")
    _verdict(trust_words.of_noise(answer), answer)
    _other(answer, seen)


def _draw(row: DeltaGenerator, asked: RandomisedQuestion, seen: Seen) -> None:
    answer = _asked(replace(asked, other_draw=True), "trust")
    _verdict(trust_words.of_draw(answer), answer)
    _other(answer, seen)


# --------------------------------------------------------------------------------------------------------------- pixels


def _pixels(row: DeltaGenerator, asked: RandomisedQuestion, seen: Seen) -> None:
    with row:
        substrate = cast(Substrate, widgets.option("Replace pixels with", "substrate", _SUBSTRATES))
    questions = [
        InsertionQuestion(
            model=asked.model,
            image=asked.image,
            target=asked.target,
            method=asked.method,
            options=asked.options,
            view=asked.view,
            order=order,
            substrate=substrate,
            seed=asked.seed,
        )
        for order in ORDERS
    ]
    found = {answer.question.order: answer for answer in later.answers(questions)}
    if len(found) < len(questions):
        st.progress(len(found) / len(questions), f"{len(found)} of {len(questions)} orders of the pixels")
        return
    _say(trust_words.of_pixels(found))
    unit = captions.score_unit(asked.target)
    for column, curve in zip(st.columns(2), ("insertion", "deletion"), strict=True):
        with column:
            figure = trust_figures.as_pixels_change(found, curve, unit)
            panel.picture(Picture(figure, trust_words.pixels(curve == "insertion", found)), f"trust_{curve}")


# ---------------------------------------------------------------------------------------------------------------- parts


def _asked(question: RandomisedQuestion, name: str) -> RandomisedAnswer:
    """The answer; what cannot be asked is a choice in the address that does not exist."""
    try:
        return ask(question, "Computing the other map …", Look(reduction=question.view))
    except QuestionError as error:
        raise address.NoSuchChoice(str(error), name) from error


def _verdict(verdict: Verdict, answer: RandomisedAnswer) -> None:
    _say(verdict)
    facts.line(*trust_words.numbers(answer))


def _say(verdict: Verdict) -> None:
    icon = {True: ":material/check:", False: ":material/warning:", None: ":material/info:"}[verdict.good]
    st.markdown(f"{icon} {plain(verdict.sentence)}")


def _other(answer: RandomisedAnswer, seen: Seen) -> None:
    """The other map, on a scale of its own."""
    question = answer.question
    unit = captions.gradient_unit(answer.target, INPUT, question.method, question.options)
    field = over_input(answer.arrays, f"attribution/{INPUT}").field(question.view, unit=unit)
    field = replace(field, signed=field.signed and method_words.is_signed(question.method, question.options))
    figure = figures.heatmap(field, pixels=seen.pixels, height=trust_figures.HEIGHT)
    panel.picture(Picture(figure, trust_words.other_map(answer, field)), "trust_map")


_SHOWN: dict[str, Callable[[DeltaGenerator, RandomisedQuestion, Seen], None]] = {
    "weights": _weights,
    "noise": _noise,
    "draw": _draw,
    "pixels": _pixels,
}
