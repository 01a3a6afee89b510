"""Room under a page's title for what the address says wrong. The page below goes on with the default."""

from __future__ import annotations

from typing import cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.parts.words import plain


def make() -> None:
    """Make the room, here; called once in each run, before anything is chosen."""
    st.session_state["complaints_room"] = st.container(gap="small")


def add(sentence: str) -> None:
    """Say what is wrong with a choice."""
    with cast(DeltaGenerator, st.session_state["complaints_room"]):
        st.error(plain(sentence), icon=":material/error:")
