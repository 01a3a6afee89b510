"""Room at the end of the page for what works without being seen, such as what listens to clicks."""

from __future__ import annotations

from typing import cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

STYLE = "[class*='st-key-unseen'] { display: none; }"


def make() -> None:
    """Make the room, below all that is drawn before this. One pixel high, for styles may arrive late."""
    st.session_state["unseen_room"] = st.container(key="unseen", height=1, border=False)


def place() -> DeltaGenerator:
    """The room of this run."""
    return cast(DeltaGenerator, st.session_state["unseen_room"])
