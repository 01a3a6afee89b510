"""Each test belongs to a layer, and docs/testing.md tells of each."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests import passes
from tests.layers import LAYERS, Taken, added, in_words, layer, read, taken, write

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


def test_several_runs_are_added_layer_by_layer(tmp_path: Path) -> None:
    write(tmp_path / "one", [Taken("Units", 3, 6.0), Taken("Browser", 1, 60.0)])
    write(tmp_path / "two", [Taken("Units", 4, 12.0)])
    runs = [*read(tmp_path / "one"), *read(tmp_path / "two"), *read(tmp_path / "never ended")]
    assert added(runs) == [Taken("Browser", 1, 60.0), Taken("Units", 7, 18.0)]
    assert in_words(added(runs)[1]).split() == ["Units", "7", "tests", "0.3", "min"]


@pytest.mark.parametrize("sweeps", [True, False])
@pytest.mark.parametrize(("quick", "alone"), [(True, False), (False, True), (False, False)])
def test_each_test_is_in_one_pass_and_a_sweep_in_those_of_all(sweeps: bool, quick: bool, alone: bool) -> None:
    def runs(name: str, *, sweep: bool) -> bool:
        words = passes.command(name, 2, sweeps=sweeps)
        chosen: bool = eval(words[words.index("-m", 3) + 1], {"quick": quick, "alone": alone, "sweep": sweep})
        return chosen

    assert [runs(name, sweep=False) for name in passes.PASSES].count(True) == 1
    assert any(runs(name, sweep=True) for name in passes.PASSES) == sweeps


def test_a_pass_reads_the_files_that_may_hold_its_tests() -> None:
    found = {name: set(passes.files(name)) for name in passes.PASSES}
    assert "tests/test_captions.py" in found["quick"] - found["rest"]
    assert "tests/test_pages.py" in found["rest"] - found["quick"]
    assert "tests/test_exactness.py" in found["quick"] & found["rest"], "some of its tests are slow"
    assert found["alone"] == {
        f"tests/{name}.py" for name in ("load/test_attacks", "load/test_load", "serving/test_threads")
    }
    everywhere = {file.relative_to(ROOT).as_posix() for file in (ROOT / "tests").rglob("test_*.py")}
    assert found["quick"] | found["rest"] == everywhere


def test_only_what_needs_the_machine_for_itself_runs_in_one_process() -> None:
    assert [name for name in passes.PASSES if "-n" not in passes.command(name, 2, sweeps=False)] == ["alone"]


def test_make_test_runs_the_passes_or_what_is_asked_for() -> None:
    def shown(*arguments: str) -> str:
        command = ["make", "--dry-run", "--assume-old=.venv/dev.stamp", *arguments]
        alone = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        return subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, check=True).stdout

    assert ".venv/bin/python -m tests.passes --processes 2\n" in shown("test")
    assert ".venv/bin/python -m tests.passes --processes 3 --sweeps\n" in shown("test-all", "PROCESSES=3")
    assert shown("quick").endswith(".venv/bin/python -m tests.passes --processes 2 quick\n")
    assert ".venv/bin/python -m pytest -k saliency tests/test_pages.py\n" in shown(
        "test", "ARGS=-k saliency tests/test_pages.py"
    )
