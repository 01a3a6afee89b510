"""What is let through to Streamlit, and with which sentence the rest is turned away."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.types import Message, Receive, Scope, Send

from gradviz_core.serving import tabs
from gradviz_core.serving.full import page
from gradviz_core.serving.origin_check import OriginCheck
from gradviz_core.serving.refusals import shown
from gradviz_core.serving.session_limits import SessionLimits
from gradviz_core.serving.sessions import Sessions
from gradviz_core.serving.tabs import Tab
from gradviz_core.settings import Settings
from tests import own_loop

NAMES = Settings(hosts="GradViz.example., *.lab.example").host_names
HERE = "localhost:8501"


class Inside:
    """What stands behind the checks: remembers what came through."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)


def knock(*headers: tuple[str, str], method: str = "GET", kind: str = "http") -> tuple[Scope | None, list[Message]]:
    """The scope that came through, and what was sent to the client."""
    inside, sent = Inside(), []
    scope: dict[str, Any] = {
        "type": kind,
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers],
    }
    if kind == "http":
        scope["method"] = method

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("a request is judged by its headers alone")

    own_loop.run(OriginCheck(inside, NAMES)(scope, receive, send))
    return (inside.scopes[0] if inside.scopes else None), sent


def told(*headers: tuple[str, str], method: str = "GET", kind: str = "http") -> tuple[int, str]:
    """Status and sentence of a refusal."""
    through, (start, body) = knock(*headers, method=method, kind=kind)
    assert through is None
    assert start["type"] == ("websocket.http.response.start" if kind == "websocket" else "http.response.start")
    assert dict(start["headers"])[b"content-type"] == b"text/plain; charset=utf-8"
    assert dict(start["headers"])[b"x-content-type-options"] == b"nosniff"
    assert int(dict(start["headers"])[b"content-length"]) == len(body["body"])
    text = body["body"].decode()
    assert text.endswith("\n")
    assert text.count("\n") == 1
    return start["status"], text


@pytest.mark.parametrize(
    "host",
    [
        HERE,
        "127.0.0.1:8501",
        "[::1]:8501",
        "192.168.1.7",
        "[2001:db8::7]",
        "LOCALHOST",
        "gradviz.localhost.",
        "gradviz.example",
        "GRADVIZ.example:8443",
        "gradviz.example.",
        "a.lab.example",
        "a.b.lab.example",
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_what_is_served_comes_through_unchanged(host: str, kind: str) -> None:
    through, sent = knock(("Host", host), ("Cookie", "a=b"), kind=kind)
    assert sent == []
    assert through is not None
    assert through["headers"] == [(b"host", host.encode()), (b"cookie", b"a=b")]


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "lab.example", "xlab.example", "2130706433"],
)
@pytest.mark.parametrize(("kind", "method"), [("http", "GET"), ("http", "POST"), ("websocket", "")])
def test_a_name_that_is_not_served_is_refused_whatever_is_asked_for(host: str, kind: str, method: str) -> None:
    """Rebinding: the page and the request agree about the name, which leads here."""
    status, text = told(("Host", f"{host}:8501"), ("Origin", f"http://{host}:8501"), method=method, kind=kind)
    assert status == 421
    assert f'does not answer to the name "{host}"' in text
    assert f"start GradViz with GRADVIZ_HOSTS={host};" in text


def test_a_header_that_anybody_can_send_changes_nothing() -> None:
    assert told(("Host", "evil.example"), ("X-Forwarded-Host", HERE), ("Forwarded", f"host={HERE}"))[0] == 421
    foreign = ("Host", HERE), ("Origin", "http://evil.example"), ("X-Forwarded-Host", "evil.example")
    assert told(*foreign, kind="websocket")[0] == 403


@pytest.mark.parametrize("hosts", [[], [HERE, "evil.example"], [HERE, HERE], [""], ["localhost/x"], ["a b"], ["é"]])
def test_a_request_names_one_host(hosts: list[str]) -> None:
    status, text = told(*(("Host", host) for host in hosts))
    assert status == 400
    assert "Host header" in text


