"""One line of exact numbers above the pictures, and the notes of the answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

from gradviz_core.drawing import bars
from gradviz_core.drawing.bars import ShownAs
from gradviz_core.drawing.captions import number_text, score_words
from gradviz_core.text.glossary import tooltip
from gradviz_core.types import AttendingAnswer, ClassProbability, FlowAnswer, GradientAnswer, PerturbationAnswer, Target
from gradviz_core.types.sites import site_name
from pages.shell.words import plain

WHOLE = 40
"""Characters that fit on one line of a phone."""


class Score(NamedTuple):
    """The fact that is the score."""

    name: str
    """It may hold text from the model: a label, or the name of a layer."""
    value: str
    own_words: str
    """The name without text from the model."""


def line(*facts: tuple[str, str] | Score) -> None:
    """Names and values, side by side: ``predicted **star 98.2 %**``. Lines break between two facts, and within a fact
    only if it is wider than a phone. The tooltip explains the terms in the names, but not in text from a model."""
    shown = [fact for fact in facts if fact[1]]
    named = [fact.own_words if isinstance(fact, Score) else fact[0] for fact in shown]
    st.markdown("&emsp;".join(_fact(fact[0], fact[1]) for fact in shown), help=tooltip(*named))


def _fact(name: str, value: str) -> str:
    fact = f":gray[{plain(name)}] **{plain(value)}**"
    return fact.replace(" ", "\N{NO-BREAK SPACE}") if len(name) + len(value) < WHOLE else fact


def predicted(
    prediction: Sequence[ClassProbability], labels: Sequence[str], reading: ShownAs = "softmax_logits"
) -> tuple[str, str]:
    """The most likely class and its probability, or what an output of another kind says."""
    return bars.predicted(prediction, labels, reading)


def predicted_and_score(
    answer: GradientAnswer | FlowAnswer | AttendingAnswer,
    prediction: Sequence[ClassProbability],
    labels: Sequence[str],
    reading: ShownAs,
) -> tuple[tuple[str, str] | Score, ...]:
    """Both, or only the prediction if it is a single plain number, which is also the score."""
    said, value = predicted(prediction, labels, reading), number_text(answer.score, 4)
    return (said,) if is_score(answer, said, reading) else (said, score(answer.target, labels, value))


def is_score(
    answer: GradientAnswer | FlowAnswer | AttendingAnswer | PerturbationAnswer, said: tuple[str, str], reading: ShownAs
) -> bool:
    """Whether what is ``predicted`` is a single plain number, and the score is that number."""
    return reading == "numbers" and said == ("prediction", number_text(answer.score, 4))


def score(target: Target, labels: Sequence[str], value: str) -> Score:
    """The scalar that is differentiated, and its value."""
    own = score_words(target, ())
    if target.at is not None:
        before, _, after = own.rpartition(f" of {site_name(target.at)}")
        own = before + after
    return Score(score_words(target, labels).removeprefix("the "), value, own)


def notes(texts: Sequence[str]) -> None:
    """The notes of a page's answers; each different note once."""
    for text in dict.fromkeys(texts):
        st.info(plain(text))
