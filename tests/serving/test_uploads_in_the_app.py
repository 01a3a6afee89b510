"""Hostile uploads against a running app, beside a bystander from another address: what the app holds, what lies
in its folder, and who waits."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests import own_loop
from tests.crowding import soon
from tests.load import bringing
from tests.load.bystander import picture
from tests.load.requests import Door, put, upload_headers
from tests.load.running import App, Watch, running
from tests.load.tab import Tab

ATTACKER, BYSTANDER = "127.0.0.2", "127.0.0.3"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running(tmp_path_factory.mktemp("attacked")) as attacked:
        yield attacked


def arriving(app: App) -> list[Path]:
    return list((app.store / "arriving").glob("*"))


async def until(true: Callable[[], object], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        await asyncio.sleep(0.05)
    return bool(true())


async def begin(tab: Tab, link: str, size: int, come: int) -> socket.socket:
    """Announce a model of ``size`` bytes and send the first of them."""
    boundary = "b" * 32
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="m.pt2"; filename="m.pt2"\r\n\r\n'.encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    headers = upload_headers(tab.cookie, boundary) | {"Host": tab.door.host}
    lines = [f"PUT {link} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    lines.append(f"Content-Length: {len(head) + size + len(tail)}")

    def send() -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", tab.door.port), 30, (tab.door.source, 0))
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + head + bytes(come))
        return connection

    return await asyncio.to_thread(send)


@asynccontextmanager
async def opened(door: Door) -> AsyncIterator[Tab]:
    tab = await Tab.opened(door, checks=False)
    try:
        yield tab
    finally:
        await tab.close()


def said(connection: socket.socket) -> str:
    connection.settimeout(60)
    return connection.recv(4096).decode(errors="replace")


def test_uploads_that_nobody_asked_for_and_uploads_that_hang(app: App) -> None:
    async def attack() -> None:
        async with AsyncExitStack() as stack:
            bystander = await stack.enter_async_context(opened(app.door(BYSTANDER)))
            attacker = await stack.enter_async_context(opened(app.door(ATTACKER)))
            await bringing.picture(bystander, "first.png", picture(1))  # a confined worker is there from now on

            # Four of 300 MB that no control asked for.
            links = [link.upload_url for link in await attacker.links(*(f"{n}.pt2" for n in range(4)))]
            unasked = [await begin(attacker, link, 300_000_000, 300_000) for link in links]
            for connection in unasked:
                assert "413" in await asyncio.to_thread(said, connection)
                connection.close()
            assert arriving(app) == []

            # Two of 264 MB that a control waits for, and that stop coming.
            await attacker.press("Bring your own model")
            links = [link.upload_url for link in await attacker.links("a.pt2", "b.pt2", "c.pt2")]
            hanging = [await begin(attacker, link, 264_000_000, 2_000_000) for link in links[:2]]
            assert await until(lambda: len(arriving(app)) == 2)
            begun = time.monotonic()
            await bringing.picture(bystander, "second.png", picture(2))
            assert time.monotonic() - begun < soon(5)
            assert bystander.screen.errors == []
            for connection in hanging:
                assert "408" in await asyncio.to_thread(said, connection)
                connection.close()
            assert await until(lambda: not arriving(app), soon(0.5))

            # One that hangs while its session ends.
            held = await begin(attacker, links[2], 264_000_000, 2_000_000)
            assert await until(lambda: len(arriving(app)) == 1)
            await attacker.close()
            left = time.monotonic()
            assert await until(lambda: not arriving(app), 60)
            assert time.monotonic() - left < soon(5)
            held.close()

    with Watch(app) as watch:
        own_loop.run(attack())
    assert watch.slowest_s / watch.crowding < 1.0
    assert watch.most_mb("app") < 500
    assert watch.memory[-1][1]["app"] < watch.memory[0][1]["app"] + 100
    assert "Traceback" not in app.log


def test_a_file_is_for_its_own_session(app: App) -> None:
    async def attack() -> None:
        async with opened(app.door(ATTACKER)) as attacker, opened(app.door(BYSTANDER)) as bystander:
            (link,) = await bystander.links("mine.png")
            for session in ("0" * 36, f"{attacker.session}/..", ""):
                status, _ = await asyncio.to_thread(
                    put, attacker.door, f"/_stcore/upload_file/{session}/1", attacker.cookie, "a.png", picture(3)
                )
                assert status in {400, 404, 405, 409}
            status, said = await asyncio.to_thread(
                put, attacker.door, link.upload_url, "2|" + attacker.cookie[::-1], "a.png", picture(3)
            )
            assert (status, "does not come from a page" in said) == (403, True)
            assert arriving(app) == []
            await bringing.picture(bystander, "mine.png", picture(4))
            assert bystander.screen.errors == []

    own_loop.run(attack())
