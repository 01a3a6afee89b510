"""For all tests: which are quick, in which order they run, and at the end how many each layer has."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests import leftovers
from tests.layers import LAYERS, MARKS, QUICK, TALLY, in_words, layer, names_of_marks, taken, write

ORDER = list(LAYERS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is quick. The layers that wait most come first, so that no long file is left for the end."""
    for item in items:
        marks = {mark.name for mark in item.iter_markers()} & {*MARKS}
        if layer(item.nodeid) in QUICK and not marks:
            item.add_marker("quick")
        elif not marks <= _marks_of(item.path):
            raise pytest.UsageError(
                f"{item.nodeid} is marked {marks} from outside its file; tests/passes.py looks there."
            )
    items.sort(key=lambda item: ORDER.index(layer(item.nodeid)))


@cache
def _marks_of(file: Path) -> set[str]:
    return names_of_marks(file.read_text(encoding="utf-8"))


def pytest_configure(config: pytest.Config) -> None:
    gc.set_threshold(20_000, 10, 10)
    config.add_cleanup(leftovers.own_temporary_folder())


def pytest_collection_finish() -> None:
    """What the tests and their libraries have made so far stays: a million things that need not be looked at again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """At the end it goes like everything else: libraries in C++ complain of what is left."""
    gc.unfreeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [one for group in terminalreporter.stats.values() for one in group if isinstance(one, pytest.TestReport)]
    layers = taken(reports)
    terminalreporter.section("layers")
    for one in layers:
        terminalreporter.write_line(in_words(one))
    if TALLY in os.environ:
        write(Path(os.environ[TALLY]), layers)


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """Neither what a test may not leave behind, nor the app in the place of ``__main__``: AppTest puts it there, and a
    process that is spawned would run it."""
    main, watch = sys.modules["__main__"], leftovers.Watch()
    yield
    sys.modules["__main__"] = main
    left = watch.left()
    assert not left, left
