"""How many sessions may be open, in all and from one address."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable

RETURN_S = 7.0
"""Seconds that a session waits for its tab after a broken connection: longer than a network hiccup, shorter than the
ten seconds within which everything must be freed once a person has left. A tab that returns later starts a new session
at its address, which says what it showed."""
SPARE = 4
"""Extra connections for tabs that return before their old connection is known to be broken."""


class SessionLimits:
    """Counts connections. One that has ended counts for ``keep_s`` seconds more, as long as its session is kept; the
    next connection from the same address takes its place.

    There are ``most`` places. One address may use half of them, so that nobody takes all.
    """

    def __init__(self, most: int, keep_s: float = RETURN_S, clock: Callable[[], float] = time.monotonic) -> None:
        self.most, self.most_here = most, max(1, most // 2)
        self._keep_s, self._clock = keep_s, clock
        self._open: Counter[str] = Counter()
        self._left: deque[tuple[float, str]] = deque()

    def why_full(self, address: str, *, returning: bool = False) -> str | None:
        """A sentence that says why ``address`` cannot open another connection; None if it can.

        ``returning`` means a tab whose session is still there.
        """
        self._forget()
        here = self._open[address] + sum(there == address for _, there in self._left)
        spare = SPARE if returning else 0
        if here > self._open[address]:
            return None
        if self._open.total() + len(self._left) >= self.most + spare:
            all_of_them = f"All {self.most} sessions" if self.most > 1 else "The one session"
            return f"{all_of_them} of this GradViz {'are' if self.most > 1 else 'is'} in use. {_NEXT} {_MORE}"
        if here >= self.most_here + spare:
            return f"{here} of the {self.most} sessions of this GradViz are open from your address. {_NEXT} {_PROXY}"
        return None

    def take(self, address: str, *, returning: bool = False) -> str | None:
        """Count a new connection from ``address``, or return why it is refused, as ``why_full`` does."""
        if why := self.why_full(address, returning=returning):
            return why
        for number, (_, there) in enumerate(self._left):
            if there == address:
                del self._left[number]
                break
        self._open[address] += 1
        return None

    def leave(self, address: str) -> None:
        """A connection from ``address`` has ended."""
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]
        self._left.append((self._clock() + self._keep_s, address))

    def has(self, address: str) -> bool:
        """Whether a connection from ``address`` is open, or ended a moment ago."""
        self._forget()
        return address in self._open or any(there == address for _, there in self._left)

    def others(self, address: str) -> bool:
        """Whether connections from other addresses are open."""
        return self._open.total() > self._open[address]

    def _forget(self) -> None:
        while self._left and self._left[0][0] <= self._clock():
            self._left.popleft()


_NEXT = "Close a tab that you do not need, or wait: this page retries automatically until a session is free."
_MORE = "The operator can allow more with GRADVIZ_SESSIONS."
_PROXY = (
    "One address may use half of them. Behind a proxy, the operator can tell clients apart with GRADVIZ_CLIENT_HEADER."
)
