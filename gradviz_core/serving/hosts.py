"""Which host a request names, and whether the app is served under it.

A page of another site can reach this server under a name of its own that it lets lead here (DNS rebinding); to the
browser the two are then one site. That takes a name: whoever types an address, or ``localhost``, means this machine.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from gradviz_core.settings import HOST_NAME

Host = str | IPv4Address | IPv6Address
"""A name in lower case without a dot at its end, or an address."""

_PARTS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?", re.ASCII)
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Place:
    """A host and its port; no port means that of the scheme, which ``Host`` does not say."""

    host: Host
    port: int | None


def place(text: str) -> Place | None:
    """What ``Host`` names; None if it is not a host with or without a port (RFC 9110, 7.2)."""
    parts = _PARTS.fullmatch(text)
    if parts is None:
        return None
    host = _host(parts[1])
    port = None if parts[2] is None else int(parts[2])
    return None if host is None or (port is not None and port > 65535) else Place(host, port)


def origin(text: str) -> Place | None:
    """The host and the port of an ``Origin``, the scheme's port where it names none; None for ``null`` and whatever
    else is not ``http`` or ``https``, ``://``, a host and perhaps a port (RFC 6454, 6.2)."""
    scheme, _, rest = text.partition("://")
    named, port = place(rest), _PORTS.get(scheme.lower())
    if named is None or port is None:
        return None
    return Place(named.host, port if named.port is None else named.port)


def served(host: Host, names: Collection[str]) -> bool:
    """Whether the app is served under ``host``: any address, ``localhost`` and what lies below it, and ``names``, of
    which ``*.example.org`` stands for every name below ``example.org``."""
    if not isinstance(host, str):
        return True
    above = [host[number + 1 :] for number, letter in enumerate(host) if letter == "."]
    return host == "localhost" or "localhost" in above or host in names or any(f"*.{name}" in names for name in above)


def same(came_from: Place, asked_for: Place) -> bool:
    """Whether an ``Origin`` is the very host that was asked for. Its port counts: another program on the same machine
    is another site. A ``Host`` without a port stands for the usual one, of http or, behind a proxy, of https."""
    ports = _PORTS.values() if asked_for.port is None else (asked_for.port,)
    return came_from.host == asked_for.host and came_from.port in ports


def _host(text: str) -> Host | None:
    try:
        return IPv6Address(text[1:-1]) if text.startswith("[") else IPv4Address(text)
    except ValueError:
        name = text.lower().removesuffix(".")
        return name if HOST_NAME.fullmatch(name) else None
