"""Run all tests in passes: the quick ones first, then the rest, both in several processes, then those that need the
machine for themselves; and say at the end how many there were and how long they took.

``python -m tests.passes [--processes N] [--sweeps] [PASS ...]``
"""

# ruff: noqa: T201 - this is a program

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.layers import QUICK, TALLY, Taken, added, in_words, layer, names_of_marks, read

ROOT = Path(__file__).parents[1]
NO_TEST = 5
"""pytest's exit status where no test was selected."""
PASSES = {"quick": "quick", "rest": "not quick and not alone", "alone": "alone"}
"""Which tests belong to each pass, by their marks."""


def files(name: str) -> list[str]:
    """The files that may hold tests of a pass: to read the others would take many seconds in each process."""
    found = []
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        path = file.relative_to(ROOT).as_posix()
        quick, marked = layer(path) in QUICK, names_of_marks(file.read_text(encoding="utf-8"))
        if {"quick": quick, "rest": not quick or bool(marked), "alone": "alone" in marked}[name]:
            found.append(path)
    return found


def command(name: str, processes: int, *, sweeps: bool) -> list[str]:
    """How pytest is called for a pass. The tests of one file stay in one process, and share what they set up."""
    marks = PASSES[name] if sweeps else f"({PASSES[name]}) and not sweep"
    spread = ["-n", str(processes), "--dist", "loadfile", "--no-loadscope-reorder"]
    return [sys.executable, "-m", "pytest", "-m", marks, *([] if name == "alone" else spread), *files(name)]


def threads(name: str, processes: int) -> dict[str, str]:
    """How many threads torch takes in each process: more than there are cores would wait for each other."""
    share = 1 if name == "alone" else processes
    return {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // share))}


def environment(name: str, processes: int, tally: Path) -> dict[str, str]:
    """What a pass finds in its environment. Bytecode is kept, even where the machine says otherwise: some hundred
    processes are started, and each would compile our sources anew, most of a second of work."""
    own = threads(name, processes) | os.environ | {TALLY: str(tally)}
    own.pop("PYTHONDONTWRITEBYTECODE", None)
    return own


def run(names: list[str], processes: int, *, sweeps: bool) -> int:
    """Run these passes, whatever comes of the one before: 0 if no test fails."""
    layers, passes, failed = list[Taken](), list[Taken](), list[str]()
    with tempfile.TemporaryDirectory(prefix="gradviz-tests-") as folder:
        for name in names:
            tally, start = Path(folder) / name, time.monotonic()
            called = command(name, processes, sweeps=sweeps)
            if subprocess.run(called, cwd=ROOT, env=environment(name, processes, tally)).returncode not in (0, NO_TEST):
                failed.append(name)
            found = read(tally)
            layers += found
            passes.append(Taken(name, sum(one.tests for one in found), time.monotonic() - start))
    print("\nlayers, each process for itself:", *map(in_words, added(layers)), sep="\n")
    total = Taken("all", sum(one.tests for one in passes), sum(one.seconds for one in passes))
    print("passes, by the clock:", *map(in_words, [*passes, total]), sep="\n")
    print(f"Tests fail in: {', '.join(failed)}." if failed else "Every test passes.")
    return bool(failed)


def main() -> int:
    parser = argparse.ArgumentParser(description="All tests, or those of some passes.")
    parser.add_argument(
        "passes", nargs="*", metavar="PASS", help=f"one of {', '.join(PASSES)}; all where none is named"
    )
    parser.add_argument("--processes", type=int, default=2, help="how many run tests side by side")
    parser.add_argument("--sweeps", action="store_true", help="the longer sweeps too")
    options = parser.parse_args()
    if unknown := [name for name in options.passes if name not in PASSES]:
        parser.error(f"There is no pass {unknown[0]!r}; choose from {', '.join(PASSES)}.")
    return run(options.passes or list(PASSES), options.processes, sweeps=options.sweeps)


if __name__ == "__main__":
    sys.exit(main())
