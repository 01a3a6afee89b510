"""Hosts and origins are read as the standard library reads them, or not at all."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gradviz_core.serving.hosts import Place, origin, place, same, served

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
NAME = (
    st.lists(LABEL, min_size=1, max_size=4).map(".".join).filter(lambda name: not name.rpartition(".")[2].isdecimal())
)
ADDRESS = st.ip_addresses()
PORT = st.none() | st.integers(0, 65535)
ODD = st.text(alphabet="a1.:[]@/\\?#%- \t\x00é*,_\"'", max_size=20)
"""Signs that mean something in an address, in any order."""


def written(host: str | IPv4Address | IPv6Address, port: int | None) -> str:
    text = f"[{host}]" if isinstance(host, IPv6Address) else str(host)
    return text if port is None else f"{text}:{port}"


@given(NAME | ADDRESS, PORT)
def test_what_is_written_is_read(host: str | IPv4Address | IPv6Address, port: int | None) -> None:
    assert place(written(host, port)) == Place(host, port)


@given(NAME, PORT)
def test_capitals_and_one_dot_at_the_end_make_no_difference(name: str, port: int | None) -> None:
    assert place(written(f"{name.upper()}.", port)) == place(written(name, port))
    assert place(written(f"{name}..", port)) is None


@given(ODD)
@example("localhost@evil.example")
@example("localhost:80:80")
@example("[::1")
@example("[::1]x")
@example("[fe80::1%eth0]")
@example("::1")
@example("localhost:")
@example("localhost:99999")
@example("127.0.0.1 evil.example")
@example("127.0.0.1/evil.example")
@example("evil.example#localhost")
def test_nothing_is_read_otherwise_than_the_standard_library_reads_it(text: str) -> None:
    found = place(text)
    if found is None:
        return
    parts = urlsplit(f"//{text}")
    assert (parts.hostname or "").removesuffix(".") == _compared(found, text)
    assert parts.port == found.port
    assert not {parts.path, parts.query, parts.fragment, parts.username or ""} - {""}


def _compared(found: Place, text: str) -> str:
    if isinstance(found.host, str):
        return found.host
    inside = text.partition("]")[0].removeprefix("[") if text.startswith("[") else text.partition(":")[0]
    assert ip_address(inside) == found.host
    return inside.lower()


@pytest.mark.parametrize(
    "text", ["127.1", "0x7f000001", "2130706433", "127.0.0.1.evil.example", "localhost.evil.example", "mylocalhost"]
)
def test_what_looks_like_this_machine_is_a_name_like_others(text: str) -> None:
    found = place(text)
    assert found is not None
    assert not served(found.host, ())


@given(ADDRESS, PORT)
def test_every_address_is_served(address: IPv4Address | IPv6Address, port: int | None) -> None:
    found = place(written(address, port))
    assert found is not None
    assert served(found.host, ())


@given(NAME)
def test_a_name_is_served_if_it_is_listed_or_ends_in_localhost(name: str) -> None:
    assert served(name, ()) == (name.rpartition(".")[2] == "localhost")
    assert served(name, {name})
    assert served(f"{name}.localhost", ())
    assert not served(f"x.{name}x", {name, f"*.{name}"})


@given(NAME, LABEL)
def test_a_star_stands_for_what_lies_below_and_not_for_the_name_itself(name: str, label: str) -> None:
    above = f"{name}.example"
    assert served(f"{label}.{above}", {f"*.{above}"})
    assert served(f"a.{label}.{above}", {f"*.{above}"})
    assert not served(above, {f"*.{above}"})
    assert not served(f"{label}{above}", {f"*.{above}"} - {f"*.{above.partition('.')[2]}"})


@given(NAME | ADDRESS, PORT, st.sampled_from(["http", "https"]))
def test_an_origin_is_the_place_that_its_page_asks_for(
    host: str | IPv4Address | IPv6Address, port: int | None, scheme: str
) -> None:
    """The browser writes the same host and port into both headers, and leaves the scheme's own port out of both."""
    came_from, asked_for = origin(f"{scheme}://{written(host, port)}"), place(written(host, port))
    assert came_from is not None
    assert asked_for is not None
    assert same(came_from, asked_for)


@given(st.lists(st.tuples(NAME | ADDRESS, st.integers(1, 65535)), min_size=2, max_size=2, unique=True))
def test_another_host_or_another_port_is_another_site(places: list[tuple[str, int]]) -> None:
    (one, its_port), (other, other_port) = places
    came_from, asked_for = origin(f"http://{written(one, its_port)}"), place(written(other, other_port))
    assert came_from is not None
    assert asked_for is not None
    assert not same(came_from, asked_for)


@pytest.mark.parametrize(
    ("came_from", "asked_for", "alike"),
    [
        ("http://localhost:8501", "localhost:8501", True),
        ("http://LOCALHOST:8501", "localhost.:8501", True),
        ("http://[::1]:8501", "[0:0:0:0:0:0:0:1]:8501", True),
        ("https://gradviz.example", "gradviz.example", True),
        ("https://gradviz.example", "gradviz.example:443", True),
        ("http://gradviz.example", "gradviz.example:80", True),
        ("https://gradviz.example:8443", "gradviz.example", False),
        ("http://localhost:3000", "localhost:8501", False),
        ("http://localhost:8501", "127.0.0.1:8501", False),
        ("http://127.0.0.1:8501", "127.0.0.2:8501", False),
        ("http://gradviz.example", "gradviz.example:443", False),
    ],
)
def test_one_site_and_two(came_from: str, asked_for: str, alike: bool) -> None:
    first, second = origin(came_from), place(asked_for)
    assert first is not None
    assert second is not None
    assert same(first, second) is alike


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "",
        "localhost:8501",
        "//localhost",
        "file://",
        "ftp://localhost",
        "http:/localhost",
        "http://",
        "http://localhost/",
        "http://user@localhost",
        "http://user:word@localhost:8501",
        "http://localhost http://evil",
        "http://localhost?x",
        "javascript://localhost",
        "http://evil\\@localhost",
    ],
)
def test_no_other_origin_is_read(text: str) -> None:
    assert origin(text) is None
