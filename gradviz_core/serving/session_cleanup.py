"""What this process frees when a session has ended, besides what Streamlit itself holds for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from functools import lru_cache


class SessionCleanup:
    """The functions to call when a session has ended. Thread-safe."""

    def __init__(self) -> None:
        """Nothing is registered yet."""
        self._lock = threading.Lock()
        self._acts: dict[str, dict[str, Callable[[], None]]] = {}

    def when_ended(self, session: str, name: str, act: Callable[[], None]) -> None:
        """Call ``act`` once the session has ended, instead of what was registered under this name before."""
        with self._lock:
            self._acts.setdefault(session, {})[name] = act

    def run(self, there: Collection[str]) -> bool:
        """Call what is registered for all sessions that are not ``there`` any more. True if anything was called."""
        with self._lock:
            acts = [act for session in self._acts.keys() - set(there) for act in self._acts.pop(session).values()]
        for act in acts:
            act()
        return bool(acts)


@lru_cache(maxsize=1)
def session_cleanup() -> SessionCleanup:
    """The cleanup of this process."""
    return SessionCleanup()