FOREIGN = [
    "http://evil.example",
    "null",
    "",
    "http://localhost",
    "http://127.0.0.1:8501",
    "http://localhost:8501.evil.example",
    "http://localhost:8501@evil.example",
    "file://localhost:8501",
]


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize(
    ("kind", "method"), [("websocket", ""), ("http", "POST"), ("http", "PUT"), ("http", "DELETE"), ("http", "OPTIONS")]
)
def test_another_site_changes_nothing_here(origin: str, kind: str, method: str) -> None:
    status, text = told(("Host", HERE), ("Origin", origin), kind=kind, method=method)
    assert status == 403
    assert f'comes from the site "{origin}" and asks for "{HERE}"' in text
    assert "GRADVIZ_HOSTS" in text


def test_a_site_at_another_address_is_another_site() -> None:
    assert told(("Host", "10.0.0.1:8501"), ("Origin", "http://10.0.0.2:8501"), kind="websocket")[0] == 403
    two = ("Host", HERE), ("Origin", f"http://{HERE}"), ("Origin", "http://evil.example")
    assert told(*two, kind="websocket")[0] == 403


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_links_from_other_sites_work(method: str) -> None:
    assert knock(("Host", HERE), ("Origin", "http://evil.example"), method=method)[0] is not None


@pytest.mark.parametrize(("kind", "method"), [("websocket", ""), ("http", "PUT"), ("http", "GET")])
def test_a_program_without_an_origin_comes_through(kind: str, method: str) -> None:
    assert knock(("Host", HERE), kind=kind, method=method)[0] is not None


@pytest.mark.parametrize(
    ("host", "origin", "passed_on"),
    [
        (HERE, f"http://{HERE}", HERE),
        ("LOCALHOST:8501", f"http://{HERE}", HERE),
        ("[0:0::1]:8501", "http://[::1]:8501", "[::1]:8501"),
        ("gradviz.example:443", "https://gradviz.example", "gradviz.example"),
        ("gradviz.example.", "https://gradviz.example", "gradviz.example"),
    ],
)
def test_streamlit_finds_host_and_origin_letter_by_letter_alike(host: str, origin: str, passed_on: str) -> None:
    """Where they differ it looks this machine's address up outside."""
    through, _ = knock(("Host", host), ("Origin", origin), kind="websocket")
    assert through is not None
    assert dict(through["headers"]) == {b"host": passed_on.encode(), b"origin": origin.encode()}


def test_a_head_request_is_refused_without_a_body() -> None:
    through, (start, body) = knock(("Host", "evil.example"), method="HEAD")
    assert through is None
    assert start["status"] == 421
    assert body["body"] == b""


@given(st.text(st.characters(max_codepoint=255), max_size=300))
def test_a_strangers_words_are_shown_on_one_line_of_ascii(text: str) -> None:
    said = shown(text)
    assert said.isascii()
    assert said.isprintable()
    assert len(said) <= 100 * 4 + len('"..."')
    assert said[0] == said[-1] == '"'


@pytest.mark.parametrize(
    "hosts", ["http://a.example", "a.example:8501", "*", "*.", "a..b", "a b", "1.2.3.4", "é.example"]
)
def test_what_is_not_a_name_is_refused_at_the_start(hosts: str) -> None:
    with pytest.raises(ValidationError, match="is not a host name"):
        Settings(hosts=hosts)


def test_a_client_that_does_not_read_is_not_heard() -> None:
    """What it asks for would pile up in memory."""

    async def trial() -> list[str]:
        order: list[str] = []
        read = asyncio.Event()

        async def send(_: Message) -> None:
            order.append("sending")
            await read.wait()
            order.append("sent")

        async def receive() -> Message:
            order.append("heard")
            return {"type": "websocket.receive", "bytes": b""}

        async def app(_: Scope, hear: Receive, say: Send) -> None:
            await hear()
            picture = asyncio.ensure_future(say({"type": "websocket.send", "bytes": b"picture"}))
            await asyncio.sleep(0)
            next_click = asyncio.ensure_future(hear())
            await asyncio.sleep(0.01)
            order.append("reads at last")
            read.set()
            await asyncio.gather(picture, next_click)

        scope: Scope = {"type": "websocket", "client": ("10.0.0.1", 0), "subprotocols": [], "headers": []}
        await Sessions(app, SessionLimits(2), lambda _: False, lambda _: 1.0)(scope, receive, send)
        return order

    assert own_loop.run(trial()) == ["heard", "sending", "reads at last", "sent", "heard"]


