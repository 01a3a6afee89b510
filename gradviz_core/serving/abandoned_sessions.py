"""Letting go of what sessions hold once their tabs have left.

Streamlit keeps the session of a broken connection for a tab that comes back, and forgets it when another one breaks:
where nobody comes or goes it stays for ever.
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
"""How often it is looked whether a session is due."""
GIVE_BACK_S = 2.0
"""No sooner is memory given back once more: it keeps all threads waiting for some tenths of a second."""
UNKNOWN = (
    "The sessions are not known with this version of Streamlit, so what they hold is kept after their tabs have left. "
    "Streamlit 1.67 is known to work."
)


@dataclass
class Abandoned:
    """Which sessions are without a tab, and since when."""

    most: int
    """Sessions that may be held in all. The ones that were left first go at once where there are more."""
    keep_s: float = RETURN_S
    clock: Callable[[], float] = time.monotonic
    since: dict[str, float] = field(default_factory=dict)

    def due(self, left: Sequence[str], held: int) -> list[str]:
        """Those to let go now, of the sessions that are ``left`` just now out of ``held`` in all."""
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
    """Close sessions whose tab did not come back, for ever; then do what is to be done for those that have ended.

    ``held`` names all sessions, or says None if they are not known: then nothing is closed and nothing let go of, for a
    session that is not named may have its tab. ``has_tab`` says whether one has a tab, ``close`` ends one;
    ``clean_up`` gets those that are left, and says whether anything was let go of.
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
                # much of it refers to each other, and would stay until the next collection
                await asyncio.to_thread(memory.give_back)
                ended, given_back = False, time.monotonic()
        except Exception:
            log.exception("Sessions whose tabs have left could not be let go; it is tried again.")


def _look(left: Abandoned, sessions: list[str], has_tab: Callable[[str], bool], close: Callable[[str], None]) -> None:
    for session in left.due([session for session in sessions if not has_tab(session)], len(sessions)):
        close(session)
