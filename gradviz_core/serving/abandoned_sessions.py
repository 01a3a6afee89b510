"""Closes sessions whose tabs have left, and frees what they hold.

Streamlit keeps the session of a broken connection in case its tab returns, and drops it only when another connection
breaks. Without other visitors it would stay for ever.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from gradviz_core.serving import memory
from gradviz_core.serving.session_limits import RETURN_S

log = logging.getLogger("gradviz.serving")

LOOK_S = 0.5
"""How often sessions are checked."""
GIVE_BACK_S = 2.0
"""Seconds between two times that memory is given back: each stops all threads for some tenths of a second."""
UNKNOWN = (
    "The sessions are not known with this version of Streamlit, so what they hold is kept after their tabs have left. "
    "Streamlit 1.67 is known to work."
)


@dataclass
class Abandoned:
    """Which sessions are without a tab, and since when."""

    most: int
    """The most sessions to hold. If there are more, those that were left first are closed at once."""
    keep_s: float = RETURN_S
    clock: Callable[[], float] = time.monotonic
    since: dict[str, float] = field(default_factory=dict)

    def due(self, left: Sequence[str], held: int) -> list[str]:
        """The sessions to close now. ``left`` are those without a tab, ``held`` is the number of all sessions."""
        now = self.clock()
        self.since = {session: self.since.get(session, now) for session in left}
        first = sorted(self.since, key=self.since.__getitem__)
        over = max(0, held - self.most)
        return first[:over] + [session for session in first[over:] if now - self.since[session] >= self.keep_s]


async def close_abandoned(
    held: Callable[[], list[str] | None],
    has_tab: Callable[[str], bool],
    close: Callable[[str], None],
    clean_up: Callable[[Collection[str]], bool],
    most: int,
) -> NoReturn:
    """Close sessions whose tab has not returned, and free what ended sessions held. Runs for ever.

    ``held`` returns the names of all sessions, or None if they are not known; then nothing is closed or freed, because
    a session may still have its tab. ``has_tab`` says whether a session has a tab, and ``close`` ends it. ``clean_up``
    gets the sessions that are left, and says whether anything was freed.
    """
    left, ended, given_back, told = Abandoned(most), False, -GIVE_BACK_S, False
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            if (sessions := held()) is None:
                if not told:
                    log.error(UNKNOWN)
                told = True
                continue
            _look(left, sessions, has_tab, close)
            if (sessions := held()) is not None:
                ended = clean_up(sessions) or ended
            if ended and time.monotonic() - given_back >= GIVE_BACK_S:
                # much of it is in reference cycles, which would stay until the next collection
                await asyncio.to_thread(memory.give_back)
                ended, given_back = False, time.monotonic()
        except Exception:
            log.exception("Sessions whose tabs have left could not be closed; GradViz tries again.")


def _look(left: Abandoned, sessions: list[str], has_tab: Callable[[str], bool], close: Callable[[str], None]) -> None:
    for session in left.due([session for session in sessions if not has_tab(session)], len(sessions)):
        close(session)