def test_the_page_of_a_full_app_holds_its_sentence_as_text() -> None:
    shown_to_them = page('<b>full</b> & "closed"', "/gradviz/_stcore/host-config").decode()
    assert "&lt;b&gt;full&lt;/b&gt; &amp; &quot;closed&quot;" in shown_to_them
    assert "<b>" not in shown_to_them
    assert 'fetch("/gradviz/_stcore/host-config"' in shown_to_them


def test_a_tab_is_heard_at_the_pace_of_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what no page sends is dropped at the same pace: it would be a flood as well."""
    clock, slept = [0.0], [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    async def sleep(seconds: float) -> None:
        clock[0] += seconds
        slept[0] += seconds

    monkeypatch.setattr(asyncio, "sleep", sleep)
    sent = [b"click", b"clear the cache"] * 200

    async def receive() -> Message:
        return {"type": "websocket.receive", "bytes": sent.pop(0)} if sent else {"type": "websocket.disconnect"}

    async def send(_: Message) -> None: ...

    async def trial() -> list[Message]:
        hear = Tab(receive, send, lambda data: 0.0 if data == b"click" else None, lambda pages: pages).hear
        heard = [await hear() for _ in range(100)]
        assert slept[0] == pytest.approx((199 - tabs.MESSAGES) / tabs.MESSAGES_PER_S)
        clock[0] += 60  # a minute later nothing has to wait
        before = slept[0]
        heard += [await hear() for _ in range(50)]
        assert slept[0] == before
        return heard

    assert own_loop.run(trial()) == [{"type": "websocket.receive", "bytes": b"click"}] * 150


def test_a_tab_that_waits_for_its_page_keeps_the_order_and_its_end_is_noticed_at_once() -> None:
    queue: asyncio.Queue[Message] = asyncio.Queue()
    clicks: list[Message] = [{"type": "websocket.receive", "bytes": bytes([number])} for number in range(3)]
    end: Message = {"type": "websocket.disconnect"}
    waits = iter([0.0, 0.05, 60.0])

    async def send(_: Message) -> None: ...

    async def trial() -> tuple[list[Message], float]:
        tab = Tab(queue.get, send, lambda _: 1.0, lambda _: next(waits))
        for click in clicks:
            queue.put_nowait(click)
        heard = [await tab.hear(), await tab.hear()]
        last = asyncio.ensure_future(tab.hear())
        await asyncio.sleep(0.01)
        start = time.monotonic()
        queue.put_nowait(end)
        heard.append(await last)
        tab.leave()
        return heard, time.monotonic() - start

    heard, took = own_loop.run(trial())
    assert heard == [*clicks[:2], end]
    assert took < 5


def test_a_tab_that_waits_for_its_page_has_few_large_messages_kept_for_it() -> None:
    async def send(_: Message) -> None: ...

    async def trial() -> int:
        queue: asyncio.Queue[Message] = asyncio.Queue()
        sent: list[Message] = [{"type": "websocket.receive", "bytes": bytes(250_000) + b"%d" % n} for n in range(10)]
        for message in sent:
            queue.put_nowait(message)
        waits = iter([0.05, *[0.0] * 9])
        tab = Tab(queue.get, send, lambda _: 1.0, lambda _: next(waits))
        heard = [await tab.hear()]
        left = queue.qsize()
        heard += [await tab.hear() for _ in range(9)]
        assert heard == sent
        return left

    assert own_loop.run(trial()) == 7  # one is heard, two wait


def test_a_tab_is_not_heard_between_two_messages_that_go_out_one_after_the_other() -> None:
    gone: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.receive", "bytes": b"click"}

    async def send(message: Message) -> None:
        await asyncio.sleep(0.01)
        gone.append(message)

    async def trial() -> int:
        tab = Tab(receive, send, lambda _: 0.0, lambda _: 0.0)

        async def page() -> None:
            for _ in range(5):
                await tab.say({"type": "websocket.send"})

        sending = asyncio.ensure_future(page())
        await asyncio.sleep(0)
        await tab.hear()
        heard_after = len(gone)
        await sending
        return heard_after

    assert own_loop.run(trial()) == 5
