"""How the bands of an image become the input of an uploaded model, and which of them are shown."""

from __future__ import annotations

import re
from dataclasses import replace

import streamlit as st

from gradviz_core.errors import QuestionError
from gradviz_core.types import Preprocessing
from pages.uploads import number_lists

_AS_THEY_ARE, _STANDARDISED, _OWN = "as they are", "standardised", "own"
_SCALINGS = {_AS_THEY_ARE: "As they are", _STANDARDISED: "Mean 0, standard deviation 1", _OWN: "Other"}


def numbers(start: Preprocessing, name: str) -> tuple[str, str, bool]:
    """Mean and standard deviation as they were entered, and whether each band is standardised by itself first."""
    zeros, ones = (0.0,) * len(start.mean), (1.0,) * len(start.mean)
    plain_numbers = (start.mean, start.std) == (zeros, ones)
    first = (_STANDARDISED if start.standardised else _AS_THEY_ARE) if plain_numbers else _OWN
    chosen = st.segmented_control(
        "Numbers of the bands",
        list(_SCALINGS),
        default=first,
        format_func=_SCALINGS.__getitem__,
        required=True,
        key=f"{name}_scaling",
        wrap=True,
    )
    if chosen == _OWN:
        return *number_lists.enter(start, name), start.standardised and first == _OWN
    if chosen == _STANDARDISED:
        st.caption("Each band of an image gets mean 0 and standard deviation 1 over its own pixels.")
    return number_lists.listed(zeros), number_lists.listed(ones), chosen == _STANDARDISED


def shown(start: Preprocessing, name: str) -> tuple[int, ...]:
    """The bands that pictures show.

    Raises:
        QuestionError: what was entered names no such bands.
    """
    last = len(start.mean) - 1
    text = st.text_input(
        "Bands shown",
        ", ".join(map(str, start.shown_bands)),
        key=f"{name}_shown",
        help=f"Three bands as red, green and blue, or one in grey. They are counted from 0 to {last}. Only the picture "
        "changes: the model always gets all of them.",
        max_chars=40,
    )
    words = [word for word in re.split(r"[,;\s]+", text) if word]
    chosen = tuple(int(word) for word in words if word.isascii() and word.isdigit() and len(word) < 4)
    if len(chosen) != len(words) or len(words) not in (1, 3) or max(chosen) > last:
        example = "2, 1, 0" if last > 1 else "0"
        raise QuestionError(
            f"The bands shown cannot be {text!r}. Enter three numbers from 0 to {last} for red, green and blue, or one "
            f"for grey, such as {example}."
        )
    return () if chosen == replace(start, shown=()).shown_bands else chosen
