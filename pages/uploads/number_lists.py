"""Mean and standard deviation as lists of numbers, one for each channel, in a field of text."""

from __future__ import annotations

import math
import re

import streamlit as st

from gradviz_core.errors import QuestionError
from gradviz_core.text.glossary import tooltip
from gradviz_core.types import Preprocessing


def enter(start: Preprocessing, name: str) -> tuple[str, str]:
    """Mean and standard deviation as they are entered."""
    with st.container(horizontal=True):
        mean = st.text_input("Mean", listed(start.mean), key=f"{name}_mean", help=tooltip("Mean"), max_chars=400)
        std = st.text_input(
            "Standard deviation",
            listed(start.std),
            key=f"{name}_std",
            help=tooltip("Standard deviation"),
            max_chars=400,
        )
    return mean, std


def read(text: str, what: str, channels: int) -> tuple[float, ...]:
    """The numbers that a text lists, one for each channel.

    Raises:
        QuestionError: it lists something else; the sentence says what to enter.
    """
    words = [word for word in re.split(r"[,;\s]+", text) if word]
    try:
        numbers = tuple(float(word) for word in words)
    except ValueError as error:
        raise QuestionError(
            f"The {what} {text[:60]!r} is not a list of numbers. Enter {channels}, such as {_example(channels)}."
        ) from error
    if not all(math.isfinite(v) and abs(v) <= 1e6 for v in numbers):
        raise QuestionError(f"The {what} {text[:60]!r} contains a number that is not finite. Enter finite numbers.")
    if len(numbers) != channels:
        raise QuestionError(
            f"The {what} has {len(numbers)} numbers; this model's input has {channels} "
            f"channel{'s' if channels != 1 else ''}. Enter one for each."
        )
    return numbers


def _example(channels: int) -> str:
    return ", ".join(["0.5"] * channels)


def listed(values: tuple[float, ...]) -> str:
    """The numbers as they can be entered again."""
    return ", ".join(f"{v:.9g}" for v in values)
