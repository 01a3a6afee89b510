"""Which functions each test calls, written into ``.mutants/calls``: ``make mutants`` begins with it.

Recorded are tests that call the sources in their own process, and take less than half a minute. A file of tests is
recorded again when its text has changed.
"""

# ruff: noqa: T201 - this is a program

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.mutants.calls import record_path, text_hash
from tests.mutants.trial import scratch_copy

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".mutants" / "calls"
ELSEWHERE = ("browser", "load", "compute", "serving", "mutants")
"""Folders of tests that start processes, or try no source."""
APART = ("test_docker", "test_setup", "test_imports", "test_gpu", "test_sandbox")
"""Files that do."""
AT_ONCE = 15


def missing() -> list[str]:
    """The files of tests with no record of their present text."""
    found = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        test_file = path.relative_to(ROOT).as_posix()
        if path.parent.name in ELSEWHERE or path.stem.startswith(APART):
            continue
        record = record_path(FOLDER, test_file)
        if not record.is_file() or json.loads(record.read_text(encoding="utf-8"))["hash"] != text_hash(path):
            found.append(test_file)
    return found


def record(test_files: list[str]) -> None:
    """Run some files of tests in a scratch copy, and write their records."""
    chosen = [
        "-q",
        "--no-header",
        "--tb=no",
        "--durations=0",
        "-m",
        "not browser and not slow",
        "-p",
        "no:cacheprovider",
    ]
    with scratch_copy(ROOT) as copy:
        command = [sys.executable, "-m", "pytest", *chosen, "-p", "tests.mutants.calls", "--calls-to", str(FOLDER)]
        subprocess.run([*command, *test_files], cwd=copy, check=False)


if __name__ == "__main__":
    files = missing()
    for start in range(0, len(files), AT_ONCE):
        print(f"Recording which functions the tests call: {start} of {len(files)} files of tests")
        record(files[start : start + AT_ONCE])
