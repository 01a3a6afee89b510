"""What follows from a test, in a sentence with a sign before it."""

from __future__ import annotations

import streamlit as st

from gradviz_core.drawing import trust_words
from gradviz_core.drawing.trust_words import Verdict
from gradviz_core.types import RandomisedAnswer
from pages.shell import facts
from pages.shell.words import plain


def say(verdict: Verdict) -> None:
    """The sentence; the sign before it says whether it speaks for the map."""
    icon = {True: ":material/check:", False: ":material/warning:", None: ":material/info:"}[verdict.good]
    st.markdown(f"{icon} {plain(verdict.sentence)}")


def of(verdict: Verdict, answer: RandomisedAnswer) -> None:
    """The same, and how alike the two maps are."""
    say(verdict)
    facts.line(*trust_words.numbers(answer))
