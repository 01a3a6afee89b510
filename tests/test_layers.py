"""Each test belongs to a layer, and docs/testing.md tells of each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.layers import LAYERS, Taken, layer, taken

ROOT = Path(__file__).parents[1]


def _report(test: str, when: str, seconds: float) -> pytest.TestReport:
    return pytest.TestReport(test, (test, 0, test), {}, "passed", None, when, duration=seconds)  # type: ignore[arg-type]


def test_setup_and_teardown_count_in_time_and_not_in_number() -> None:
    name = "tests/compute/test_pool.py::test_one"
    reports = [_report(name, "setup", 2), _report(name, "call", 1), _report(name, "teardown", 0.5)]
    reports += [_report("tests/test_cost.py::test_two", "call", 4)]
    assert taken(reports) == [Taken("Processes", 1, 3.5), Taken("Units", 1, 4.0)]


def test_the_first_layer_that_fits() -> None:
    assert layer("tests/test_pages_code.py::test_x") == "Pages"
    assert layer("tests/test_sandbox_filter.py::test_x") == "Processes"
    assert layer("tests/exported/test_notes.py::test_x") == "Units"


def test_the_docs_tell_of_each_layer() -> None:
    rows = re.findall(r"^\| \*\*(.+?)\*\*", (ROOT / "docs/testing.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == list(LAYERS)
