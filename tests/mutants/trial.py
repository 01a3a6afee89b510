"""A scratch copy of the repository, in which one fault at a time is tried on some tests."""

from __future__ import annotations

import json
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
START_S = 20
SLOWER = 3
"""A trial may compute for 20 seconds, and three times as long as its tests took when they were recorded."""
OPTIONS = "-q -rfE --no-header --tb=no --timeout=900 -p no:cacheprovider -p tests.mutants.only".split()
IMPORTED = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
"""pytest would rewrite libraries that the server has imported already."""

PASSED, FAILED, NO_TESTS = 0, 1, 5
"""What pytest ends with."""

_FAILING = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)

Outcome = Literal["noticed", "timed out", "died", "unnoticed", "no test"]
NOTICED: tuple[Outcome, ...] = ("noticed", "timed out", "died")


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


class Trials:
    """Trials in one scratch copy, one after the other."""

    def __init__(self, copy: Path) -> None:
        self.copy = copy
        command = [sys.executable, "-m", "tests.mutants.server"]
        self._server = subprocess.Popen(command, cwd=copy, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> Trials:
        return self

    def __exit__(self, *error: object) -> None:
        self._server.communicate()

    def tried(self, fault: Fault, tests: Sequence[Timed]) -> Trial:
        """Write a fault into the copy, run the tests until one fails, and take the fault out again."""
        path = self.copy / fault.path
        text = path.read_text(encoding="utf-8")
        try:
            _write(path, fault.spoilt(text))
            return self._run(tests)
        finally:
            _write(path, text)

    def sound(self, names: Sequence[str]) -> set[str]:
        """Which of these tests pass where there is no fault."""
        code, written = self._pytest(names, 60 * 60)
        return set(names) - set(_FAILING.findall(written)) if code in (PASSED, FAILED) else set()

    def _run(self, tests: Sequence[Timed]) -> Trial:
        seconds = START_S + int(SLOWER * sum(test.seconds for test in tests))
        code, written = self._pytest([test.name for test in tests], seconds, "-x")
        if code == PASSED:
            return Trial("unnoticed")
        if code == NO_TESTS:
            return Trial("no test")
        if code < 0:
            late = -code in (signal.SIGXCPU, signal.SIGKILL)
            return Trial("timed out" if late else "died", f"by {signal.Signals(-code).name}")
        failing = _FAILING.findall(written)
        if not failing and "ImportError while loading conftest" not in written:
            raise RuntimeError(f"pytest ended with {code} and names no test that failed:\n{written}")
        return Trial("noticed", failing[0] if failing else "conftest.py")

    def _pytest(self, names: Sequence[str], seconds: int, *more: str) -> tuple[int, str]:
        """Run some tests. Returns what pytest ended with, and what it wrote."""
        listed = self.copy.parent / "tests.txt"
        listed.write_text("\n".join(names), encoding="utf-8")
        files = sorted({name.partition("::")[0] for name in names})
        job = {"arguments": [*OPTIONS, *IMPORTED, *more, f"--only={listed}", *files], "seconds": seconds}
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        print(json.dumps(job), file=self._server.stdin, flush=True)
        code, written = json.loads(self._server.stdout.readline())
        return int(code), str(written)


def _write(path: Path, text: str) -> None:
    """Write a source, and delete what Python compiled from it: two texts of one second and one size look the same."""
    path.write_text(text, encoding="utf-8")
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*"):
        compiled.unlink()
