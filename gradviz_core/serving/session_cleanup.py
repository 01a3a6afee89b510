"""What this process lets go of when a session has ended, beside what Streamlit itself held for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from functools import lru_cache


class SessionCleanup:
    """What is to be done when each session has ended. Any number of threads may use it at once."""

    def __init__(self) -> None:
        """Nothing is to be done yet."""
        self._lock = threading.Lock()
        self._acts: dict[str, dict[str, Callable[[], None]]] = {}

    def when_ended(self, session: str, name: str, act: Callable[[], None]) -> None:
        """Do this once the session has ended, in place of what was to be done under this name before."""
        with self._lock:
            self._acts.setdefault(session, {})[name] = act

    def run(self, there: Collection[str]) -> bool:
        """Do what is to be done for all sessions but those that are ``there``; whether there were any."""
        with self._lock:
            acts = [act for session in self._acts.keys() - set(there) for act in self._acts.pop(session).values()]
        for act in acts:
            act()
        return bool(acts)


@lru_cache(maxsize=1)
def session_cleanup() -> SessionCleanup:
    """Those of this process."""
    return SessionCleanup()
