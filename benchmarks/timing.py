"""Timing several ways of doing something side by side, so that a busy machine slows all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

Run = Callable[[], float | None]
"""Does its work once; may return the seconds itself, where it knows better than a clock outside."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    milliseconds: float
    ratio: float | None = None
    """Median of this divided by that, round by round."""
    to: str = ""
    """What the ratio is to."""
    goal: float | None = None

    def __str__(self) -> str:
        """The line as printed."""
        ratio = "" if self.ratio is None else f"{self.ratio:6.2f} x {self.to}"
        goal = "" if self.goal is None else f"   (goal: at most {self.goal:g})"
        return f"  {self.what:<58}{self.milliseconds:9.1f} ms  {ratio}{goal}"


def interleaved(runs: Mapping[str, Run], rounds: int, warm_up: int = 3) -> dict[str, list[float]]:
    """Seconds that each run took in each round; in a round every run has its turn."""
    for _ in range(warm_up):
        for run in runs.values():
            run()
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            told = run()
            found[name].append(time.perf_counter() - start if told is None else told)
    return found


def row(found: Mapping[str, list[float]], what: str, to: str | None = None, goal: float | None = None) -> Row:
    """The line for one of the runs, as a ratio to another."""
    milliseconds = 1e3 * median(found[what])
    if to is None:
        return Row(what, milliseconds)
    ratio = median(mine / other for mine, other in zip(found[what], found[to], strict=True))
    return Row(what, milliseconds, ratio, to, goal)
