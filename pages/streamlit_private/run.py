"""The run of a page: whose it is, and what began it.

Streamlit has no public way to the name of a session, nor to tell a step back in the browser's history from any other
run. Where its own is gone, sessions share one turn in the queues and no file can be uploaded; and a step back leaves
the page as it is, with its address.
"""

from __future__ import annotations

from typing import Any

from pages.streamlit_private.names import found

_context_of_this_thread = found("streamlit.runtime.scriptrunner", "get_script_run_ctx")


def is_under_way() -> bool:
    """Whether this thread draws a page."""
    return _context() is not None


def session() -> str:
    """The name of the session whose page this thread draws, as Streamlit has it; empty where there is none."""
    return str(getattr(_context(), "session_id", ""))


def came_by_history() -> bool:
    """Whether the person went back or forth in the browser's history."""
    return bool(getattr(_context(), "is_history_navigation", False))


def forget_file(file_id: str) -> None:
    """Let go of a file that the session has uploaded; where that cannot be done, Streamlit holds it until the session
    ends."""
    remove = getattr(getattr(_context(), "uploaded_file_mgr", None), "remove_file", None)
    if remove is not None:
        remove(session(), file_id)


def _context() -> Any:
    return _context_of_this_thread(suppress_warning=True) if _context_of_this_thread is not None else None
