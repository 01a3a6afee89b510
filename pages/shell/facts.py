"""One line of exact numbers above the pictures, and the notes of the answers."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from gradviz_core.drawing import bars
from gradviz_core.drawing.bars import ShownAs
from gradviz_core.drawing.captions import number_text, score_words
from gradviz_core.text.glossary import tooltip
from gradviz_core.types import ClassProbability, FlowAnswer, GradientAnswer, PerturbationAnswer
from pages.shell.words import plain

WHOLE = 40
"""Characters that fit on one line of a phone."""


def line(*facts: tuple[str, str]) -> None:
    """Names and values, side by side: ``predicted **star 98.2 %**``. Lines break between two facts, and within a fact
    only if it is wider than a phone. Terms among the names are explained in the tooltip."""
    shown = [(name, value) for name, value in facts if value]
    st.markdown("&emsp;".join(_fact(name, value) for name, value in shown), help=tooltip(*(name for name, _ in shown)))


def _fact(name: str, value: str) -> str:
    fact = f":gray[{plain(name)}] **{plain(value)}**"
    return fact.replace(" ", "\N{NO-BREAK SPACE}") if len(name) + len(value) < WHOLE else fact


def predicted(
    prediction: Sequence[ClassProbability], labels: Sequence[str], reading: ShownAs = "softmax_logits"
) -> tuple[str, str]:
    """The most likely class and its probability, or what an output of another kind says."""
    return bars.predicted(prediction, labels, reading)


def predicted_and_score(
    answer: GradientAnswer | FlowAnswer,
    prediction: Sequence[ClassProbability],
    labels: Sequence[str],
    reading: ShownAs,
) -> tuple[tuple[str, str], ...]:
    """Both, or only the prediction if it is a single plain number, which is also the score."""
    said, asked = predicted(prediction, labels, reading), score(answer, labels)
    return (said,) if is_score(answer, said, reading) else (said, asked)


def is_score(answer: GradientAnswer | FlowAnswer | PerturbationAnswer, said: tuple[str, str], reading: ShownAs) -> bool:
    """Whether what is ``predicted`` is a single plain number, and the score is that number."""
    return reading == "numbers" and said == ("prediction", number_text(answer.score, 4))


def score(answer: GradientAnswer | FlowAnswer, labels: Sequence[str]) -> tuple[str, str]:
    """The scalar that is differentiated, and its value."""
    return score_words(answer.target, labels).removeprefix("the "), number_text(answer.score, 4)


def notes(texts: Sequence[str]) -> None:
    """The notes of a page's answers; each different note once."""
    for text in dict.fromkeys(texts):
        st.info(plain(text))
