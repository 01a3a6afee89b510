"""Who asks: the address that a request comes from, and the browser session behind it. Turns go by both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from gradviz_core.errors import ComputeError

LONGEST = 64
"""Characters of an address, and of the name of a session."""
UNKNOWN = ""
"""The address of whoever did not come through the app, such as a script."""


@dataclass(frozen=True, slots=True)
class Asker:
    """One browser session at one address."""

    address: Annotated[str, Field(max_length=LONGEST)] = UNKNOWN
    """As ``client_address`` gives it."""
    session: Annotated[str, Field(max_length=LONGEST)] = ""
    """Tells the sessions of one address apart, and says nothing else."""

    def to_json(self) -> bytes:
        """The asker as JSON."""
        return json.dumps(asdict(self)).encode()

    @staticmethod
    def from_json(text: bytes) -> Asker:
        """The asker that ``to_json`` wrote. Raises ``ComputeError`` for anything else."""
        try:
            return _ASKERS.validate_json(text, strict=True, extra="forbid")
        except ValidationError as error:
            raise ComputeError("The compute service and the app have different versions. Restart both.") from error


_ASKERS = TypeAdapter(Asker)
ANYONE = Asker()
"""All who did not say who they are count as one."""


def session_at(address: str, session_id: str) -> Asker:
    """The asker for a session of the app. ``session_id`` lets its holder act as that session, so a digest of it stands
    in its place."""
    return Asker(address, hashlib.sha256(session_id.encode()).hexdigest()[:16])


def client_address(peer: str, header: Sequence[str] = ()) -> str:
    """The address that a request counts for. ``peer`` is the other end of its connection.

    ``header`` holds the values of the header that the proxy in front writes, one for each line, where there is such a
    proxy. Of a list, as in ``X-Forwarded-For``, the last entry counts: the proxy wrote it, and the client may have
    written those before it. Where it is no address, ``peer`` counts.

    An IPv6 address counts with all others of its /64, which one customer usually has, and is given with its last 64
    bits at zero. An IPv4 address written as IPv6 counts as the IPv4 address, and ``::1`` as ``127.0.0.1``.
    """
    last = header[-1].rpartition(",")[2].strip() if header else ""
    return _counted(last) or _counted(peer) or UNKNOWN


def _counted(text: str) -> str | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    if found.is_loopback:
        return "127.0.0.1"
    return str(IPv6Network((int(found), 64), strict=False).network_address)
