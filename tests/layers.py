"""The layers of the tests, and how long each took. docs/testing.md says what each is for."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

LAYERS = {
    "Browser": ("tests/browser/",),
    "Load": ("tests/load/",),
    "Processes": ("tests/compute/", "tests/serving/", "tests/test_sandbox", "tests/test_wheel", "tests/mutants/"),
    "Hostile files": ("tests/hostile/",),
    "Pages": ("tests/test_pages", "tests/test_permalinks", "tests/test_story", "tests/test_text_of_figures"),
    "Programs": (
        "tests/test_snippets",
        "tests/test_next_steps",
        "tests/lessons/",
        "tests/recipes/",
        "tests/test_readme",
    ),
    "Methods": tuple(
        f"tests/test_{name}"
        for name in (
            "attention axioms bench_methods captum integrated_gradients layer_paths layers_of_others long_sums "
            "occlusion_and_rise path_methods relu_rules smoothgrad token"
        ).split()
    ),
    "Units": ("tests/",),
}
"""How the paths of each layer's tests begin. A test belongs to the first layer that fits."""
QUICK = ("Units",)
"""Layers whose tests are quick unless marked."""
MARKS = ("slow", "alone", "sweep", "browser")
"""A test with one of these is not quick."""
TALLY = "GRADVIZ_TESTS_TALLY"
"""The environment names the file here that a run leaves its numbers in."""


class Taken(NamedTuple):
    """What one layer took."""

    name: str
    tests: int
    seconds: float


def layer(test: str) -> str:
    """The layer of a test, by its path."""
    return next(name for name, starts in LAYERS.items() if test.startswith(starts))


def names_of_marks(source: str) -> set[str]:
    """Which of ``MARKS`` a file of tests sets."""
    return {name for name in MARKS if f"mark.{name}" in source}


def taken(reports: Iterable[pytest.TestReport]) -> list[Taken]:
    """How many tests of each layer ran, and how long they took, what they share included."""
    seconds, tests = Counter[str](), Counter[str]()
    for report in reports:
        seconds[layer(report.nodeid)] += report.duration  # type: ignore[assignment]  # a Counter adds any numbers
        tests[layer(report.nodeid)] += report.when == "call"
    return [Taken(name, tests[name], float(seconds[name])) for name in LAYERS if tests[name]]


def added(several: Iterable[Taken]) -> list[Taken]:
    """The sums of several runs, layer by layer."""
    runs = list(several)
    sums = [
        Taken(name, sum(one.tests for one in runs if one.name == name), sum(o.seconds for o in runs if o.name == name))
        for name in LAYERS
    ]
    return [one for one in sums if one.tests]


def in_words(one: Taken) -> str:
    """A line of the summary."""
    return f"{one.name:14} {one.tests:5} tests {one.seconds / 60:6.1f} min"


def write(file: Path, layers: Iterable[Taken]) -> None:
    """Leave what a run took for ``read``."""
    file.write_text(json.dumps(list(layers)))


def read(file: Path) -> list[Taken]:
    """What a run took; nothing where it came to no end."""
    return [Taken(*one) for one in json.loads(file.read_text())] if file.exists() else []
