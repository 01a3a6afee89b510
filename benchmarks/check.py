"""Checks of gradients by finite differences: what a click costs while one is under way, and when its line is there."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page
from pydantic import SecretStr

from benchmarks import app
from benchmarks.service import service
from benchmarks.timing import Row, interleaved, row
from gradviz_core.compute.client import Client
from gradviz_core.compute.launch import LocalService
from gradviz_core.settings import Settings
from gradviz_core.types import ClassScore, GradientQuestion, ProofQuestion

GOAL = 1.1
MODELS = {"preset/shapes-cnn": 2_000.0, "torchvision/resnet18@random-0": 6_000.0}
"""And the milliseconds after its picture at which a line is to be there."""
IMAGE = "sample/cat"
IMAGES = (
    "cat",
    "astronaut",
    "coffee",
    "rocket",
    "circle",
    "square",
    "triangle",
    "star",
    "ring",
    "cross",
    "heart",
    "crescent",
    "hexagon",
    "arrow",
    "tagged-star",
    "tagged-arrow",
    "tagged-heart",
)
"""One after the other, so that each click asks something new, and so does its line."""
PAUSE_MS = 700
"""Between two clicks: the page is drawn, and a check has begun."""
_LINE = """() => {
  const line = document.querySelector("[class*='st-key-check_']");
  return line && /agrees|settled|checked/.test(line.textContent);
}"""


def rows(rounds: int) -> list[Row | str]:
    """Through the service, with one worker and as it is set up by default; then in a browser."""
    found: list[Row | str] = []
    for model, workers in itertools.product(MODELS, (1, None)):
        found += _through_the_service(model, workers, rounds)
    return found + app.in_a_browser(lambda browser: _in_the_app(browser, rounds))


def _through_the_service(model: str, workers: int | None, rounds: int) -> list[Row]:
    with service(workers) as client:
        alone = f"another class, {model}, {client.status().workers} worker(s)"
        beside = "... while a check is under way"
        classes = itertools.count()

        def click() -> float:
            question = GradientQuestion(model=model, image=IMAGE, target=ClassScore(next(classes) % 10))
            start = time.perf_counter()
            client.ask(question)
            return time.perf_counter() - start

        def click_beside() -> float:
            with _check_under_way(client, model):
                return click()

        found = interleaved({alone: click, beside: click_beside}, rounds)
    return [row(found, alone), row(found, beside, alone)]


@contextmanager
def _check_under_way(client: Client, model: str) -> Iterator[None]:
    """A check of many directions, which has begun, and is left afterwards."""
    left = threading.Event()
    question = ProofQuestion(model=model, image=IMAGE, directions=20)
    thread = threading.Thread(target=client.check, args=(question, left))
    thread.start()
    while not client.status().busy:
        time.sleep(0.005)
    time.sleep(0.05)
    try:
        yield
    finally:
        left.set()
        thread.join()


def _in_the_app(browser: Browser, rounds: int) -> Iterator[Row | str]:
    """The app, and a client of the same service, which sees what is under way there."""
    with TemporaryDirectory() as store:
        settings = Settings.model_validate({"device": "cpu", "store": store})
        running = LocalService(settings, None)
        try:
            address, key = running.address_and_key()
            client = Client(
                settings.model_copy(update={"compute_address": address, "compute_key": SecretStr(key.decode())})
            )
            environment = {"GRADVIZ_COMPUTE_ADDRESS": address, "GRADVIZ_COMPUTE_KEY": key.decode()}
            with app.server(environment) as (_, page_address, _):
                page = browser.new_page()
                for model in MODELS:
                    yield from _clicks(page, client, f"{page_address}/?model={model}", model, rounds)
            client.close()
        finally:
            running.close()


def _clicks(page: Page, client: Client, address: str, model: str, rounds: int) -> Iterator[Row]:
    """On each image: until its line is there, a click, and another click while the check that belongs to it runs."""
    line, alone, beside = (
        f"picture -> its line, {model}",
        f"click on a class -> its gradient, {model}",
        "... while a check is under way",
    )
    found: dict[str, list[float]] = {line: [], alone: [], beside: []}
    for image in IMAGES[: max(2, rounds)]:
        page.goto(f"{address}&image=sample/{image}")
        app.wait_for_heatmap(page)
        start = time.perf_counter()
        page.wait_for_function(_LINE, timeout=app.PATIENCE_MS)
        found[line].append(time.perf_counter() - start)
        page.wait_for_timeout(PAUSE_MS)
        found[alone].append(app.click_on_bar(page, 1))
        page.wait_for_timeout(PAUSE_MS)
        while not client.status().busy and not page.evaluate(_LINE):
            time.sleep(0.005)
        found[beside].append(app.click_on_bar(page, 2))
    del found[alone][0], found[beside][0]  # the first of a page loads what the others find there
    yield Row(line, 1e3 * median(found[line]), goal=MODELS[model])
    yield row(found, alone)
    yield row(found, beside, alone, GOAL)
