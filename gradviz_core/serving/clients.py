"""The address that a request counts for, put where everything behind this looks for it: ``scope["client"]``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gradviz_core.compute.askers import UNKNOWN, client_address

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]

HERE = "127.0.0.1"
PEER = "gradviz.peer"
"""Where ``Peer`` notes the other end of a connection in a scope."""


class Peer:
    """ASGI middleware that notes who the other end of the connection is.

    It stands around uvicorn's own, which believes ``X-Forwarded-For`` where the connection comes from this very
    machine, and writes what that names into ``scope["client"]``: a program that passes connections on without writing
    the header would let anybody choose an address.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(
        self, scope: Scope, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        """Pass the request on, with the note."""
        scope[PEER] = scope.get("client")
        await self._app(scope, receive, send)


class ClientAddress:
    """ASGI middleware, before all that looks at it: ``scope["client"]`` holds what ``client_address`` gives."""

    def __init__(self, app: App, header: str | None) -> None:
        """``header`` is the one that the proxy in front writes; None where no header is to be believed."""
        self._app, self._header = app, (header or "").lower()

    async def __call__(
        self, scope: Scope, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        """Pass the request on, with the address that it counts for."""
        if scope["type"] in ("http", "websocket"):
            scope = {**scope, "client": (self._address(scope), 0)}
        await self._app(scope, receive, send)

    def _address(self, scope: Scope) -> str:
        peer = scope.get(PEER, scope.get("client")) or (UNKNOWN, 0)
        return client_address(peer[0], _values(scope, self._header))


def _values(scope: Scope, name: str) -> list[str]:
    """The values of a header, one for each line that it has."""
    wanted = name.encode("latin-1")
    return [value.decode("latin-1") for key, value in scope["headers"] if wanted and key.lower() == wanted]
