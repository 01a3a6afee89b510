"""All sessions of the server, with and without a tab.

Streamlit has no public way to list them. If its private names are gone, no session is known: nothing can be uploaded or
downloaded, a tab that reconnects is counted again, a turn for a large picture ends with the run of its page, and what
a session held is kept for as long as Streamlit keeps it, or until the server ends; a line in the log says so.
"""

from __future__ import annotations

from typing import Any

from pages.streamlit_private.names import found

_exists, _instance = (found("streamlit.runtime", name) for name in ("exists", "get_instance"))


def is_connected(session: str) -> bool:
    """Whether a tab is connected under this name."""
    look = getattr(_runtime(), "is_active_session", None)
    return look is not None and bool(look(session))


def may_have_tab(session: str) -> bool:
    """The same, but True if it is not known: only a session that has certainly been left may be closed."""
    look = getattr(_runtime(), "is_active_session", None)
    return look is None or bool(look(session))


def held() -> list[str] | None:
    """The names of all sessions; None if they are not known."""
    if _exists is None or _instance is None:
        return None
    try:
        return [info.session.id for info in _instance()._session_mgr.list_sessions()] if _exists() else []
    except AttributeError:
        return None


def close(session: str) -> None:
    """End a session."""
    end = getattr(_runtime(), "close_session", None)
    if end is not None:
        end(session)


def has_taken_all(session: str) -> bool:
    """Whether everything sent to the session's tab has left this process."""
    tab = getattr(_runtime(), "get_client", lambda _: None)(session)
    waiting = getattr(tab, "_send_queue", None)
    return waiting is None or bool(waiting.empty())


def are_served() -> bool:
    """Whether there is a server with sessions in this process."""
    return _runtime() is not None


def _runtime() -> Any:
    return _instance() if _exists is not None and _instance is not None and _exists() else None
