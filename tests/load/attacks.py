"""What one bored person can do with a browser's means: pages that weigh, questions that last, uploads that hang,
handshakes of a foreign page. None of it cares what the app says to it."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress

from websockets.exceptions import InvalidHandshake

from tests.load import bringing
from tests.load.requests import Door, Gone, Refused, multipart, upload_headers
from tests.load.tab import Hang, Tab

FAILS = (bringing.NotTaken, Hang, Gone, Refused, LookupError, OSError, InvalidHandshake, TimeoutError)
"""What an attack may meet when the app defends itself."""
PAGES = ("saliency", "neurons", "feature-maps", "perturbation")


@asynccontextmanager
async def tabs_with_model(door: Door, name: str, data: bytes, count: int) -> AsyncIterator[list[str]]:
    """So many tabs, each of which shows this model on one page after the other for as long as the context lasts. The
    list says what went wrong for them."""
    said: list[str] = []
    tasks = [asyncio.create_task(_turn_pages(door, name, data, number, said)) for number in range(count)]
    try:
        yield said
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _turn_pages(door: Door, name: str, data: bytes, number: int, said: list[str]) -> None:
    while True:
        tab: Tab | None = None
        try:
            tab = await Tab.opened(door)
            model = await bringing.model(tab, name, data)
            for label in range(10):
                page = PAGES[(number + label) % len(PAGES)]
                screen = await tab.open(page, {"model": model, "target": str(label)})
                said += screen.errors
        except FAILS as error:
            said.append(f"{type(error).__name__}: {error}")
        finally:
            if tab is not None:
                await tab.close()
        await asyncio.sleep(0.3)


@asynccontextmanager
async def hanging_uploads(
    door: Door, count: int, size: int, sent: int, *, control: bool
) -> AsyncIterator[list[socket.socket]]:
    """So many uploads that say they have ``size`` bytes, of which ``sent`` come and then no more, for as long as the
    context lasts. With ``control`` they go where a control of the page asked for a file; else to made-up places."""
    tab = await Tab.opened(door)
    begun: list[socket.socket] = []
    try:
        if control:
            await tab.press("Bring your own model")
            links = [link.upload_url for link in await tab.links(*(f"{number}.pt2" for number in range(count)))]
        else:
            links = [f"/_stcore/upload_file/{tab.session}/{number}" for number in range(count)]
        sending = asyncio.gather(
            *(asyncio.to_thread(_begin_upload, door, link, tab.cookie, size, sent) for link in links)
        )
        try:
            begun += await asyncio.shield(sending)  # a thread goes on where its task is cancelled, and opens a socket
        except asyncio.CancelledError:
            begun += await sending
            raise
        yield begun
    finally:
        for each in begun:
            each.close()
        await tab.close()


def _begin_upload(door: Door, link: str, cookie: str, size: int, sent: int) -> socket.socket:
    """Say that an upload comes, and send the first part of it; whether anybody still listens is not looked at."""
    boundary = "x" * 32
    form = multipart(boundary, "model.pt2", b"")
    head = form[: form.rindex(b"\r\n--")]
    headers = upload_headers(cookie, boundary) | {"Host": door.host, "Content-Length": str(size + len(form))}
    connection = socket.create_connection(("127.0.0.1", door.port), 60, (door.source, 0))
    with suppress(OSError):
        connection.sendall(_request_head("PUT", link, headers) + head)
        block = bytes(1_000_000)
        for _ in range(sent // len(block)):
            connection.sendall(block)
    return connection


def handshake(door: Door, origin: str, host: str, *, timeout_s: float = 60.0) -> tuple[int, str]:
    """What the app answers to a WebSocket handshake that comes from a page of ``origin`` and asks for ``host``."""
    headers = {
        "Host": host,
        "Origin": origin,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Protocol": "streamlit",
    }
    with socket.create_connection(("127.0.0.1", door.port), timeout_s, (door.source, 0)) as connection:
        connection.sendall(_request_head("GET", "/_stcore/stream", headers))
        said = connection.recv(65536).decode(errors="replace")
    return int(said.split()[1]), said


async def foreign_handshakes(door: Door, count: int, origin: str = "http://evil.example") -> Iterable[int]:
    """The status of so many handshakes of a foreign page, all sent at once."""
    asked = (asyncio.to_thread(handshake, door, origin, door.host) for _ in range(count))
    return [status for status, _ in await asyncio.gather(*asked)]


def _request_head(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
