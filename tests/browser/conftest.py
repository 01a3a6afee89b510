"""Servers and a real Chromium. A page that complains in the browser's console fails its test.

What a test does not need for itself it shares, for most of a test's time went into it: a server that has answered once
holds its models, and a tab that has been there holds Streamlit's and Plotly's programs.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, expect, sync_playwright

from tests.leftovers import folder_of_a_server

ROOT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",  # a camera that shows a test picture
    "--js-flags=--no-maglev,--no-turbofan",  # a page lives for seconds: its programs are run, not optimised
]
PATIENCE_MS = 30_000
"""What is expected on a page may take so long to come, unless a test says otherwise: on an idle machine it is there at
once, on a busy one it is not."""
STREAMLIT_LOOKS_ROUND = ("/_stcore/health", "/_stcore/host-config")
"""At an address below the root Streamlit's own page first tries ``/neurons/_stcore/health``, is told 404, and goes on
with ``/_stcore/health``: the browser reports the first as an error. These two addresses, and no others, may pass."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running app."""

    port: int
    pid: int
    log: Path

    def address(self, path: str = "") -> str:
        """The address of a page."""
        return f"http://127.0.0.1:{self.port}/{path}"

    @property
    def store(self) -> Path:
        """Where what is uploaded to it lies."""
        return self.log.parent / "uploads"

    def memory_mb(self) -> float:
        """Memory the app's process holds, in megabytes; Linux only."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000


@contextmanager
def running(folder: Path, environment: Mapping[str, str] = MappingProxyType({})) -> Iterator[Server]:
    """The app on a free port, with a store of its own, ended at the end. ``environment`` is set for it too."""
    with folder_of_a_server() as temporary:
        yield from _running(folder, {"GRADVIZ_STORE": str(folder / "uploads"), "TMPDIR": temporary, **environment})


def _running(folder: Path, settings: dict[str, str]) -> Iterator[Server]:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "app.py",
        f"--server.port={port}",
        "--server.address=127.0.0.1",
        "--server.fileWatcherType=none",
    ]
    log = folder / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | settings, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield Server(port, process.pid, log)
    finally:
        process.terminate()
        process.wait(30)
    _check_log(log)


def _check_log(log: Path, start: int = 0) -> int:
    """Nothing went wrong that the log tells of, from this character on; how many characters it has now."""
    text = log.read_text()
    assert "Traceback" not in text[start:], text[start:][-3000:]
    return len(text)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(address, timeout=1) as reply:
                if reply.read() == b"ok":
                    return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            pass
        time.sleep(0.1)
    raise AssertionError("the server did not start within a minute")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server nobody has visited yet."""
    with running(tmp_path) as fresh:
        yield fresh


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """For fixtures that others share too."""
    with running(tmp_path_factory.mktemp("server")) as app:
        yield app


@pytest.fixture
def visited(shared: Server) -> Iterator[Server]:
    """A server that the tests share: others have been there, and have asked whatever they liked."""
    start = _check_log(shared.log)
    yield shared
    _check_log(shared.log, start)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium. Where there is none the test is skipped, but under continuous integration that is a failure."""
    named = os.environ.get("GRADVIZ_CHROMIUM") or os.environ.get("CHROMIUM")
    path = named or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        say = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        say("No Chromium was found. Install one, or name it: GRADVIZ_CHROMIUM=/path")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        IDLE.clear()
        chromium.close()


IDLE: list[Page] = []
"""Tabs that wait for their next test. A new tab is a new process of the browser, which reads all of Streamlit's and
Plotly's programs again: two thirds of the work of a page that opens."""


@contextmanager
def tab(
    browser: Browser, *, dark: bool = False, width: int = 1400, new: bool = False, moving: bool = False
) -> Iterator[Page]:
    """A tab of somebody who was never here. Complaints in its console fail the test.

    A ``new`` one is closed at the end: for tests that leave something on it. Unless it is ``moving``, its person
    prefers reduced motion: each step of a movement is drawn by the processor that runs the test.
    """
    page = IDLE.pop() if IDLE and not new else _context(browser).new_page()
    _forget(page)
    page.set_viewport_size({"width": width, "height": 1000})
    page.emulate_media(
        media="screen",
        color_scheme="dark" if dark else "light",
        reduced_motion="no-preference" if moving else "reduce",
    )
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error" and not str(message.location.get("url", "")).endswith(STREAMLIT_LOOKS_ROUND):
            complaints.append(f"{message.text} ({message.location})")

    def failed(error: Error) -> None:
        complaints.append(str(error))

    page.on("console", heard)
    page.on("pageerror", failed)
    try:
        yield page
    except BaseException:
        page.close()
        raise
    if new:
        page.close()
    if not page.is_closed():
        page.evaluate("() => { try { sessionStorage.clear() } catch {} }")  # an empty page has none
        page.goto("about:blank")
        page.unroute_all()
        page.remove_listener("console", heard)
        page.remove_listener("pageerror", failed)
        IDLE.append(page)
    assert not complaints, complaints


def _context(browser: Browser) -> BrowserContext:
    """A context of the browser that has no tab open, or a new one: tabs that are open together share nothing."""
    free = next((context for context in browser.contexts if not context.pages), None)
    return free or browser.new_context(accept_downloads=True)


def _forget(page: Page) -> None:
    """Forget what earlier tests have kept in this tab. The programs that were loaded stay."""
    page.context.clear_cookies()
    session = page.context.new_cdp_session(page)
    session.send("Storage.clearDataForOrigin", {"origin": "*", "storageTypes": "local_storage,indexeddb"})
    session.send("Page.resetNavigationHistory")
    session.detach()


@contextmanager
def script(page: Page, text: str) -> Iterator[None]:
    """Have this script run at the start of every page that the tab opens."""
    session = page.context.new_cdp_session(page)
    session.send("Page.enable")
    added = session.send("Page.addScriptToEvaluateOnNewDocument", {"source": text})
    try:
        yield
    finally:
        session.send("Page.removeScriptToEvaluateOnNewDocument", {"identifier": added["identifier"]})
        session.detach()


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A tab on a wide screen, in the light theme. One whose test fails is not used again."""
    with tab(browser) as opened:
        yield opened
        if request.node.stash[FAILED]:
            opened.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Page]:
    """The same, closed at the end: for tests that leave something on it."""
    with tab(browser, new=True) as opened:
        yield opened
