"""The limits of the server itself, which Streamlit does not set."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn import Config

from gradviz_core.serving.clients import Peer
from gradviz_core.serving.log_limits import limit_the_log

log = logging.getLogger("gradviz.serving")

MESSAGE = 262_144
"""Bytes of the largest message that a tab may send; what the widgets of a page hold is a few thousand. Streamlit's own
setting counts for what is sent to a tab as well, where a picture takes more."""
GOODBYE_S = 5
"""Seconds that the server waits for what is under way when it is told to end."""
MOST_FILES = 65_536
"""Connections and files that may be open at one time, as far as the system allows."""


class Limits:
    """Middleware that sets the limits of the server that it runs in, once, before the first connection."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on."""
        if scope["type"] == "lifespan":
            limit_the_log()
            _set(receive)
            _raise_number_of_files()
        await self.app(scope, receive, send)


def _set(receive: Receive) -> None:
    """Find uvicorn's settings by what it hands to an app: the method of an object that holds them."""
    found, protocols = getattr(getattr(receive, "__self__", None), "config", None), _protocols()
    if not isinstance(found, Config) or protocols is None:
        log.warning("The server is not the uvicorn that was expected: connections are held to its own limits.")
        return
    found.http_protocol_class, found.ws_protocol_class = protocols
    found.ws_max_size = MESSAGE
    found.timeout_graceful_shutdown = GOODBYE_S
    found.loaded_app = Peer(found.loaded_app)


def _protocols() -> tuple[type[asyncio.Protocol], type[asyncio.Protocol]] | None:
    """Those of HTTP and of WebSockets that are made from uvicorn's own; None where these are gone."""
    try:
        from gradviz_core.serving.connections import Http, WebSocket
    except ImportError:
        return None
    return Http, WebSocket


def _raise_number_of_files() -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
