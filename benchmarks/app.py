"""The app as a person meets it: from starting the server to the first picture, in a real browser."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError
from urllib.request import urlopen

import psutil  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.timing import Row

ROOT = Path(__file__).resolve().parents[1]
PATIENCE_MS = 90_000
FIRST = "preset/efficientnet-lite0"
"""What is shown first."""
CLICKED = ("preset/shapes-cnn", FIRST, "torchvision/resnet18@random-0")
PHOTOS = ("cat", "palace", "dahlia", "photographer", "coffee")
_DRAWN = (
    "document.querySelector('.st-key-chart_gradient .js-plotly-plot')"
    "?._fullData?.find(trace => trace.type === 'heatmap')?.z"
)
"""The numbers of the gradient that is on the screen."""
_SOME = "(z) => String(z?.flatMap?.(row => [...row].slice(0, 9)))"
"""Some of them, as text."""
_BAR = """(number) => {
  const chart = document.querySelector('.st-key-chart_classes .js-plotly-plot');
  chart.scrollIntoView({ block: 'center' });
  const { xaxis, yaxis } = chart._fullLayout, box = chart.getBoundingClientRect(), bar = chart._fullData[0];
  return { x: box.left + xaxis._offset + xaxis._length / 2, y: box.top + yaxis._offset + yaxis.d2p(bar.y[number]) };
}"""
"""Where the bar of the class at place ``number`` begins."""
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


def rows(rounds: int) -> list[Row | str]:
    """One cold start; clicks to new pictures; then every page in turn, for what the app process keeps in memory."""
    return in_a_browser(lambda browser: _measured(browser, rounds))


def in_a_browser(measure: Callable[[Browser], Iterator[Row | str]]) -> list[Row | str]:
    """What ``measure`` finds in a real browser; a line that says so where there is none."""
    chromium = subprocess.run(
        [sys.executable, "scripts/find_chromium.py"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    if not chromium:
        return ["  no Chromium was found, so the app was not measured"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        try:
            return list(measure(browser))
        finally:
            browser.close()


def _measured(browser: Browser, rounds: int) -> Iterator[Row | str]:
    page = browser.new_page()
    with server({}) as (process, address, start):
        page.goto(address)
        page.wait_for_selector("h1", timeout=PATIENCE_MS)
        yield Row("server started -> first page can be read", 1e3 * (time.perf_counter() - start))
        wait_for_heatmap(page)
        yield Row("server started -> first heatmap", 1e3 * (time.perf_counter() - start))
        for model in CLICKED:
            yield Row(
                f"click on a class -> its gradient on the screen, {model}",
                _click(page, f"{address}/?model={model}", rounds),
            )
        yield Row(
            f"click on another photo -> its gradient on the screen, {FIRST}",
            _choose(page, f"{address}/?model={FIRST}", rounds),
        )
        links = page.locator('[data-testid="stSidebarNavLink"]')
        for number in range(links.count()):
            links.nth(number).click()
            wait_until_still(page)
        resident = psutil.Process(process).memory_info().rss / 1e6
        yield f"  app process after {links.count()} pages: {resident:.0f} MB resident"


def _click(page: Page, address: str, rounds: int) -> float:
    """Milliseconds from a click on the bar of another class to another heatmap on the screen: the median."""
    page.goto(address)
    wait_for_heatmap(page)
    wait_until_still(page)
    times = []
    for number in range(rounds):
        wait_until_still(page)
        page.wait_for_timeout(300)
        times.append(1e3 * click_on_bar(page, 1 + number % 4))
    return statistics.median(times)


def _choose(page: Page, address: str, rounds: int) -> float:
    """The same from a click on the thumbnail of a photo that nobody has asked about yet."""
    page.goto(address)
    wait_for_heatmap(page)
    times = []
    for name in PHOTOS[:rounds]:
        wait_until_still(page)
        page.wait_for_timeout(300)
        thumbnail = page.locator(f"input[value='sample/{name}']")
        times.append(1e3 * until_drawn(page, lambda thumbnail=thumbnail: thumbnail.check(force=True)))  # type: ignore[misc]
    return statistics.median(times)


def click_on_bar(page: Page, number: int) -> float:
    """Seconds from a click on the bar at place ``number`` to another heatmap on the screen."""
    place = page.evaluate(_BAR, number)
    return until_drawn(page, lambda: page.mouse.click(place["x"], place["y"]))


def until_drawn(page: Page, act: Callable[[], None]) -> float:
    """Seconds from what ``act`` does to another heatmap on the screen."""
    page.evaluate(f"() => {{ window.seen = {_DRAWN}; window.before = ({_SOME})(window.seen); }}")
    start = time.perf_counter()
    act()
    page.wait_for_function(  # the numbers are looked at only where they are others: the browser has enough to do
        f"() => {{ const now = {_DRAWN}; if (!now || now === window.seen) return false; "
        f"window.seen = now; return ({_SOME})(now) !== window.before; }}"
    )
    return time.perf_counter() - start


def wait_until_still(page: Page) -> None:
    page.wait_for_timeout(200)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=PATIENCE_MS)


def wait_for_heatmap(page: Page) -> None:
    drawn = (
        "() => [...document.querySelectorAll('.js-plotly-plot')]"
        ".some(plot => plot._fullData?.some(trace => trace.type === 'heatmap'))"
    )
    page.wait_for_function(drawn, timeout=PATIENCE_MS)


@contextmanager
def server(environment: Mapping[str, str]) -> Iterator[tuple[int, str, float]]:
    """The app on a free port: its process, its address, and when it was started. ``environment`` is set for it too."""
    with socket.socket() as free, TemporaryDirectory() as store:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
        options = ["--server.headless=true", "--server.address=127.0.0.1", "--browser.gatherUsageStats=false"]
        start = time.perf_counter()
        process = subprocess.Popen(
            [*command, *options],
            cwd=ROOT,
            env={**os.environ, "GRADVIZ_STORE": store, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_until_up(address, process)
            yield process.pid, address, start
        finally:
            process.terminate()
            process.wait(60)


def _wait_until_up(address: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            with urlopen(f"{address}/_stcore/health", timeout=5) as reply:  # noqa: S310 (our own server)
                reply.read()
                return
        except (URLError, OSError):
            time.sleep(0.02)
    raise RuntimeError("the app ended as soon as it was started")
