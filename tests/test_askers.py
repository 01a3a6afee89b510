"""The address that a request counts for: nobody can choose it, and nobody has two of them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError
from uvicorn import Config

from gradviz_core.compute.askers import ANYONE, Asker, client_address, session_at
from gradviz_core.errors import ComputeError
from gradviz_core.serving import limits
from gradviz_core.serving.clients import ClientAddress
from gradviz_core.serving.limits import Limits
from gradviz_core.settings import Settings
from tests import own_loop


@pytest.mark.parametrize(
    ("peer", "header", "counted"),
    [
        ("192.0.2.7", (), "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", (), "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::1", (), "2001:db8:1:2::"),
        ("2001:db8:1:3::1", (), "2001:db8:1:3::"),
        ("fe80::1%eth0", (), "fe80::"),
        ("::ffff:192.0.2.7", (), "192.0.2.7"),
        ("::1", (), "127.0.0.1"),
        ("", (), ""),
        ("testclient", (), ""),
        ("10.0.0.1", ("192.0.2.7",), "192.0.2.7"),
        ("10.0.0.1", ("203.0.113.9, 192.0.2.7",), "192.0.2.7"),
        ("10.0.0.1", ("203.0.113.9", "192.0.2.7"), "192.0.2.7"),
        ("10.0.0.1", ("192.0.2.7, 2001:db8::5",), "2001:db8::"),
        ("10.0.0.1", ("192.0.2.7, ",), "10.0.0.1"),
        ("10.0.0.1", ("192.0.2.7, unknown",), "10.0.0.1"),
        ("10.0.0.1", ("192.0.2.7:80",), "10.0.0.1"),
        ("10.0.0.1", ("999.0.0.1",), "10.0.0.1"),
        ("10.0.0.1", ("1" * 100_000,), "10.0.0.1"),
        ("10.0.0.1", ("",), "10.0.0.1"),
    ],
)
def test_the_address_that_a_request_counts_for(peer: str, header: tuple[str, ...], counted: str) -> None:
    assert client_address(peer, header) == counted


def behind(
    middleware_header: str | None, client: tuple[str, int] | None, *headers: tuple[bytes, bytes]
) -> tuple[str, int]:
    """What stands in ``scope["client"]`` behind the middleware."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"])

    async def nothing(*_: Any) -> None:
        return None

    scope = {"type": "websocket", "client": client, "headers": list(headers)}
    own_loop.run(ClientAddress(app, middleware_header)(scope, nothing, nothing))
    assert scope["client"] == client, "the scope of others stays as it is"
    return seen[0]  # type: ignore[no-any-return]


def test_a_header_is_believed_where_a_setting_names_it_and_nowhere_else() -> None:
    forged = (b"x-real-ip", b"192.0.2.7")
    assert behind(None, ("203.0.113.9", 5), forged) == ("203.0.113.9", 0)
    assert behind("X-Real-IP", ("10.0.0.1", 5), forged) == ("192.0.2.7", 0)
    assert behind("X-Real-IP", ("10.0.0.1", 5)) == ("10.0.0.1", 0)
    assert behind("X-Forwarded-For", None, (b"x-forwarded-for", b"1.1.1.1"), (b"x-forwarded-for", b"192.0.2.7")) == (
        "192.0.2.7",
        0,
    )


def through_the_server(monkeypatch: pytest.MonkeyPatch, peer: str, forwarded: bytes) -> str:
    """The address that a request counts for behind uvicorn's own middleware."""
    monkeypatch.setattr(limits, "limit_the_log", lambda: None)
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope.get("client"))

    config = Config(Limits(ClientAddress(app, None)), log_config=None)
    config.load()

    class Lifespan:
        def __init__(self) -> None:
            self.config = config

        async def receive(self) -> Any:
            return None

    async def send(_: Any) -> None:
        return None

    async def begin_and_ask() -> None:
        await config.loaded_app({"type": "lifespan"}, Lifespan().receive, send)
        headers = [(b"x-forwarded-for", forwarded)]
        scope = {"type": "http", "client": (peer, 9), "headers": headers, "scheme": "http"}
        await config.loaded_app(scope, Lifespan().receive, send)

    own_loop.run(begin_and_ask())
    return str(seen[-1][0])


@pytest.mark.parametrize("forwarded", [b"192.0.2.7", b"203.0.113.9, 192.0.2.7:9", b"198.51.100.1", b"127.0.0.1"])
@pytest.mark.parametrize("peer", ["127.0.0.1", "192.0.2.7", "198.51.100.1"])
def test_what_the_server_takes_from_a_header_by_itself_is_not_believed(
    peer: str, forwarded: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server does so for connections from this machine, where a tunnel or a simple proxy passes anything on. Who
    comes from elsewhere and names themselves, or this machine, in the header has no second address by that."""
    assert through_the_server(monkeypatch, peer, forwarded) == peer


def test_other_events_pass_as_they_are() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    async def nothing(*_: Any) -> None:
        return None

    own_loop.run(ClientAddress(app, None)({"type": "lifespan"}, nothing, nothing))
    assert seen == [{"type": "lifespan"}]


def test_a_session_is_told_by_a_digest_that_does_not_open_it() -> None:
    one, other = session_at("192.0.2.7", "secret-1"), session_at("192.0.2.7", "secret-2")
    assert one != other
    assert one == session_at("192.0.2.7", "secret-1")
    assert "secret" not in repr(one)
    assert Asker.from_json(one.to_json()) == one
    assert Asker() == ANYONE


@pytest.mark.parametrize("text", [b"", b"[]", b'{"address": 5}', b'{"address":"' + b"1" * 65 + b'"}', b'{"name":"x"}'])
def test_an_asker_of_another_form_is_refused(text: bytes) -> None:
    with pytest.raises(ComputeError, match="Restart both"):
        Asker.from_json(text)


def test_the_setting_holds_the_name_of_a_header() -> None:
    assert Settings().client_header is None
    assert Settings(client_header="X-Real-IP").client_header == "X-Real-IP"
    with pytest.raises(ValidationError):
        Settings(client_header="X Real IP:")
