"""Connections that send much, or little, or in a way that costs: they end, and nobody else waits for them."""

from __future__ import annotations

import secrets
import socket
import struct
import time
import zlib
from contextlib import ExitStack
from pathlib import Path

import pytest

from gradviz_core.serving.connections import FRAMES, PATIENCE_S
from gradviz_core.serving.limits import MESSAGE
from gradviz_core.text.log_lines import MOST_A_MINUTE
from tests.crowding import soon
from tests.serving.conftest import App, ask, handshake
from tests.serving.test_handshakes import PATIENCE_S as HEALTH_S
from tests.serving.test_handshakes import Watch

pytestmark = pytest.mark.usefixtures("hanging")  # its time passes while the others run
BINARY, CLOSE, PING, PONG, PART = 2, 8, 9, 10, 0


def memory_mb(app: App) -> float:
    lines = Path(f"/proc/{app.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000


def frame(kind: int, data: bytes, *, last: bool = True, size: int | None = None) -> bytes:
    """A frame of a client (RFC 6455, 5.2); ``size`` is what its header says, if that is not what it holds."""
    size = len(data) if size is None else size
    head = bytes([kind | (0x80 if last else 0)])
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 65536:
        length = b"\xfe" + struct.pack("!H", size)
    else:
        length = b"\xff" + struct.pack("!Q", size)
    return head + length + bytes(4) + data


def connected(app: App, *headers: tuple[str, str]) -> socket.socket:
    origin = f"http://{app.host}"
    reply = handshake(app, ("Host", app.host), ("Origin", origin), *headers, protocols=("streamlit",), keep=True)
    assert reply.socket is not None
    reply.socket.settimeout(PATIENCE_S + 5)
    return reply.socket


def ended(connection: socket.socket, seconds: float) -> bool:
    """Whether the server ends the connection within that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        connection.settimeout(max(0.01, end - time.monotonic()))
        try:
            if not connection.recv(65536):
                return True
        except TimeoutError:
            return False
        except OSError:
            return True
    return False


def flood(connection: socket.socket, data: bytes, seconds: float) -> None:
    """Send this again and again until the server ends the connection, or for so long."""
    end = time.monotonic() + seconds
    connection.settimeout(1)
    while time.monotonic() < end:
        try:
            connection.send(data)
        except TimeoutError:
            continue
        except OSError:
            return


@pytest.mark.parametrize(
    "frames",
    [
        frame(PING, b"") * 30_000,
        frame(PING, b"x" * 125) * 2_000,
        frame(PONG, b"") * 30_000,
        frame(BINARY, b"", last=False) + frame(PART, b"", last=False) * 30_000,
    ],
    ids=["pings", "long pings", "pongs", "parts of a message without contents"],
)
def test_frames_that_are_no_messages_end_the_connection(app: App, frames: bytes) -> None:
    """They keep nobody waiting, and the answers to pings that nobody reads do not pile up."""
    before = memory_mb(app)
    with connected(app) as connection, Watch(app) as watch:
        flood(connection, frames, 5)
        assert ended(connection, 5)
    assert watch.longest < HEALTH_S
    assert memory_mb(app) < before + 5


def test_as_many_pings_as_a_client_may_send_are_answered(app: App) -> None:
    with connected(app) as connection:
        connection.sendall(frame(PING, b"here") * (FRAMES // 2))
        answers = b""
        while len(answers) < FRAMES // 2 * 6:
            answers += connection.recv(65536)
        assert answers == (bytes([0x80 | PONG, 4]) + b"here") * (FRAMES // 2)


def test_large_messages_are_refused_by_their_header(app: App) -> None:
    """Four tabs that begin a message of 190 MB took 745 MB before there was a limit."""
    before = memory_mb(app)
    tabs = [connected(app) for _ in range(4)]
    for tab in tabs:
        flood(tab, frame(BINARY, secrets.token_bytes(1000) * 100, size=190_000_000), 0.5)
        assert ended(tab, 2)
        tab.close()
    assert memory_mb(app) < before + 20


def test_a_message_in_parts_has_the_same_limit(app: App) -> None:
    with connected(app) as connection:
        connection.sendall(frame(BINARY, bytes(MESSAGE // 2), last=False))
        connection.sendall(frame(PART, bytes(MESSAGE // 2 + 1), last=False))
        assert ended(connection, 2)


def test_a_small_message_that_becomes_a_large_one_is_refused(app: App) -> None:
    """Messages may come compressed: 200 kB stand for 200 MB here."""
    before = memory_mb(app)
    shrink = zlib.compressobj(wbits=-12)
    packed = b"".join(shrink.compress(bytes(1_000_000)) for _ in range(200)) + shrink.flush(zlib.Z_SYNC_FLUSH)[:-4]
    with connected(app, ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits=12")) as connection:
        compressed = bytearray(frame(BINARY, packed))
        compressed[0] |= 0x40
        flood(connection, bytes(compressed), 0.5)
        assert ended(connection, 2)
    assert memory_mb(app) < before + 20


@pytest.mark.parametrize(
    ("length", "body"),
    [("Transfer-Encoding: chunked", b"1\r\nx\r\n" * 40_000), ("Content-Length: 1000000000", b"x" * 250_000)],
    ids=["chunks of one byte", "a gigabyte"],
)
def test_a_body_that_nobody_reads_keeps_nobody_waiting(app: App, length: str, body: bytes) -> None:
    """Tiny chunks take most of the server's time; where one is refused its connection ends."""
    head = f"PUT /nothing HTTP/1.1\r\nHost: {app.host}\r\n{length}\r\n\r\n".encode()
    with ExitStack() as stack, Watch(app) as watch:
        for _ in range(10):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", app.port)))
            connection.sendall(head)
            flood(connection, body, 0.3)
    assert watch.longest < HEALTH_S


def test_a_request_in_chunks_is_refused(app: App) -> None:
    said = ask(app, "/_stcore/health", ("Host", app.host), ("Transfer-Encoding", "chunked"), method="POST")
    assert said.status == 411
    assert "Content-Length" in said.text
    assert said.headers["connection"] == "close"


def slow_headers(app: App) -> bytes:
    return f"GET / HTTP/1.1\r\nHost: {app.host}\r\nX-Slow: ".encode()


def second_slow_headers(app: App) -> bytes:
    return f"GET /_stcore/health HTTP/1.1\r\nHost: {app.host}\r\n\r\nGET / HTTP/1.1\r\n".encode()


def body_without_end(app: App) -> bytes:
    return f"PUT /nothing HTTP/1.1\r\nHost: {app.host}\r\nContent-Length: 1000000\r\n\r\n".encode()


@pytest.fixture(scope="module")
def hanging(app: App) -> list[tuple[socket.socket, float]]:
    """One connection of each kind that does not go on, opened at the same time; every one drips a byte a second."""
    begun = []
    for begin in (lambda _: b"", slow_headers, second_slow_headers, body_without_end):
        connection = socket.create_connection(("127.0.0.1", app.port))
        connection.sendall(begin(app))
        begun.append((connection, time.monotonic()))
    return begun


@pytest.mark.parametrize("number", range(4), ids=["nothing", "headers", "headers of a second request", "a body"])
def test_a_connection_that_does_not_go_on_is_ended(hanging: list[tuple[socket.socket, float]], number: int) -> None:
    connection, start = hanging[number]
    left, drip = start + PATIENCE_S + soon(1.5), b"x" if number else b""
    while time.monotonic() < left:
        try:
            connection.sendall(drip)
        except OSError:
            break
        if ended(connection, 0.5):
            break
    assert time.monotonic() < left
    assert time.monotonic() - start > PATIENCE_S - 1 or number != 0
    connection.close()


def test_endless_headers_are_refused(app: App) -> None:
    with socket.create_connection(("127.0.0.1", app.port)) as connection:
        connection.sendall(slow_headers(app))
        flood(connection, b"x" * 65536, 3)
        assert ended(connection, soon(0.5))


def test_messages_that_cannot_be_read_do_not_fill_the_log(app: App) -> None:
    """Each of them costs a stranger eight bytes, and was a traceback of more than a kilobyte."""
    before = app.log.stat().st_size
    for _ in range(150):
        with connected(app) as connection:
            connection.sendall(frame(BINARY, b"\xff\xff"))
            assert connection.recv(100)[0] == 0x80 | CLOSE
    said = app.log.read_text()[before:]
    assert "Traceback" in said
    assert "This place in the source logs too much" in said
    assert len(said) < 1.5 * MOST_A_MINUTE
