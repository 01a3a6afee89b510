"""What one connection may ask of the server before anything has looked at what it says.

uvicorn reads 256 kB at a time, and goes through all that is in them before anybody else has a turn: in frames of
seven bytes they take half a second. It waits for ever for the rest of a request's headers, and of a body that nobody
reads. Its two protocols are held here to smaller pieces and to a time.

Both are uvicorn's own, tried with 0.54. Where they are gone connections are held to its own limits, and the log says so
(``limits.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

PATIENCE_S = 10.0
"""Seconds for the headers of a request, from the opening of the connection or the request's first byte; and for the
rest of a body once its request has been answered."""
PIECE = 16_384
"""Bytes of a request that are read at a time. In chunks of one byte each they take 20 ms."""
SMALL_PIECE = 4_096
"""Bytes that are read at a time from a WebSocket, where clicks come in. In frames without contents they take 10 ms."""
FRAMES, FRAMES_PER_S = 200, 20.0
"""Frames that are no message of their own (pings, pongs, parts of a message) that one connection may send at once, and
each second after that. Browsers send hardly any."""
SILENCE_S = 30.0
"""Seconds in which a client must take a part of what waits for it. Until then it is kept in memory."""
LEAST = 0.25
"""That part: who takes less would fill the memory with pages that it hardly reads."""
POLICY = 1008
"""The code with which a WebSocket ends that breaks a rule (RFC 6455, 7.4.1)."""


class Patience:
    """Ends a connection whose client takes less than ``LEAST`` of what waits for it in ``SILENCE_S`` seconds."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._next: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """More waits for the client than is kept at a time."""
        self.end()
        left = self._transport.get_write_buffer_size()
        self._next = asyncio.get_running_loop().call_later(SILENCE_S, self._look, left)

    def end(self) -> None:
        """The client has taken most of it, or the connection is over."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _look(self, before: int) -> None:
        if self._transport.get_write_buffer_size() > before * (1 - LEAST):
            self._transport.abort()
        else:
            self.begin()


class Http(H11Protocol):
    """HTTP that waits ``PATIENCE_S`` seconds for what only the server itself waits for."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in H11Protocol
        """A connection was opened."""
        super().connection_made(transport)
        self._patience = Patience(transport)
        _read_in_pieces(transport, PIECE)
        self._limit_waiting()

    def data_received(self, data: bytes) -> None:
        """Some bytes have come."""
        super().data_received(data)
        self._limit_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._stop_waiting()
        self._patience.end()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client takes less than it is sent."""
        self._patience.begin()
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client has taken most of it."""
        self._patience.end()
        super().resume_writing()

    def _limit_waiting(self) -> None:
        answered = self.cycle is not None and self.cycle.response_complete  # type: ignore[redundant-expr]  # it begins so
        state = self.conn.their_state
        if state is not h11.IDLE and not (answered and state is h11.SEND_BODY):
            self._stop_waiting()
        elif self._deadline is None:
            self._deadline = asyncio.get_running_loop().call_later(PATIENCE_S, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class WebSocket(WebSocketsSansIOProtocol):
    """A WebSocket that ends where a client sends more frames besides its messages than any browser does."""

    _spent, _since = 0.0, 0.0

    def connection_made(self, transport: Any) -> None:
        """A connection was handed on by ``Http``."""
        super().connection_made(transport)
        self._patience = Patience(transport)
        _read_in_pieces(transport, SMALL_PIECE)
        self._since = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._patience.end()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client takes less than it is sent."""
        self._patience.begin()
        super().pause_writing()

    def resume_writing(self) -> None:
        """The client has taken most of it."""
        self._patience.end()
        super().resume_writing()

    async def send(self, message: ASGISendEvent) -> None:
        """Send what the app says. A refused handshake is a finished one; uvicorn logs it as an error otherwise."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True

    def handle_ping(self) -> None:
        """A ping has come, which is answered."""
        if self._may_go_on():
            super().handle_ping()

    def handle_pong(self, event: Frame) -> None:
        """A pong has come."""
        if self._may_go_on():
            super().handle_pong(event)

    def handle_cont(self, event: Frame) -> None:
        """A further part of a message has come."""
        if self._may_go_on():
            super().handle_cont(event)

    def _may_go_on(self) -> bool:
        if self.close_sent:
            return False
        now = self.loop.time()
        self._spent = max(0.0, self._spent - (now - self._since) * FRAMES_PER_S) + 1
        self._since = now
        if self._spent > FRAMES:
            self.conn.fail(POLICY, "too many frames")
            self.handle_parser_exception()
        return not self.close_sent


def _read_in_pieces(transport: object, size: int) -> None:
    """Let asyncio read ``size`` bytes at a time; transports that have no such number read as they do."""
    with contextlib.suppress(AttributeError):
        transport.max_size = size  # type: ignore[attr-defined]
