"""Whose pages are drawn: the app's process draws one after the other, whoever asks for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

PAGES, PAGES_PER_S = 5.0, 1.5
"""Pages that one address may ask for at once, and each second after that, while others have tabs open as well. The
process draws two or three in a second, so this is what one address could have of it anyway; and leaves the rest."""
FORGET_S = 60.0
"""Seconds after which an address that asked for nothing is forgotten."""


@dataclass
class _Share:
    left: float
    since: float


class PageRate:
    """Tells how long an address has to wait for its next page, so that no one keeps the others from theirs.

    ``others`` says whether tabs of other addresses are open. Where there are none, nobody waits.
    """

    def __init__(self, others: Callable[[str], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._others, self._clock = others, clock
        self._shares: dict[str, _Share] = {}

    def wait_s(self, address: str, pages: float) -> float:
        """Seconds until ``address`` may have so many more pages drawn (part of a page is less than one). They count as
        drawn from now on."""
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
