"""Do the tests notice small faults in the code? ``make mutants``

    python -m tests.mutants --seed 1 --count 200       200 faults, one at a time, each against its nearest tests
    python -m tests.mutants --seed 1 --minutes 5       go on for five minutes; the next run begins where this one ended

Faults are cosmic-ray's (tests/mutants/faults.py says which), drawn at random from all places in the sources, and
written into a scratch copy of the repository. A fault is noticed when a test fails or does not end. The program lists
the others, and ends with 1 where they are more than a tenth. What was noticed is kept in .mutants/noticed.json: a
second run tries only what was not noticed before, and what is new. ``--anew`` tries all again.
"""

# ruff: noqa: T201 - this is a program

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

from tests.mutants.faults import Fault, sample
from tests.mutants.nearest import Nearest
from tests.mutants.trial import Trial, scratch_copy, tried

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".mutants"
WANTED = 0.9
"""The share that must be noticed."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="which faults are drawn")
    parser.add_argument("--count", type=int, default=200, help="how many")
    parser.add_argument("--processes", type=int, default=2, help="how many are tried at once")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no trial after so long")
    parser.add_argument("--anew", action="store_true", help="forget what was noticed before")
    chosen = parser.parse_args()
    noticed = Noticed(KEPT / "noticed.json", chosen.anew)
    drawn = sample(ROOT, chosen.count, chosen.seed)
    keys = {fault: key(fault, (ROOT / fault.path).read_text(encoding="utf-8")) for fault in drawn}
    left = [fault for fault in drawn if keys[fault] not in noticed.by]
    print(f"{len(drawn)} faults with seed {chosen.seed}; {len(drawn) - len(left)} noticed before", flush=True)
    trials: dict[Fault, Trial] = {}
    for fault, trial in all_tried(left, chosen.processes, time.monotonic() + 60 * chosen.minutes):
        trials[fault] = trial
        print(f"{trial.outcome}: {fault.path}:{fault.start[0]} {fault.operator} {trial.by}", flush=True)
        if trial.outcome in ("noticed", "timed out"):
            noticed.add(keys[fault], f"{trial.outcome} {trial.by}")
    return report(drawn, trials, sum(keys[fault] in noticed.by for fault in drawn))


def report(drawn: list[Fault], trials: dict[Fault, Trial], noticed: int) -> int:
    """Print what nobody noticed, and the figure; 1 where it is too low."""
    for fault, trial in trials.items():
        if trial.outcome in ("unnoticed", "no test"):
            print(f"\n{trial.outcome}, {fault.function or fault.name}")
            print(fault.difference((ROOT / fault.path).read_text(encoding="utf-8")))
    unnoticed = sum(trial.outcome in ("unnoticed", "no test") for trial in trials.values())
    if rest := len(drawn) - noticed - unnoticed:
        print(f"\n{rest} of {len(drawn)} faults were not tried: run this again.")
    tested = noticed + unnoticed
    print(f"\nnoticed: {noticed} of {tested} faults, {noticed / max(tested, 1):.1%}")
    return int(noticed < WANTED * tested)


def all_tried(faults: list[Fault], processes: int, until: float) -> Iterator[tuple[Fault, Trial]]:
    """Try faults, some at once, each in a copy that no other uses meanwhile, until the clock says ``until``."""
    nearest = Nearest(ROOT, KEPT / "calls")
    with ExitStack() as stack:
        copies: SimpleQueue[Path] = SimpleQueue()
        for _ in range(processes):
            copies.put(stack.enter_context(scratch_copy(ROOT)))

        def one(fault: Fault) -> Trial | None:
            copy = copies.get()
            try:
                return in_rings(copy, fault, nearest) if time.monotonic() < until else None
            finally:
                copies.put(copy)

        pool = stack.enter_context(ThreadPoolExecutor(processes))
        for fault, trial in zip(faults, pool.map(one, faults), strict=True):
            if trial is not None:
                yield fault, trial


def in_rings(copy: Path, fault: Fault, nearest: Nearest) -> Trial:
    """Try the nearest tests on a fault, and those further out where they notice nothing."""
    first, second = nearest.rings(fault)
    trial = tried(copy, fault, first)
    if trial.outcome in ("noticed", "timed out") or not second:
        return trial
    return tried(copy, fault, second)


def key(fault: Fault, text: str) -> str:
    """What a fault is known by: its file, and the text with the fault."""
    return f"{fault.path} {hashlib.sha256(fault.spoilt(text).encode()).hexdigest()[:16]}"


class Noticed:
    """The faults that were noticed, by which test, kept in a file."""

    def __init__(self, path: Path, anew: bool) -> None:
        self.path = path
        self.by: dict[str, str] = {}
        if path.is_file() and not anew:
            self.by = json.loads(path.read_text(encoding="utf-8"))

    def add(self, fault: str, by: str) -> None:
        """Keep one more."""
        self.by[fault] = by
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(json.dumps(self.by, indent=1), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
