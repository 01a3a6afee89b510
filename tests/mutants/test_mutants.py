"""The program that asks whether tests notice small faults, on a package of one file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.faults import Fault, faults, sample
from tests.mutants.nearest import Nearest, Timed
from tests.mutants.trial import Trials

ROOT = Path(__file__).parents[2]
SOURCE = '''
from __future__ import annotations
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LIMIT: 3 = 4

@dataclass(slots=True)
class Box:
    """5"""

    def area(self, side: 6 = 7) -> 8:
        return (lambda: side * side)()

def small(n):
    return n < LIMIT

def never_called(n):
    return n + 1
'''
TESTS = """
import subprocess, sys
from gradviz_core.types.box import Box, small

def test_area():
    assert Box().area(3) == 9

def test_small():
    assert small(2) and not small(9)

def test_broken():
    assert small(5)
"""


def places(text: str) -> list[tuple[str, str, str]]:
    return [(fault.operator, fault.function, fault.name) for _, fault in faults("box.py", text)]


def test_what_no_test_could_notice_is_left_out() -> None:
    """Annotations (3, 6, 8), the condition for type checkers and ``slots`` are; a limit and a default are not."""
    assert sorted(set(places(SOURCE))) == [
        ("Add_Sub", "never_called", "never_called"),
        ("Lt_GtE", "small", "small"),
        ("Lt_LtE", "small", "small"),
        ("Mul_Div", "Box.area", "Box"),
        ("NumberReplacer", "", "LIMIT"),
        ("NumberReplacer", "Box.area", "Box"),
        ("NumberReplacer", "never_called", "never_called"),
        ("RemoveDecorator", "", "Box"),
    ]


def test_each_fault_drawn_changes_its_file() -> None:
    drawn = sample(ROOT, 40, 3)
    assert len({(fault.path, fault.start) for fault in drawn}) > 30
    for fault in drawn:
        text = (ROOT / fault.path).read_text(encoding="utf-8")
        assert fault.spoilt(text) != text
        compile(fault.spoilt(text), fault.path, "exec")


def test_a_seed_draws_the_same_faults_again_also_when_other_lines_change(small_copy: Path) -> None:
    drawn = sample(small_copy, 4, 3)
    assert len(drawn) == 4
    assert drawn == sample(small_copy, 4, 3)
    assert any(sample(small_copy, 4, seed) != drawn for seed in range(5))
    box = small_copy / "gradviz_core" / "types" / "box.py"
    before = [fault.spoilt(SOURCE) for fault in drawn]
    box.write_text("# a remark\n" + SOURCE)
    assert [fault.spoilt(box.read_text()) for fault in sample(small_copy, 4, 3)] == ["# a remark\n" + t for t in before]


def test_more_faults_than_there_are_are_all_of_them(small_copy: Path) -> None:
    assert [fault.operator for fault in sample(small_copy, 1000, 0)].count("Add_Sub") == 1


@pytest.fixture
def small_copy(tmp_path: Path) -> Path:
    """A repository with one source and one file of tests, and beside them the program."""
    copy = tmp_path / "copy"
    shutil.copytree(
        ROOT / "tests" / "mutants", copy / "tests" / "mutants", ignore=shutil.ignore_patterns("__pycache__")
    )
    (copy / "gradviz_core" / "types").mkdir(parents=True)
    (copy / "gradviz_core" / "types" / "box.py").write_text(SOURCE)
    (copy / "tests" / "test_box.py").write_text(TESTS)
    (copy / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n")
    return copy


def test_a_fault_is_tried_on_the_tests_that_call_its_function(small_copy: Path) -> None:
    """A wrong area is noticed by the test that calls it, a wrong limit by that of the function that reads it; whether 4
    itself is small is asked by no test, and what is never called meets none."""
    folder = small_copy / "calls"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.mutants.calls", f"--calls-to={folder}"]
    subprocess.run([*command, "tests/test_box.py"], cwd=small_copy, check=False, stdout=subprocess.DEVNULL)
    nearest = Nearest(small_copy, folder)
    by_operator: dict[str, Fault] = {fault.operator: fault for _, fault in faults("gradviz_core/types/box.py", SOURCE)}

    first, second = nearest.rings(by_operator["Mul_Div"])
    assert ([test.name for test in first], [test.name for test in second]) == (
        ["tests/test_box.py::test_area"],
        ["tests/test_box.py::test_small"],
    )
    assert nearest.rings(by_operator["Add_Sub"]) == ([], [])
    small, _ = nearest.rings(by_operator["Lt_GtE"])
    limit = next(fault for _, fault in faults("gradviz_core/types/box.py", SOURCE) if fault.name == "LIMIT")
    assert "tests/test_box.py::test_small" in {test.name for test in nearest.rings(limit)[0]}
    with Trials(small_copy) as trials:
        assert trials.tried(by_operator["Mul_Div"], first).by == "tests/test_box.py::test_area"
        assert trials.tried(by_operator["Lt_GtE"], small).outcome == "noticed"
        assert trials.tried(by_operator["Lt_LtE"], small).outcome == "unnoticed"
        assert trials.tried(by_operator["Lt_LtE"], [Timed("tests/test_box.py::test_gone", 0.1)]).outcome == "no test"
        assert trials.sound([first[0].name, "tests/test_box.py::test_broken"]) == {first[0].name}
    assert (small_copy / "gradviz_core" / "types" / "box.py").read_text() == SOURCE
