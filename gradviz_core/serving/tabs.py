"""What is heard from a tab: what pages send, at the pace of a person, and while the tab listens itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.types import Message, Receive, Send

MESSAGES, MESSAGES_PER_S = 100.0, 20.0
"""Messages that are heard from one tab at once, and each second after that. Quick clicks are ten, and a page that waits
for its check asks three times a second."""


class Pace:
    """Lets ``MESSAGES`` pass at once and then ``MESSAGES_PER_S``; the next ones wait."""

    def __init__(self) -> None:
        self._left, self._since = MESSAGES, time.monotonic()

    async def wait(self) -> None:
        """Wait for the turn of one more message."""
        now = time.monotonic()
        self._left = min(MESSAGES, self._left + (now - self._since) * MESSAGES_PER_S) - 1
        self._since = now
        if self._left < 0:
            await asyncio.sleep(-self._left / MESSAGES_PER_S)


def listened_to(receive: Receive, send: Send, understood: Callable[[bytes], bool]) -> tuple[Receive, Send]:
    """The two ways of a tab's WebSocket. What is not ``understood`` is dropped; and nothing more is heard until what
    was said has gone out, because a tab that asks on and on and reads nothing would have all its pages kept for it.
    """
    gone_out, pace = asyncio.Event(), Pace()
    gone_out.set()

    async def say(message: Message) -> None:
        gone_out.clear()
        try:
            await send(message)
        finally:
            gone_out.set()

    async def hear() -> Message:
        while True:
            await gone_out.wait()
            message = await receive()
            if message["type"] != "websocket.receive":
                return message
            await pace.wait()
            if message.get("bytes") is None or understood(message["bytes"]):
                return message

    return hear, say
