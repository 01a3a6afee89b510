"""Turning a request away with a sentence, before anything else has looked at it."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import Scope, Send

Header = tuple[bytes, bytes]
LONGEST = 100
"""Characters of a stranger's value that are repeated to them."""


async def refuse(scope: Scope, send: Send, status: int, sentence: str) -> None:
    """Answer a request, or the handshake of a WebSocket, with ``status`` and one sentence as plain text.

    The body of the request is not read: the connection ends.
    """
    await answer(scope, send, status, f"{sentence}\n".encode(), b"text/plain; charset=utf-8")


async def answer(
    scope: Scope, send: Send, status: int, body: bytes, media_type: bytes, more: Iterable[Header] = ()
) -> None:
    """Answer a request, or the handshake of a WebSocket, with ``body``; ``more`` are headers."""
    kind = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    headers = [
        (b"content-type", media_type),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),
        *more,
    ]
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": b"" if scope.get("method") == "HEAD" else body})


def shown(value: str) -> str:
    """A stranger's value in quotes, cut short, with everything but letters, digits and signs of ASCII written out."""
    cut = value if len(value) <= LONGEST else f"{value[:LONGEST]}..."
    return '"' + cut.encode("unicode_escape").decode("ascii").replace('"', '\\"') + '"'
