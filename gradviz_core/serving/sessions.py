"""A limit to sessions: each takes memory of the app's process, and time to draw its pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

from starlette.types import ASGIApp, Receive, Scope, Send

from gradviz_core.serving import checks, offers
from gradviz_core.serving.full import page
from gradviz_core.serving.page_rate import PageRate
from gradviz_core.serving.refusals import answer, refuse
from gradviz_core.serving.session_limits import SessionLimits
from gradviz_core.serving.tabs import Tab

UNAVAILABLE = 503
ASKED_FIRST = "/_stcore/host-config"
"""What a tab asks for before its WebSocket. Streamlit's page shows the words of a refusal that come as JSON, and asks
again every few seconds."""

FILES = frozenset({"_stcore", "app", "component", "media", "static", checks.PATH, offers.PATH})
"""First parts of the paths at which there are files; everywhere else Streamlit shows a page."""


class Sessions:
    """Middleware that lets no more sessions in than there are places.

    Whoever finds none gets a page that says so and looks again by itself; a tab that lost its session is told by
    Streamlit's own page. A refusal costs as much as a request for a small file.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: SessionLimits,
        is_there: Callable[[str], bool],
        pages_in: Callable[[bytes], float | None],
        base: str = "",
    ) -> None:
        """``is_there`` says whether a session of this name can be returned to, ``pages_in`` how many pages a message
        has drawn, or None if no page sends such a message. ``base`` is the path below which the app is served, such as
        ``/gradviz``."""
        self.app, self.limits, self.is_there, self.pages_in = app, limits, is_there, pages_in
        self.page_rate = PageRate(limits.others)
        self.base, self.asked_first = base, f"{base}{ASKED_FIRST}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it for want of a place."""
        if scope["type"] == "websocket":
            await self._connect(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] == "GET" and (why := self._why_not(scope)):
            await self._turn_away(scope, send, why)
        else:
            await self.app(scope, receive, send)

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        address, session = scope["client"][0], _returning_to(scope)
        if why := self.limits.take(address, returning=session is not None and self.is_there(session)):
            await refuse(scope, send, UNAVAILABLE, why)
            return
        tab = Tab(receive, send, self.pages_in, partial(self.page_rate.wait_s, address))
        try:
            await self.app(scope, tab.hear, tab.say)
        finally:
            tab.leave()
            self.limits.leave(address)

    def _why_not(self, scope: Scope) -> str | None:
        """Why this request of a tab cannot lead to a session. Somebody who loads their own page again gives their place
        up only then, and finds it again a moment later."""
        address, headers = scope["client"][0], dict(scope["headers"])
        if scope["path"] != self.asked_first:
            again = b"cache-control" in headers and self.limits.has(address)
            if again or not _opens_a_page(scope["path"].removeprefix(self.base), headers):
                return None
        return self.limits.why_full(address)

    async def _turn_away(self, scope: Scope, send: Send, why: str) -> None:
        if scope["path"] == self.asked_first:
            await answer(scope, send, UNAVAILABLE, json.dumps(why).encode(), b"application/json")
        else:
            body, again = page(why, self.asked_first), (b"retry-after", b"10")
            await answer(scope, send, UNAVAILABLE, body, b"text/html; charset=utf-8", [again])


def _opens_a_page(path: str, headers: dict[bytes, bytes]) -> bool:
    return b"text/html" in headers.get(b"accept", b"") and path.lstrip("/").partition("/")[0] not in FILES


def _returning_to(scope: Scope) -> str | None:
    """The session that a tab had before: the third of the protocols that it names."""
    named = scope["subprotocols"]
    return named[2] if len(named) > 2 and named[2] else None
