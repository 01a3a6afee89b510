"""Whose page this is: what the compute service goes by where it says whose turn it is."""

from __future__ import annotations

import streamlit as st

from gradviz_core.compute.askers import ANYONE, Asker, session_at
from gradviz_core.serving.clients import HERE
from pages.streamlit_private import run


def here() -> Asker:
    """The session whose page is being drawn on this thread, and its address; ``ANYONE`` where none is."""
    if not run.is_under_way():
        return ANYONE
    address = st.context.ip_address  # None for this machine, and no text at all where there is no connection
    return session_at(address if isinstance(address, str) else HERE, run.session())


def leave_if_told() -> None:
    """End the run of the page on this thread, where there is one, if the session has ended or somebody clicked: what it
    waits for is not wanted any more. Streamlit looks for that wherever the session's state is read."""
    if run.is_under_way():
        st.session_state.get("page_drawn")
