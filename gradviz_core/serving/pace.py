"""How slowly a file may come in."""

from __future__ import annotations

import time

import anyio
from starlette.types import Receive

SLOWEST = 50_000
"""Bytes a second that a sender must reach."""
PATIENCE_S = 8.0
"""Seconds that a sender may fall behind that."""
LONGEST_S = 1800.0
"""Seconds that one upload may take, at whatever rate."""


class TooSlow(Exception):
    """The sender is slower than it may be, or has stopped."""


class Gone(Exception):
    """The sender hung up."""


class Pace:
    """The body of one request, as its parts come, from a sender who may fall ``PATIENCE_S`` behind and no more.

    Only the time in which the sender is waited for counts. Each byte that came gives 1 / ``SLOWEST`` seconds back.
    """

    def __init__(self, receive: Receive) -> None:
        """The clock runs from now on."""
        self._receive = receive
        self._left = PATIENCE_S
        self._end = time.monotonic() + LONGEST_S
        self.more = True
        """Whether the body goes on."""

    async def part(self) -> bytes:
        """The next bytes.

        Raises:
            TooSlow: they do not come in time.
            Gone: they never will.
        """
        begun = time.monotonic()
        try:
            with anyio.fail_after(max(0.0, min(self._left, self._end - begun))):
                message = await self._receive()
        except TimeoutError:
            raise TooSlow from None
        if message["type"] == "http.disconnect":
            raise Gone
        came: bytes = message.get("body", b"")
        self.more = message.get("more_body", False)
        self._left = min(PATIENCE_S, self._left - (time.monotonic() - begun) + len(came) / SLOWEST)
        return came
