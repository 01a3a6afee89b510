"""The layers of the tests, and how long each took. docs/testing.md says what each is for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import pytest

LAYERS = {
    "Browser": ("tests/browser/",),
    "Load": ("tests/load/",),
    "Processes": ("tests/compute/", "tests/serving/", "tests/test_sandbox", "tests/test_wheel"),
    "Hostile files": ("tests/hostile/",),
    "Pages": ("tests/test_pages", "tests/test_permalinks", "tests/test_tour", "tests/test_text_of_figures"),
    "Programs": ("tests/test_snippets", "tests/lessons/", "tests/test_readme"),
    "Units": ("tests/",),
}
"""How the paths of each layer's tests begin. A test belongs to the first layer that fits."""


class Taken(NamedTuple):
    """What one layer took."""

    name: str
    tests: int
    seconds: float


def layer(test: str) -> str:
    """The layer of a test, by its path."""
    return next(name for name, starts in LAYERS.items() if test.startswith(starts))


def taken(reports: Iterable[pytest.TestReport]) -> list[Taken]:
    """How many tests of each layer ran, and how long they took, what they share included."""
    seconds, tests = Counter[str](), Counter[str]()
    for report in reports:
        seconds[layer(report.nodeid)] += report.duration  # type: ignore[assignment]  # a Counter adds any numbers
        tests[layer(report.nodeid)] += report.when == "call"
    return [Taken(name, tests[name], float(seconds[name])) for name in LAYERS if tests[name]]
