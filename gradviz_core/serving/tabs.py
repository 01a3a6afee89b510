"""What is heard from a tab: what pages send, at the pace of a person, and while the tab listens itself."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from starlette.types import Message, Receive, Send

MESSAGES, MESSAGES_PER_S = 100.0, 20.0
"""Messages that are heard from one tab at once, and each second after that. Quick clicks are ten."""

MOST_WAITING, MOST_WAITING_BYTES = 20, 300_000
"""Messages of one tab that may wait for their time, and bytes of them; where there are more, its end is noticed later.
What a page sends has a few thousand bytes."""


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


class Tab:
    """The two ways of a tab's WebSocket, ``hear`` and ``say``; ``leave`` when it has ended.

    Nothing more is heard until what was said has gone out, because a tab that asks on and on and reads nothing would
    have all its pages kept for it.
    """

    def __init__(
        self,
        receive: Receive,
        send: Send,
        pages_in: Callable[[bytes], float | None],
        wait_s: Callable[[float], float],
    ) -> None:
        """``pages_in`` says how many pages a message has drawn; a message for which it says None is dropped. ``wait_s``
        says how many seconds the tab has to wait for them."""
        self._receive, self._send, self._pages_in, self._wait_s = receive, send, pages_in, wait_s
        self._pace, self._gone_out = Pace(), asyncio.Event()
        self._gone_out.set()
        self._heard: deque[Message] = deque()
        self._next: asyncio.Future[Message] | None = None

    async def say(self, message: Message) -> None:
        """Send a message to the tab."""
        self._gone_out.clear()
        try:
            await self._send(message)
        finally:
            self._gone_out.set()

    async def hear(self) -> Message:
        """The next message that is to be acted upon, once its time has come."""
        while True:
            while not self._gone_out.is_set():  # what goes out next may have begun by the time that this wakes up
                await self._gone_out.wait()
            message = self._heard.popleft() if self._heard else await self._listen()
            if message["type"] != "websocket.receive":
                return message
            await self._pace.wait()
            pages = 0.0 if message.get("bytes") is None else self._pages_in(message["bytes"])
            if pages is not None:
                return await self._ends_within(self._wait_s(pages)) or message

    def leave(self) -> None:
        """Nothing will be heard any more."""
        if self._next is not None:
            self._next.cancel()

    async def _listen(self) -> Message:
        heard = await (self._next or self._receive())
        self._next = None
        return heard

    async def _ends_within(self, seconds: float) -> Message | None:
        """What says that the tab is gone, as soon as it comes; None after that time. What comes meanwhile is heard
        later."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if len(self._heard) >= MOST_WAITING or sum(map(_size, self._heard)) >= MOST_WAITING_BYTES:
                await asyncio.sleep(left)
                return None
            if self._next is None:
                self._next = asyncio.ensure_future(self._receive())
            if not (await asyncio.wait({self._next}, timeout=left))[0]:
                return None
            message = await self._listen()
            if message["type"] != "websocket.receive":
                return message
            self._heard.append(message)
        return None


def _size(message: Message) -> int:
    return len(message.get("bytes") or message.get("text") or b"")
