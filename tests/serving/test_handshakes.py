"""Handshakes of other sites against a running app: turned away at once, and nothing is looked up outside."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.serving.conftest import App, Reply, ask, handshake, health

PATIENCE_S = 1.0
"""Within which the app must always say that it is well."""


class Watch:
    """Asks for the app's health all the time, and keeps the longest that it took."""

    def __init__(self, app: App) -> None:
        self.longest = 0.0
        self._app, self._over = app, threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._over.is_set():
            self.longest = max(self.longest, health(self._app))
            time.sleep(0.02)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def origins(app: App) -> list[str]:
    """Of other sites, in the ways in which Streamlit would take them for something else and look."""
    return [
        "http://evil.example",
        "https://evil.example",
        f"http://evil.example:{app.port}",
        f"http://{app.host}.evil.example",
        f"http://evil.example@{app.host}",
        f"http://127.0.0.1:{app.port + 1}",
        f"http://127.0.0.2:{app.port}",
        "http://127.0.0.1",
        "null",
        "http://",
    ]


def test_twenty_handshakes_of_other_sites_keep_nobody_waiting(app: App) -> None:
    def knock(origin: str) -> Reply:
        return handshake(app, ("Host", app.host), ("Origin", origin))

    with Watch(app) as watch, ThreadPoolExecutor(10) as threads:
        replies = list(threads.map(knock, origins(app) * 2))
    assert [reply.status for reply in replies] == [403] * 20
    assert all("comes from the site" in reply.text for reply in replies)
    assert watch.longest < PATIENCE_S
    assert app.hole.fallen == []


@pytest.mark.parametrize("name", ["evil.example", "127.0.0.1.evil.example", "gradviz.example.evil.example"])
def test_a_name_that_leads_here_opens_nothing(app: App, name: str) -> None:
    headers = ("Host", f"{name}:{app.port}"), ("Origin", f"http://{name}:{app.port}")
    for reply in (handshake(app, *headers), ask(app, "/", *headers), ask(app, "/_stcore/host-config", *headers)):
        assert reply.status == 421
        assert f"GRADVIZ_HOSTS={name}" in reply.text
    assert app.hole.fallen == []


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:{port}", "http://127.0.0.1:{port}"),
        ("LocalHost.:{port}", "http://localhost:{port}"),
        ("[0:0:0::1]:{port}", "http://[::1]:{port}"),
        ("gradviz.example", "https://gradviz.example"),
        ("GRADVIZ.example:443", "https://gradviz.example"),
        ("localhost:{port}", ""),
    ],
)
def test_pages_of_its_own_come_in_and_nothing_is_looked_up(app: App, host: str, origin: str) -> None:
    headers = [("Host", host.format(port=app.port))]
    if origin:
        headers.append(("Origin", origin.format(port=app.port)))
    with Watch(app) as watch:
        assert handshake(app, *headers).status == 101
    assert watch.longest < PATIENCE_S
    assert app.hole.fallen == []


def test_the_endpoints_that_name_the_apps_own_address_look_nothing_up(app: App) -> None:
    """The page, what it asks for before its WebSocket, and an upload, from another site and from none."""
    with Watch(app) as watch:
        for path in ("/", "/saliency", "/_stcore/host-config", "/_stcore/health", "/_stcore/metrics"):
            ask(app, path, ("Host", app.host), ("Origin", "http://evil.example"))
        upload = "/_stcore/upload_file/00000000/00000000"
        assert ask(app, upload, ("Host", app.host), ("Origin", "http://evil.example"), method="PUT").status == 403
        assert ask(app, upload, ("Host", app.host), ("Content-Length", "0"), method="PUT").status in {400, 403, 404}
    assert watch.longest < PATIENCE_S
    assert app.hole.fallen == []
