"""One quiet line of exact numbers above the pictures, and what an answer wants a person to read."""

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
    """Names and values, side by side: ``predicted **star 98.2 %**``. A line ends between two of them, and within one
    only where it is longer than a phone is wide. The terms among the names are explained beside it."""
    shown = [(name, value) for name, value in facts if value]
    st.markdown("&emsp;".join(_fact(name, value) for name, value in shown), help=tooltip(*(name for name, _ in shown)))


def _fact(name: str, value: str) -> str:
    fact = f":gray[{plain(name)}] **{plain(value)}**"
    return fact.replace(" ", "\N{NO-BREAK SPACE}") if len(name) + len(value) < WHOLE else fact


def predicted(
    prediction: Sequence[ClassProbability], labels: Sequence[str], reading: ShownAs = "softmax_logits"
) -> tuple[str, str]:
    """The most likely class and its share, or what the output says where it is of another kind."""
    return bars.predicted(prediction, labels, reading)


def predicted_and_score(
    answer: GradientAnswer | FlowAnswer,
    prediction: Sequence[ClassProbability],
    labels: Sequence[str],
    reading: ShownAs,
) -> tuple[tuple[str, str], ...]:
    """Both, or the prediction alone where it is a single plain number, which is the score too."""
    said, asked = predicted(prediction, labels, reading), score(answer, labels)
    return (said,) if is_score(answer, said, reading) else (said, asked)


def is_score(answer: GradientAnswer | FlowAnswer | PerturbationAnswer, said: tuple[str, str], reading: ShownAs) -> bool:
    """Whether what is ``predicted`` is a single plain number, and the score is that number."""
    return reading == "numbers" and said == ("prediction", number_text(answer.score, 4))


def score(answer: GradientAnswer | FlowAnswer, labels: Sequence[str]) -> tuple[str, str]:
    """The scalar that is differentiated, and its value."""
    return score_words(answer.target, labels).removeprefix("the "), number_text(answer.score, 4)


def notes(texts: Sequence[str]) -> None:
    """Warnings that came with the answers of a page; what several of them say is said once."""
    for text in dict.fromkeys(texts):
        st.info(plain(text))
