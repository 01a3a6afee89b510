"""The placeholder of a page that shows nothing yet: what is being done, and a grey shape.

A page that was drawn to its end needs none: its old pictures stay, dimmed, until the new ones are there.
"""

from __future__ import annotations

from typing import cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.shell.words import plain
from pages.streamlit_private import elements

STYLE = f"""
{elements.MAIN_BLOCK} {{ position: relative; }}
.st-key-skeleton {{ position: absolute; pointer-events: none; top: 13rem; left: 2rem; right: 2rem; width: auto; }}
{elements.MAIN_BLOCK}:has({elements.CHART}) .st-key-skeleton {{ display: none; }}
.shape {{ height: calc(100vh - 19rem); border-radius: 0.25rem; background: currentColor; opacity: 0.06; }}
"""
"""It stands where the pictures will be, and moves nothing."""


def make() -> None:
    """Make room for it."""
    with st.container(key="skeleton"):
        st.session_state["skeleton_room"] = st.empty()


def begin(page: str) -> None:
    """Note which page is being drawn."""
    if st.session_state.get("page_begun") != page:
        st.session_state["page_drawn"] = False
    st.session_state["page_begun"] = page


def show(doing: str) -> None:
    """Show what is being done, if the page shows nothing yet."""
    if not st.session_state.get("page_drawn"):
        with _room().container():
            st.caption(plain(doing))
            st.html('<div class="shape" aria-hidden="true"></div>')


def settle() -> None:
    """Note that the page was drawn to its end."""
    st.session_state["page_drawn"] = True
    _room().empty()


def _room() -> DeltaGenerator:
    return cast(DeltaGenerator, st.session_state["skeleton_room"])
