"""The page at "/": the story, or Input saliency where the address asks a question.

Input saliency stood there before there was a story, so links such as ``/?image=sample/star`` show it for ever.
"""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from pages.layout import contents
from pages.streamlit_private import run

PATH = "start"
"""What the page at "/" is called among the pages; it is not in any address."""
STORY, SALIENCY = "story", "saliency"
NO_QUESTION = (STORY, "present")
"""Choices that say where in the story, and how it is shown."""


def asks_a_question(names: Iterable[str]) -> bool:
    """Whether an address with choices of these names asks one."""
    return any(name in contents.parameters().names and name not in NO_QUESTION for name in names)


def opening() -> str:
    """The address of the page that is shown at "/" too.

    A page that was opened there by a question stays, even when the last choice is back at its default and the address
    asks nothing any more; a step back in the browser's history decides anew.
    """
    asks = asks_a_question(st.query_params)
    if asks or "opening" not in st.session_state or run.came_by_history():
        st.session_state["opening"] = SALIENCY if asks else STORY
    return str(st.session_state["opening"])
