"""Whose page this is: the compute service shares its time fairly between these."""

from __future__ import annotations

import streamlit as st

from gradviz_core.compute.askers import ANYONE, Asker, session_at
from gradviz_core.serving.clients import HERE
from pages.streamlit_private import run


def here() -> Asker:
    """The session whose page this thread draws, and its address; ``ANYONE`` if there is none."""
    if not run.is_under_way():
        return ANYONE
    address = st.context.ip_address  # None for this machine; not a text if there is no connection
    return session_at(address if isinstance(address, str) else HERE, run.session())


def leave_if_told() -> None:
    """End this thread's run of a page, if there is one, once the session has ended or the person has clicked: its
    answer is no longer needed. Streamlit checks for that whenever the session's state is read."""
    if run.is_under_way():
        st.session_state.get("page_drawn")
