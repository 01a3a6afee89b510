"""What a page shows, behind "What is this?" beside its title: its introduction, and of each picture formula, shape and
unit."""

from __future__ import annotations

from typing import cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.drawing.captions import Caption
from gradviz_core.text.glossary import tooltip
from pages.shell.words import explained, plain


def begin(sentence: str) -> None:
    """Draw the button here. ``sentence`` introduces the page; what its terms mean stands below it."""
    with st.popover("What is this?", type="tertiary", icon=":material/help:", key="meaning"):
        st.markdown(sentence)
        terms = tooltip(sentence)
        if terms:
            st.caption(terms)
        st.session_state["meaning_room"] = st.container()


def add(caption: Caption) -> None:
    """Say there what is known of one picture more than the sentence below it."""
    with cast(DeltaGenerator, st.session_state["meaning_room"]):
        words(caption)


def words(caption: Caption) -> None:
    """Write the sentence, the formula and the facts."""
    st.markdown(explained(caption.sentence))
    if caption.formula:
        st.markdown(f"$\\displaystyle {caption.formula}$")
    st.caption(plain(" · ".join(caption.facts)))
