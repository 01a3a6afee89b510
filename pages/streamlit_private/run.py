"""The run of a page: its session, and what started it.

Streamlit has no public way to read the name of a session, or to tell a step back in the browser's history from any
other run. If its private names are gone, all sessions share one place in the queues and no file can be uploaded, and a
step back changes neither the page nor its address.
"""

from __future__ import annotations

from typing import Any

from pages.streamlit_private.names import found

_context_of_this_thread = found("streamlit.runtime.scriptrunner", "get_script_run_ctx")


def is_under_way() -> bool:
    """Whether this thread draws a page."""
    return _context() is not None


def session() -> str:
    """Streamlit's name of the session whose page this thread draws; empty if there is none."""
    return str(getattr(_context(), "session_id", ""))


def came_by_history() -> bool:
    """Whether the person went back or forward in the browser's history."""
    return bool(getattr(_context(), "is_history_navigation", False))


def forget_file(file_id: str) -> None:
    """Free a file that the session has uploaded; if that is not possible, Streamlit keeps it until the session ends."""
    remove = getattr(getattr(_context(), "uploaded_file_mgr", None), "remove_file", None)
    if remove is not None:
        remove(session(), file_id)


def _context() -> Any:
    return _context_of_this_thread(suppress_warning=True) if _context_of_this_thread is not None else None
