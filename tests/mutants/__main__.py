"""Do the tests notice small faults in the code? ``make mutants``

    python -m tests.mutants --seed 1 --count 200       200 faults, one at a time, each against its nearest tests
    python -m tests.mutants --seed 1 --minutes 5       for five minutes; the next run goes on with what was not tried
    python -m tests.mutants --seed 1 --near            the nearest tests alone, for a quick look

Faults are cosmic-ray's (tests/mutants/faults.py says which), drawn at random from all places in the sources, and
written into a scratch copy of the repository. A fault is noticed when a test fails or does not end. The program lists
the others, and ends with 1 where they are more than a tenth. What came of each is kept in .mutants/trials.json: a
second run tries what is new, then what was not noticed before. ``--anew`` tries all again.
"""

# ruff: noqa: T201 - this is a program

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue

from tests.mutants.faults import Fault, sample
from tests.mutants.nearest import Nearest, Timed
from tests.mutants.trial import NOTICED, Trial, Trials, scratch_copy

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
    parser.add_argument("--near", action="store_true", help="no more than the nearest tests")
    parser.add_argument("--anew", action="store_true", help="forget earlier trials")
    chosen = parser.parse_args()
    kept = Kept(KEPT / "trials.json", chosen.anew)
    drawn = {fault: key(fault) for fault in sample(ROOT, chosen.count, chosen.seed)}
    open_ = [fault for fault in drawn if not kept.noticed(drawn[fault])]
    print(f"{len(drawn)} faults with seed {chosen.seed}, {len(drawn) - len(open_)} of them noticed before", flush=True)
    left = sorted(open_, key=lambda fault: drawn[fault] in kept.trials)
    rings = 1 if chosen.near else 2
    for fault, trial in all_tried(left, chosen.processes, rings, time.monotonic() + 60 * chosen.minutes):
        kept.add(drawn[fault], trial)
        print(f"{trial.outcome}: {fault.path}:{fault.start[0]} {fault.operator} {trial.by}", flush=True)
    if all(one in kept.trials for one in drawn.values()):
        drop_unsound(drawn, kept)
    return report(drawn, kept)


def drop_unsound(drawn: dict[Fault, str], kept: Kept) -> None:
    """Forget the trials in which a test failed that fails without the fault too."""
    by = {one: kept.trials[one].by for one in drawn.values() if kept.trials[one].outcome == "noticed"}
    with scratch_copy(ROOT) as copy, Trials(copy) as trials:
        unsound = set(by.values()) - trials.sound(sorted(set(by.values())))
    for one in [one for one in by if by[one] in unsound]:
        print(f"{by[one]} fails without a fault too.", flush=True)
        del kept.trials[one]


def report(drawn: dict[Fault, str], kept: Kept) -> int:
    """Print what was not noticed, and the figure; 1 where it is too low."""
    tested = [fault for fault in sorted(drawn) if drawn[fault] in kept.trials]
    unnoticed = [fault for fault in tested if not kept.noticed(drawn[fault])]
    for fault in unnoticed:
        print(f"\n{kept.trials[drawn[fault]].outcome}, {fault.function or fault.name}")
        print(fault.difference((ROOT / fault.path).read_text(encoding="utf-8")))
    if rest := len(drawn) - len(tested):
        print(f"\n{rest} of {len(drawn)} faults were not tried: run this again.")
    noticed = len(tested) - len(unnoticed)
    print(f"\nnoticed: {noticed} of {len(tested)} faults, {noticed / max(len(tested), 1):.1%}")
    return int(noticed < WANTED * len(tested))


def all_tried(faults: list[Fault], processes: int, rings: int, until: float) -> Iterator[tuple[Fault, Trial]]:
    """Try faults, some at once, each in a copy that no other uses meanwhile, until the clock says ``until``."""
    nearest = Nearest(ROOT, KEPT / "calls")
    with ExitStack() as stack:
        free: SimpleQueue[Trials] = SimpleQueue()
        for _ in range(processes):
            free.put(stack.enter_context(Trials(stack.enter_context(scratch_copy(ROOT)))))

        def one(fault: Fault) -> Trial | None:
            trials = free.get()
            try:
                return in_rings(trials, fault, nearest.rings(fault)[:rings]) if time.monotonic() < until else None
            finally:
                free.put(trials)

        pool = stack.enter_context(ThreadPoolExecutor(processes))
        for fault, trial in zip(faults, pool.map(one, faults), strict=True):
            if trial is not None:
                yield fault, trial


def in_rings(trials: Trials, fault: Fault, rings: Sequence[list[Timed]]) -> Trial:
    """Try the nearest tests on a fault, and those further out where they notice nothing."""
    trial = Trial("no test")
    for tests in rings:
        if tests and trial.outcome not in NOTICED:
            trial = trials.tried(fault, tests)
    return trial


def key(fault: Fault) -> str:
    """What a fault is known by: its file, and the text with the fault."""
    spoilt = fault.spoilt((ROOT / fault.path).read_text(encoding="utf-8"))
    return f"{fault.path} {hashlib.sha256(spoilt.encode()).hexdigest()[:16]}"


class Kept:
    """What came of each trial, kept in a file."""

    def __init__(self, path: Path, anew: bool) -> None:
        self.path = path
        self.trials: dict[str, Trial] = {}
        if path.is_file() and not anew:
            self.trials = {name: Trial(*fields) for name, fields in json.loads(path.read_text("utf-8")).items()}

    def noticed(self, fault: str) -> bool:
        """Whether a test noticed the fault."""
        return fault in self.trials and self.trials[fault].outcome in NOTICED

    def add(self, fault: str, trial: Trial) -> None:
        """Keep one more."""
        self.trials[fault] = trial
        self.path.parent.mkdir(exist_ok=True)
        fields = {name: (kept.outcome, kept.by) for name, kept in self.trials.items()}
        self.path.write_text(json.dumps(fields, indent=1), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
