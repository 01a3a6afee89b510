"""A scratch copy of the repository, in which one fault at a time is tried on some tests."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from tests.mutants.faults import Fault
from tests.mutants.nearest import Timed

LEFT_OUT = (".git", ".venv", ".mutants", "__pycache__", ".*_cache", ".hypothesis", "build", "dist")
START_S = 60.0
SLOWER = 5.0
"""A trial may take a minute, and five times as long as its tests took when they were recorded."""

PASSED, FAILED, NO_TESTS = 0, 1, 5
"""What pytest ends with."""

Outcome = Literal["noticed", "timed out", "unnoticed", "no test"]


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one trial, and the test that noticed the fault, or the end of what pytest wrote."""

    outcome: Outcome
    by: str = ""


@contextmanager
def scratch_copy(root: Path) -> Iterator[Path]:
    """A copy of the repository that is deleted afterwards."""
    with TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(root, copy, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
        yield copy


def tried(copy: Path, fault: Fault, tests: Sequence[Timed]) -> Trial:
    """Write a fault into the copy, run the tests until one fails, and take the fault out again."""
    if not tests:
        return Trial("no test")
    path = copy / fault.path
    text = path.read_text(encoding="utf-8")
    try:
        _write(path, fault.spoilt(text))
        return _run(copy, tests)
    finally:
        _write(path, text)


def _write(path: Path, text: str) -> None:
    """Write a source, and delete what Python compiled from it: two texts of one second and one size look the same."""
    path.write_text(text, encoding="utf-8")
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
        compiled.unlink()


def _run(copy: Path, tests: Sequence[Timed]) -> Trial:
    listed = copy.parent / "tests.txt"
    listed.write_text("\n".join(test.name for test in tests), encoding="utf-8")
    files = sorted({test.file for test in tests})
    options = ["-x", "-q", "-rfE", "--no-header", "--tb=no", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, "-p", "tests.mutants.only", "--only", str(listed), *files]
    limit = START_S + SLOWER * sum(test.seconds for test in tests)
    with subprocess.Popen(
        command, cwd=copy, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    ) as process:
        try:
            written, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            return Trial("timed out", f"after {limit:.0f} s")
        finally:
            _end(process.pid)
    if process.returncode == PASSED:
        return Trial("unnoticed")
    if process.returncode == NO_TESTS:
        return Trial("no test")
    failing = re.search(r"^(?:FAILED|ERROR) (\S+)", written, re.MULTILINE)
    return Trial("noticed", failing[1] if failing else written[-300:])


def _end(group: int) -> None:
    """End a trial's processes, also those that its tests left."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return
