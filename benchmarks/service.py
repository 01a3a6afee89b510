"""What a person waits for, from question to answer, compared with the bare computation on as many cores."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from benchmarks.bare import MODEL, Bare
from benchmarks.timing import Row, interleaved, row
from gradviz_core.compute.client import Client
from gradviz_core.settings import Settings
from gradviz_core.types import ClassScore, GradientQuestion

GOAL = 1.3
PHOTOS = ("sample/cat", "sample/astronaut")


def rows(rounds: int) -> list[Row]:
    """The service with one worker, then as it is set up by default."""
    return [*_compared(rounds, 1, goal=GOAL), *_compared(rounds, None)]


def _compared(rounds: int, workers: int | None, goal: float | None = None) -> list[Row]:
    with service(workers) as client, Bare(client.status().threads) as bare:
        now = client.status()
        first = f"first question, {now.workers} worker(s) of {now.threads} core(s)"
        again = f"another class of the same image, {now.workers} worker(s)"
        inside = f"... of this, inside the worker, {now.workers} worker(s)"
        plain = f"plain PyTorch, {now.threads} core(s)"
        photos = itertools.cycle(PHOTOS)
        last = ""
        spent = 0.0

        def cold() -> None:
            nonlocal last, spent
            last = next(photos)
            spent = client.ask(_about(last, 0)).receipt.milliseconds / 1e3

        def warm() -> None:
            client.ask(_about(last, 1))

        runs: dict[str, Callable[[], float | None]] = {
            plain: bare.run,
            first: cold,
            inside: lambda: spent,
            again: warm,
        }
        found = interleaved(runs, rounds, warm_up=5)
    return [
        row(found, plain),
        row(found, first, plain, goal),
        row(found, inside, plain),
        row(found, again, first),
    ]


def _about(photo: str, label: int) -> GradientQuestion:
    return GradientQuestion(model=f"torchvision/{MODEL}@random-0", image=photo, target=ClassScore(label))


@contextmanager
def service(workers: int | None) -> Iterator[Client]:
    """A compute service of its own, on the CPU."""
    with TemporaryDirectory() as store:
        chosen = {"device": "cpu", "store": store, **({} if workers is None else {"workers": workers})}
        client = Client(Settings.model_validate(chosen))
        try:
            yield client
        finally:
            client.close()
