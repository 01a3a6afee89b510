"""Which models of other libraries, exported as ``.pt2`` and read back, give the very same numbers.

Each runs in a process of its own, from the environment that ``make`` builds of ``requirements-sweep.txt``. What was
identical is kept beside that environment, so that a sweep goes on where it was stopped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from benchmarks.sweep.libraries import LIBRARIES
from benchmarks.sweep.results import Result, Results

_HERE = Path(__file__).parent.parent
_PYTHON = _HERE / ".venv-sweep" / "bin" / "python"
_RESULTS = _HERE / ".venv-sweep" / "results.json"
_BAR = 0.98
"""Of the models that torch exports, so many must be read, with the same bits."""


def rows(_rounds: int) -> Iterator[str]:
    results, rows = Results(_RESULTS), list[Result]()
    for library in LIBRARIES:
        with _Process(library) as process:
            for name in process.names:
                full = f"{library} {name}"
                result = results.get(full)
                if result is None or not result.is_right:
                    result = process.ask(name)
                    results.add(full, result)
                rows.append(result)
                yield f"  {full:<55} {result.words}"
    yield from _counts(rows)
    yield f"  What was identical in an earlier run is kept; to run all anew, remove {_RESULTS.relative_to(_HERE)}"


class _Process:
    """What runs the models of one library, which need not be installed here."""

    def __init__(self, library: str) -> None:
        self._started = subprocess.Popen(
            [_PYTHON if _PYTHON.exists() else sys.executable, "-m", "benchmarks.sweep.forked", library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=_HERE,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert self._started.stdout
        assert self._started.stdin
        self._answers, self._questions = self._started.stdout, self._started.stdin
        self.names: list[str] = json.loads(self._answers.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._questions.close()
        self._started.wait()

    def ask(self, name: str) -> Result:
        """What becomes of the model of that name."""
        self._questions.write(f"{name}\n")
        self._questions.flush()
        return Result(**json.loads(self._answers.readline()))


def _counts(rows: list[Result]) -> Iterator[str]:
    exported = [row for row in rows if not row.exported]
    read = [row for row in exported if not row.read]
    right = [row for row in exported if row.is_right]
    as_exported = [row for row in exported if row.is_as_exported]
    share = (len(right) + len(as_exported)) / max(1, len(exported))
    yield (
        f"  torch exports {len(exported)} of {len(rows)} models; GradViz reads {len(read)}: {len(right)} with the "
        f"bits of the module, {len(as_exported)} with those of torch's own run of the export alone"
    )
    yield f"  {share:.1%} of what torch exports is read as torch exports it; the bar is {_BAR:.0%}"
