"""How many pages an address may ask for: the app's process draws them one after the other for everybody."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

PAGES, PAGES_PER_S = 5.0, 1.5
"""Pages that one address may ask for at once, and per second after that, while others have tabs open. The process draws
two or three per second, so this leaves a quarter to a half of its time to others."""
FORGET_S = 60.0
"""An address that has asked for nothing for so long is forgotten."""


@dataclass
class _Share:
    left: float
    since: float


class PageRate:
    """A token bucket for each address, so that nobody blocks the pages of others.

    ``others`` says whether other addresses have tabs open. If not, nobody waits.
    """

    def __init__(self, others: Callable[[str], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._others, self._clock = others, clock
        self._shares: dict[str, _Share] = {}

    def wait_s(self, address: str, pages: float) -> float:
        """Seconds until ``pages`` more pages may be drawn for ``address``; part of a page counts as less than one. They
        are counted now."""
        now = self._clock()
        share = self._shares.pop(address, _Share(PAGES, now))
        share.left = min(PAGES, share.left + (now - share.since) * PAGES_PER_S) - pages
        share.since = now
        if not self._others(address):
            share.left = max(0.0, share.left)
        self._shares[address] = share  # the ones asked for last stand last
        self._forget(now)
        return max(0.0, -share.left / PAGES_PER_S)

    def _forget(self, now: float) -> None:
        while self._shares:
            first = next(iter(self._shares))
            if now - self._shares[first].since < FORGET_S:
                return
            del self._shares[first]
