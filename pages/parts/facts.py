"""One quiet line of exact numbers above the pictures, and what an answer wants a person to read."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from gradviz_core.captions import class_text, number_text, score_words, share_text
from gradviz_core.types import ClassProbability, FlowAnswer, GradientAnswer
from pages.parts.words import plain


def line(*facts: tuple[str, str]) -> None:
    """Names and values, side by side: ``predicted **star 98.2 %**``."""
    st.markdown("&emsp;".join(f":gray[{plain(name)}] **{plain(value)}**" for name, value in facts if value))


def predicted(prediction: Sequence[ClassProbability], labels: Sequence[str]) -> tuple[str, str]:
    """The likeliest class and its share."""
    if not prediction:
        return "predicted", ""
    first = prediction[0]
    return "predicted", f"{class_text(first.index, labels)}, {share_text(first.probability)}"


def score(answer: GradientAnswer | FlowAnswer, labels: Sequence[str]) -> tuple[str, str]:
    """The scalar that is differentiated, and its value."""
    return score_words(answer.target, labels).removeprefix("the "), number_text(answer.score, 4)


def notes(texts: Sequence[str]) -> None:
    """Warnings that came with an answer."""
    for text in texts:
        st.info(plain(text))
