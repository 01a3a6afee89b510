"""Room at the end of the page for components without a visible part, such as the one that listens to clicks."""

from __future__ import annotations

from typing import cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

STYLE = "[class*='st-key-unseen'] { display: none; }"


def make() -> None:
    """Make the room, below everything drawn so far. It is one pixel high, as styles may arrive late."""
    st.session_state["unseen_room"] = st.container(key="unseen", height=1, border=False)


def place() -> DeltaGenerator:
    """The room of this run."""
    return cast(DeltaGenerator, st.session_state["unseen_room"])
