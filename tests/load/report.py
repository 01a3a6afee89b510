"""What a load has shown, in numbers and in a verdict."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.load.people import Diary
from tests.load.running import Watch

HEALTH_S = 1.0
APP_MB = 500.0
FLAT = 0.1
"""Memory is flat where the straight line that fits its last half best rises by less than this part of its mean."""


@dataclass(frozen=True, slots=True)
class Report:
    """All that was found."""

    diary: Diary
    wrong: Sequence[str]
    watch: Watch
    seconds: float
    killed: int

    def complaints(self, *, memory: bool = True) -> list[str]:
        """What must hold, and does not. ``memory`` is whether it has to be flat, which only a long load can tell."""
        found = [f"wrong: {each}" for each in self.wrong]
        found += [f"lost: {each}" for each in self.diary.lost]
        found += [f"hang: {each}" for each in self.diary.hangs]
        if not self.diary.seen:
            found.append("nothing was asked")
        if self.watch.health_s > HEALTH_S:
            found.append(f"the health was waited for {self._health()}; the limit is {HEALTH_S:g} s")
        if self.watch.most_mb("app") > APP_MB:
            found.append(f"the app took {self.watch.most_mb('app'):.0f} MB; the limit is {APP_MB:g} MB")
        if memory:
            found += [
                f"the memory of the {what} rose by {100 * rise:.0f} % in the last half; the limit is {100 * FLAT:g} %"
                for what in ("app", "service")
                if (rise := self.rise(what)) > FLAT
            ]
        return found

    def rise(self, what: str) -> float:
        """How much the memory of ``what`` rose over the last half of the time, as part of its mean there: along the
        straight line that fits it best."""
        half = self.watch.memory[len(self.watch.memory) // 2 :]
        times, held = [time for time, _ in half], [now[what] for _, now in half]
        if len(half) < 3:
            return 0.0
        slope = statistics.linear_regression(times, held).slope
        return slope * (times[-1] - times[0]) / max(1.0, statistics.fmean(held))

    def lines(self) -> list[str]:
        """The report, as it is printed."""
        times = sorted(each.seconds for each in self.diary.seen) or [0.0]
        middle, most = (times[round(part * (len(times) - 1))] for part in (0.5, 0.95))
        said = Counter(sentence[:110] for sentence in self.diary.again)
        answers = len(self.diary.seen)
        return [
            f"{answers} answers in {self.seconds:.0f} s, {answers / self.seconds:.2f} a second",
            f"{len(self.wrong)} wrong, {len(self.diary.lost)} lost, {len(self.diary.hangs)} hangs",
            f"{self.killed} workers killed; asked again {len(self.diary.again)} times",
            *(f"  {count} times: {sentence}" for sentence, count in said.most_common(6)),
            f"honest sessions waited {middle:.2f} s (p50), {most:.2f} s (p95), {times[-1]:.2f} s (longest)",
            f"health answered within {self._health()}",
            *(self._memory(what) for what in ("app", "service", "worker")),
        ]

    def _health(self) -> str:
        crowded = f" on a machine {self.watch.crowding:.1f} times as slow for its other work"
        return f"{self.watch.slowest_s:.2f} s{crowded if self.watch.crowding > 1.2 else ''}"

    def _memory(self, what: str) -> str:
        held = [now[what] for _, now in self.watch.memory]
        tenths = " ".join(f"{held[round(i * (len(held) - 1) / 10)]:.0f}" for i in range(11))
        name = "the largest worker" if what == "worker" else f"the {what}"
        return f"MB of {name} over time: {tenths}; most {max(held):.0f}; last half {100 * self.rise(what):+.1f} %"
