"""The short form of ``make load``: some people, three hostile ones, a worker killed every few seconds."""

from __future__ import annotations

import statistics
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.load.crowd import Crowd, load
from tests.load.people import Diary, Seen
from tests.load.report import Report
from tests.load.running import Watch


@pytest.mark.alone
@pytest.mark.timeout(900)
def test_a_minute_of_many_people_with_three_hostile_ones(tmp_path: Path) -> None:
    """Nothing wrong, nothing lost, no hang, and the app says throughout that it is well."""
    report = load(tmp_path, Crowd(seconds=12, people=10, pause_s=(2, 4), kill_every_s=3))
    said = "\n".join([*report.lines(), *report.complaints(memory=False)])
    assert report.complaints(memory=False) == [], said
    assert len(report.diary.seen) > 10, said
    assert report.killed >= 3, said


def _report(
    diary: Diary, *, wrong: list[str] | None = None, app: list[float] | None = None, health: float = 0.2
) -> Report:
    held = app or [200.0] * 20
    memory = [(float(second), {"app": mb, "service": 60.0, "worker": 500.0}) for second, mb in enumerate(held)]
    watch = SimpleNamespace(
        health_s=health,
        slowest_s=health,
        crowding=1.0,
        memory=memory,
        most_mb=lambda what: max(h[what] for _, h in memory),
    )
    return Report(diary, wrong or [], cast(Watch, watch), 20.0, 2)


SEEN = Seen("saliency", (), b"charts", (), 1.0)


@pytest.mark.parametrize(
    ("report", "complaint"),
    [
        (_report(Diary([SEEN]), wrong=["saliency"]), "wrong: saliency"),
        (_report(Diary([SEEN], lost=["neurons"])), "lost: neurons"),
        (_report(Diary([SEEN], hangs=["jacobian"])), "hang: jacobian"),
        (_report(Diary()), "nothing was asked"),
        (_report(Diary([SEEN]), health=1.2), "health"),
        (_report(Diary([SEEN]), app=[501.0] * 20), "501 MB"),
        (_report(Diary([SEEN]), app=[200.0] * 10 + [200.0 + 10 * second for second in range(10)]), "rose by 37 %"),
    ],
)
def test_each_thing_that_must_hold_is_complained_of(report: Report, complaint: str) -> None:
    """The last: 90 MB along a line through the last ten looks, whose mean is 245 MB."""
    (said,) = report.complaints()
    assert complaint in said


def test_a_load_in_which_all_holds_is_not_complained_of() -> None:
    waves = [200.0 + 5 * (second % 3) for second in range(30)]
    report = _report(Diary([SEEN] * 20), app=waves)
    assert report.complaints() == []
    assert "1.00 s (p95)" in "\n".join(report.lines())
    assert statistics.fmean(waves) < 500


def test_times_are_sorted_before_a_share_of_them_is_taken() -> None:
    times = [Seen("saliency", (), b"charts", (), seconds) for seconds in (9.0, *map(float, range(1, 100)), 0.5)]
    said = "\n".join(_report(Diary(times)).lines())
    assert "49.00 s (p50), 94.00 s (p95), 99.00 s (longest)" in said
