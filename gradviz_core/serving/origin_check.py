"""The first check of a request: it must ask for a host that is served, and must not come from another site.

Streamlit never sees what is refused here. It would look up this machine's address on the internet for each
WebSocket handshake of another site, and wait for it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from gradviz_core.serving.hosts import Place, origin, place, same, served
from gradviz_core.serving.refusals import refuse, shown

READING = frozenset({"GET", "HEAD"})
"""Methods that change nothing; a browser keeps what they bring from pages of other sites."""


@dataclass(frozen=True)
class Refusal:
    """Why a request is turned away, as a status and a sentence."""

    status: int
    sentence: str


class OriginCheck:
    """Middleware that lets a request through if its ``Host`` is served, and if its ``Origin`` is that host wherever it
    can change something: in a WebSocket handshake, and with any method but GET and HEAD.

    A request without ``Origin`` comes from a program and not from a page, since browsers send it with all of these; a
    program can write whatever it likes there, so that asking for it would keep nobody out. ``X-Forwarded-Host`` and the
    like are not read: anybody can send them. A proxy passes on the ``Host`` that it was asked for.

    ``names`` are those under which the app is served besides ``localhost`` and addresses.
    """

    def __init__(self, app: ASGIApp, names: Collection[str] = ()) -> None:
        self.app = app
        self.names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request or a handshake through, or refuse it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        hosts, origins = _values(scope, b"host"), _values(scope, b"origin")
        asks = scope["type"] == "http" and scope["method"] in READING
        if refusal := judge(hosts, [] if asks else origins, self.names) or _of_unknown_length(scope):
            await refuse(scope, send, refusal.status, refusal.sentence)
            return
        if scope["type"] == "websocket" and origins:
            scope = _as_one_site(scope, origins[0])
        await self.app(scope, receive, send)


def judge(hosts: list[str], origins: list[str], names: Collection[str]) -> Refusal | None:
    """What is wrong with the values of ``Host`` and ``Origin`` of one request; None lets it through."""
    if len(hosts) != 1:
        return Refusal(400, f"A request must name the host it asks for in one Host header; this one has {len(hosts)}.")
    asked_for = place(hosts[0])
    if asked_for is None:
        return Refusal(400, f"{shown(hosts[0])} in the Host header is not a host with or without a port.")
    if not served(asked_for.host, names):
        return Refusal(421, _not_served(str(asked_for.host)))
    return _foreign(origins, hosts[0], asked_for) if origins else None


def _not_served(name: str) -> str:
    return (
        f"GradViz does not answer to the name {shown(name)}: it answers to localhost, to IP addresses, and to the "
        f"names that its operator has listed. To add this one, start GradViz with GRADVIZ_HOSTS={name[:253]}; separate "
        "several names by commas."
    )


def _foreign(origins: list[str], host: str, asked_for: Place) -> Refusal | None:
    came_from = origin(origins[0]) if len(origins) == 1 else None
    if came_from is not None and same(came_from, asked_for):
        return None
    return Refusal(
        403,
        f"This request comes from the site {shown(', '.join(origins))} and asks for {shown(host)}, but GradViz accepts "
        "requests from its own pages only. If this is its own page, a proxy in between has changed the Host header: "
        "configure the proxy to pass on the host and the port that the browser asked for. Other names under which "
        "GradViz can be reached belong in GRADVIZ_HOSTS.",
    )


def _of_unknown_length(scope: Scope) -> Refusal | None:
    """A body in chunks, which a browser never sends: chunks of one byte take a hundred times as long as what is in
    them."""
    if not _values(scope, b"transfer-encoding"):
        return None
    return Refusal(411, "A request must say how long it is in a Content-Length header; one in chunks is not read.")


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1").strip(" \t") for key, value in scope["headers"] if key == name]


def _as_one_site(scope: Scope, its_origin: str) -> Scope:
    """The handshake with ``Host`` written as in ``Origin``. Streamlit compares the two letter by letter, and looks up
    this machine's address outside where they differ."""
    authority = its_origin.partition("://")[2].encode("latin-1")
    headers = [(key, authority if key == b"host" else value) for key, value in scope["headers"]]
    return {**scope, "headers": headers}
