"""One running app for the tests here, and the hole into which Streamlit's question for its own address would fall."""

from __future__ import annotations

import base64
import http.client
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.leftovers import folder_of_a_server

ROOT = Path(__file__).parents[2]


class Hole:
    """Takes connections and never answers. As the proxy of a process it is where all of its requests go."""

    def __init__(self) -> None:
        self.fallen: list[socket.socket] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        while True:
            try:
                self.fallen.append(self._socket.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        for each in (self._socket, *self.fallen):
            each.close()


@dataclass
class App:
    """A running app."""

    port: int
    hole: Hole
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


@dataclass
class Reply:
    status: int
    headers: Mapping[str, str]
    text: str
    socket: socket.socket | None = field(default=None, repr=False)
    """The open connection of a WebSocket."""


def ask(
    app: App, path: str, *headers: tuple[str, str], method: str = "GET", source: str = "127.0.0.1", keep: bool = False
) -> Reply:
    """One request with exactly these headers, from one of this machine's addresses. With ``keep`` the connection of a
    successful WebSocket stays open."""
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=30, source_address=(source, 0))
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    kept = connection.sock
    reply = connection.getresponse()
    if reply.status == 101:
        if not keep:
            kept.close()
        return Reply(101, dict(reply.getheaders()), "", kept if keep else None)
    text = reply.read().decode()
    connection.close()
    kept.close()
    return Reply(reply.status, dict(reply.getheaders()), text)


def handshake(
    app: App, *headers: tuple[str, str], source: str = "127.0.0.1", protocols: Sequence[str] = (), keep: bool = False
) -> Reply:
    """The handshake of a page's WebSocket with these headers besides its own."""
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    own = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")]
    asked = [("Sec-WebSocket-Protocol", ", ".join(protocols))] if protocols else []
    return ask(app, "/_stcore/stream", *own, ("Sec-WebSocket-Key", key), *asked, *headers, source=source, keep=keep)


def health(app: App) -> float:
    """Seconds until the app says that it is well."""
    start = time.monotonic()
    reply = ask(app, "/_stcore/health", ("Host", app.host))
    assert (reply.status, reply.text) == (200, "ok")
    return time.monotonic() - start


@contextmanager
def running(folder: Path, *options: str, **settings: str) -> Iterator[App]:
    """The app on a free port, with a store of its own, whose requests to the world fall into a hole."""
    with folder_of_a_server() as temporary:
        yield from _running(folder, *options, GRADVIZ_STORE=str(folder / "uploads"), TMPDIR=temporary, **settings)


def _running(folder: Path, *options: str, **settings: str) -> Iterator[App]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    hole = Hole()
    proxies = {f"{scheme}_proxy": hole.address for scheme in ("http", "https")}
    environment = {k: v for k, v in os.environ.items() if k.lower() not in {*proxies, "no_proxy", "all_proxy"}}
    environment |= proxies | settings
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}", *options]
    log = folder / "server.log"
    with log.open("w") as lines:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=lines, stderr=lines)
    app = App(port, hole, process, log)
    try:
        _wait_for(app)
        yield app
    finally:
        process.terminate()
        process.wait(30)
        hole.close()


def _wait_for(app: App) -> None:
    for _ in range(600):
        assert app.process.poll() is None, app.log.read_text()
        try:
            health(app)
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(app.log.read_text())


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app, served under ``gradviz.example`` too, with room for eight sessions."""
    with running(tmp_path_factory.mktemp("serving"), GRADVIZ_HOSTS="gradviz.example", GRADVIZ_SESSIONS="8") as found:
        yield found
