"""The app's style sheet comes with the page itself, so nothing is drawn before it is known.

Streamlit sends styles with what a page draws, and so later than its first elements, which move when they come.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

END = b"</body>"
NOT_PASSED_ON = frozenset({b"if-none-match", b"if-modified-since", b"accept-encoding", b"range", b"if-range"})
"""Headers of a request that would bring something else than the page as it is, and whole."""
OF_THE_FILE = frozenset({b"content-length", b"etag", b"last-modified"})
"""Headers of the answer that are true of Streamlit's file alone."""


class PageStyle:
    """Middleware that writes a style at the end of each HTML page, where it comes after Streamlit's own styles."""

    def __init__(self, app: ASGIApp, style: Callable[[str, str], str], root: str = "") -> None:
        """``style`` gives that of a page by its path below ``root`` and its query."""
        self._app, self._style, self._root = app, style, root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] != "GET" or not _asks_for_a_page(scope):
            await self._app(scope, receive, send)
            return
        path, query = scope["path"].removeprefix(self._root), scope["query_string"].decode("latin-1")
        style = f"<style>{self._style(path, query)}</style>".encode()
        headers = [(name, value) for name, value in scope["headers"] if name not in NOT_PASSED_ON]
        start: Message = {}
        parts: list[bytes] = []

        async def hold(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if not _is_html(start):
                if start:
                    await send(start)
                    start = {}
                await send(message)
                return
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                await _send_with(style, start, b"".join(parts), send)

        await self._app({**scope, "headers": headers}, receive, hold)


async def _send_with(style: bytes, start: Message, body: bytes, send: Send) -> None:
    before, end, after = body.rpartition(END)
    body = before + style + end + after if end else body
    headers = [(name, value) for name, value in start["headers"] if name.lower() not in OF_THE_FILE]
    headers.append((b"content-length", str(len(body)).encode()))
    await send({**start, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _asks_for_a_page(scope: Scope) -> bool:
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


def _is_html(start: Message) -> bool:
    """Whether it is a page of the app, and no file to be saved."""
    headers = {name.lower(): value for name, value in start.get("headers", ())}
    saved = headers.get(b"content-disposition", b"").startswith(b"attachment")
    return headers.get(b"content-type", b"").startswith(b"text/html") and not saved
