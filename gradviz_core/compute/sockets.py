"""How the ends of the compute service find each other: addresses, and sockets that are given up where nothing comes.

Both ends of a socket prove that they know the key before the first message.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge

ROOM = 4_000_000
"""Bytes that may be under way in a socket."""
SILENCE_S = 30.0
"""Seconds without a byte after which a message that has begun is given up, in either direction."""
GREETING_S = 5.0
"""Seconds a new connection has to come about, and then again for both sides to prove that they know the key."""


def listen(address: str) -> tuple[socket.socket, str]:
    """Listen at ``unix:/path`` or ``tcp://host:port`` (port 0 takes a free one); returns the address that it became."""
    kind, place = _parse(address)
    listener = socket.socket(kind, socket.SOCK_STREAM)
    if kind == socket.AF_INET and sys.platform != "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(place)
    listener.listen(socket.SOMAXCONN)
    if kind == socket.AF_INET:
        host, port = listener.getsockname()
        address = f"tcp://{host}:{port}"
    return listener, address


def connect(address: str, key: bytes) -> Connection:
    """A connection to the service at ``address``, both sides having proved that they know ``key``.

    Raises:
        OSError, EOFError: nobody answers there.
        multiprocessing.AuthenticationError: one side has another key.
    """
    kind, place = _parse(address)
    raw = socket.socket(kind, socket.SOCK_STREAM)
    try:
        _set_limit(raw, GREETING_S)
        raw.connect(place)
        _set_limit(raw, 0)
        _prepare(raw)
    except OSError:
        raw.close()
        raise
    return _greet(raw, key, answer_challenge, deliver_challenge)


def welcome(raw: socket.socket, key: bytes) -> Connection:
    """The service's side of ``connect``, for a socket that was just accepted. Raises what ``connect`` raises. Reads and
    writes on the connection fail after ``SILENCE_S`` without a byte; ``poll`` waits as long as it is told to."""
    _prepare(raw)
    _set_limit(raw, SILENCE_S)
    return _greet(raw, key, deliver_challenge, answer_challenge)


def _greet(raw: socket.socket, key: bytes, *proofs: Callable[[Connection, bytes], None]) -> Connection:
    """A connection on ``raw`` once all proofs are given; one clock runs around them, however slowly bytes drip in."""
    connection = Connection(raw.detach())
    clock = threading.Timer(GREETING_S, hang_up, (connection,))
    clock.daemon = True
    try:
        clock.start()
        try:
            for proof in proofs:
                proof(connection, key)
        finally:
            clock.cancel()
            clock.join()  # it must not hang up on another connection that gets the same number
    except BaseException:
        connection.close()
        raise
    return connection


def hang_up(connection: Connection) -> None:
    """Let every read and write fail at once, those under way included."""
    raw = socket.socket(fileno=connection.fileno())
    with contextlib.suppress(OSError):  # the other end was quicker
        raw.shutdown(socket.SHUT_RDWR)
    raw.detach()


def _parse(address: str) -> tuple[socket.AddressFamily, str | tuple[str, int]]:
    scheme, _, rest = address.partition(":")
    if scheme == "unix" and rest:
        return socket.AF_UNIX, rest
    host, _, port = rest.removeprefix("//").rpartition(":")
    if scheme == "tcp" and host and port.isdecimal() and int(port) < 65536:
        return socket.AF_INET, (host, int(port))
    raise ValueError(f"{address!r} is not the address of a compute service; write it as tcp://host:port or unix:/path.")


def _prepare(raw: socket.socket) -> None:
    """Messages leave at once, and a host that vanished is noticed some day."""
    _widen(raw)
    if raw.family == socket.AF_INET:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def widen(connection: Connection) -> None:
    """Let a whole answer fit into the socket under ``connection``: on Linux that more than halves the time for 4 MB."""
    if sys.platform != "win32":  # pipes are no sockets there
        raw = socket.socket(fileno=connection.fileno())
        try:
            _widen(raw)
        finally:
            raw.detach()


def _widen(raw: socket.socket) -> None:
    with contextlib.suppress(OSError):  # some systems refuse what others cut to their limit
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM)


def _set_limit(raw: socket.socket, seconds: float) -> None:
    """Let every read and write on this socket fail after ``seconds``; 0 lets it wait for ever."""
    if sys.platform == "win32":
        limit = struct.pack("<I", round(seconds * 1000))
    else:
        limit = struct.pack("@ll", int(seconds), 0)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
