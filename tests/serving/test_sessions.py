"""A running app with room for eight sessions: who gets in, what the others are told, what is left of who has gone."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect
from websockets.typing import Origin, Subprotocol

from gradviz_core.serving.session_limits import RETURN_S
from tests import own_loop
from tests.crowding import soon
from tests.serving.conftest import App, Reply, ask, handshake
from tests.serving.test_connections import memory_mb
from tests.serving.test_handshakes import PATIENCE_S, Watch

MINE, YOURS, HERS = "127.0.0.2", "127.0.0.3", "127.0.0.4"


def knock(app: App, source: str, *, keep: bool = True) -> Reply:
    """The handshake of a new tab."""
    headers = ("Host", app.host), ("Origin", f"http://{app.host}")
    return handshake(app, *headers, source=source, protocols=("streamlit",), keep=keep)


@contextmanager
def tabs(app: App, source: str, number: int) -> Iterator[list[socket.socket]]:
    """So many open tabs, once the places of those who were there before are free."""
    with ExitStack() as stack:
        opened: list[socket.socket] = []

        def another() -> bool:
            reply = knock(app, source)
            if reply.socket is not None:
                opened.append(stack.enter_context(reply.socket))
            return reply.socket is not None

        for _ in range(number):
            assert within(RETURN_S + 3, another)
        yield opened


def look(app: App, source: str, path: str = "/saliency", *headers: tuple[str, str]) -> Reply:
    """What a browser that comes to an address gets."""
    return ask(app, path, ("Host", app.host), ("Accept", "text/html,*/*;q=0.8"), *headers, source=source)


def within(seconds: float, whether: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not whether():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def sessions(app: App) -> int:
    """Sessions with a tab, as Streamlit counts them."""
    text = ask(app, "/_stcore/metrics", ("Host", app.host)).text
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("active_sessions ")))


async def session(app: App, *before: str) -> str:
    """Open a tab, have its page drawn and close it; ``before`` is the session that it had. The name of its session."""
    protocols = [Subprotocol(name) for name in ("streamlit", "x", *before)]
    async with connect(
        f"ws://{app.host}/_stcore/stream",
        origin=Origin(f"http://{app.host}"),
        subprotocols=protocols,
        local_addr=("127.0.0.5", 0),
        max_size=None,
        proxy=None,
    ) as tab:
        back = BackMsg()
        back.rerun_script.query_string = ""
        await tab.send(back.SerializeToString())
        async for data in tab:
            assert isinstance(data, bytes)
            message = ForwardMsg.FromString(data)
            if message.WhichOneof("type") == "new_session":
                return str(message.new_session.initialize.session_id)
    raise AssertionError("the session ended")


@pytest.fixture(scope="module")
def left(app: App) -> tuple[str, float]:
    """A session whose tab came back once and was closed then, and when that was."""
    first = own_loop.run(session(app))
    assert own_loop.run(session(app, first)) == first
    return first, time.monotonic()


@pytest.mark.usefixtures("left")  # its time passes meanwhile
def test_whoever_comes_to_a_full_app_is_told_and_let_in_when_there_is_room(app: App) -> None:
    before = memory_mb(app)
    with tabs(app, MINE, 4):
        forged = [(), *[(("X-Forwarded-For", named),) for named in (MINE, YOURS, "127.0.0.1")]]
        for reply in (knock(app, MINE), *(look(app, MINE, "/_stcore/host-config", *one) for one in forged)):
            assert reply.status == 503
            assert reply.text.lstrip('"').startswith("4 of the 8 sessions of this GradViz are open from your address.")
        assert look(app, YOURS).status == 200
        with tabs(app, YOURS, 4):
            assert within(soon(1), lambda: sessions(app) == 8)
            page = look(app, HERS)
            assert page.status == 503
            assert page.headers["retry-after"] == "10"
            assert "All 8 sessions of this GradViz are in use." in page.text
            reply = look(app, HERS, "/_stcore/host-config")
            assert reply.status == 503
            assert json.loads(reply.text).startswith("All 8 sessions of this GradViz are in use. Close a tab")
            assert look(app, HERS, "/_stcore/health").text == "ok"
            assert ask(app, "/manifest.json", ("Host", app.host), source=HERS).status == 200
            # somebody who loads their own page again is not told that there is no room
            assert look(app, YOURS, "/saliency", ("Cache-Control", "max-age=0")).status == 200
            assert look(app, HERS, "/saliency", ("Cache-Control", "max-age=0")).status == 503
            with Watch(app) as watch:
                assert {knock(app, HERS).status for _ in range(300)} == {503}
            assert watch.longest < soon(PATIENCE_S / 2)
            assert within(soon(1), lambda: sessions(app) == 8)
            assert memory_mb(app) < before + 10
        gone = time.monotonic()
        assert look(app, HERS).status == 503  # the places wait for their tabs
        assert knock(app, YOURS, keep=False).status == 101  # and are theirs
        assert within(gone + soon(5) - time.monotonic(), lambda: look(app, HERS).status == 200)


def test_a_tab_that_comes_back_in_time_goes_on_and_later_starts_anew(app: App, left: tuple[str, float]) -> None:
    """Streamlit itself forgets a session only when another one ends."""
    name, since = left
    time.sleep(max(0.0, since + RETURN_S + 2 - time.monotonic()))
    assert own_loop.run(session(app, name)) != name


def test_messages_that_no_page_sends_are_dropped(app: App) -> None:
    """One clears what is kept for everybody, one starts a program, one asks for as many addresses as it likes."""
    dropped = [BackMsg(clear_cache=True), BackMsg(load_git_info=True), BackMsg(set_run_on_save=True), BackMsg()]
    many = BackMsg()
    many.file_urls_request.file_names.extend(["x"] * 10_000)

    async def trial() -> list[str | None]:
        async with connect(
            f"ws://{app.host}/_stcore/stream",
            origin=Origin(f"http://{app.host}"),
            subprotocols=[Subprotocol("streamlit")],
            local_addr=("127.0.0.6", 0),
            proxy=None,
        ) as tab:
            for message in [*dropped, many, BackMsg(app_heartbeat=True)]:
                await tab.send(message.SerializeToString())
            one = BackMsg()
            one.file_urls_request.file_names.append("model.pt2")
            await tab.send(one.SerializeToString())
            return [ForwardMsg.FromString(bytes(await tab.recv(decode=False))).WhichOneof("type") for _ in range(2)]

    assert own_loop.run(trial()) == ["heartbeat_ack", "file_urls_response"]
