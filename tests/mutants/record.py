"""Which functions each test calls, written into ``.mutants/calls``: ``make mutants`` begins with it.

Recorded are the tests of units, pages and programs, but for the slow ones. A file of tests is recorded again when its
text has changed.
"""

# ruff: noqa: T201 - this is a program

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.layers import MARKS, layer
from tests.mutants.calls import record_path, text_hash, write
from tests.mutants.trial import scratch_copy

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".mutants" / "calls"
RECORDED = ("Units", "Pages", "Programs")
"""Layers of tests that call the sources in their own process."""
AT_ONCE = 15


def missing() -> list[str]:
    """The files of tests with no record of their present text."""
    found = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        test_file = path.relative_to(ROOT).as_posix()
        record = record_path(FOLDER, test_file)
        if layer(test_file) in RECORDED and (not record.is_file() or _hash(record) != text_hash(path)):
            found.append(test_file)
    return found


def _hash(record: Path) -> str:
    return str(json.loads(record.read_text(encoding="utf-8"))["hash"])


def record(test_files: list[str]) -> None:
    """Run some files of tests in a scratch copy, and write their records: empty ones where all tests are slow."""
    chosen = ["-q", "--no-header", "--tb=no", "-m", f"not ({' or '.join(MARKS)})", "-p", "no:cacheprovider"]
    for test_file in test_files:
        write(FOLDER, ROOT, test_file, [], {})
    with scratch_copy(ROOT) as copy:
        command = [sys.executable, "-m", "pytest", *chosen, "-p", "tests.mutants.calls", f"--calls-to={FOLDER}"]
        subprocess.run([*command, *test_files], cwd=copy, check=False)


if __name__ == "__main__":
    files = missing()
    for start in range(0, len(files), AT_ONCE):
        print(f"Recording which functions the tests call: {start} of {len(files)} files of tests", flush=True)
        record(files[start : start + AT_ONCE])
