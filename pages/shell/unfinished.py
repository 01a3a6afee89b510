"""What a drawn page still waits for: the next part of its long sum, and the questions that it asks later. They take
turns, so that neither waits until the other is whole."""

from __future__ import annotations

import streamlit as st

from pages.shell import later, rows

_LAST = "went_on_last"
"""Names in the session's state which of them had its turn last."""


def go_on() -> None:
    """The page is drawn. Wait for what it needs next and run it again, unless nothing is missing. A click ends this."""
    rows.settle()
    later.settle()
    waiting = [one for one in (rows, later) if one.is_waiting()]
    if not waiting:
        return
    last = st.session_state.get(_LAST)
    chosen = next((one for one in waiting if one.__name__ != last), waiting[0])
    st.session_state[_LAST] = chosen.__name__
    chosen.go_on()
    rows.run_again()
