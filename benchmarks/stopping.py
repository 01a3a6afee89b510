"""A sum of 1,024 terms that somebody stops: how soon its workers are free for others, and how much memory they took."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil  # type: ignore[import-untyped]

from benchmarks.attributions import KEY, LABEL, PHOTO
from benchmarks.service import service
from benchmarks.timing import Row
from gradviz_core.compute import rows as long_sums
from gradviz_core.compute.client import Client
from gradviz_core.errors import ComputeError
from gradviz_core.types import ClassScore, GradientQuestion

DRAWS = 1024
SHARE = 4
"""One stop for so many rounds that are asked for: each takes some three seconds."""
LATEST_S = 3.0
"""A part takes about two seconds, so the stop comes at any moment of one, or at the start of the next."""
GOAL_S = 1.0
QUESTION = GradientQuestion(
    model=KEY, image=PHOTO, target=ClassScore(LABEL), method="smoothgrad", options=(("draws", float(DRAWS)),)
)


def rows(rounds: int) -> Iterator[Row | str]:
    """The median and the longest of several stops, each at another moment of the sum: by the clock, and by what a
    worker still computes, which other work on the machine does not change."""
    moments = random.Random(0)
    with service(None) as client:
        first = client.ask(long_sums.Row(QUESTION, client.begin).first)
        before = _largest_memory(client)
        found = [_stopped(client, moments.uniform(0.1, LATEST_S)) for _ in range(max(8, rounds // SHARE))]
        after = _largest_memory(client)
    for by, seconds in (
        ("the clock", [one.clock_s for one in found]),
        ("processor time", [one.worker_s for one in found]),
    ):
        yield Row(f"{DRAWS:,} draws, from stop to free workers, by {by}", 1e3 * median(seconds))
        yield Row(
            f"... the longest of {len(found)} stops", 1e3 * max(seconds), max(seconds) / GOAL_S, "one second", 1.0
        )
    yield f"  {'largest memory of a worker: after one draw, after all':<58}{before:9.0f} MB {after:9.0f} MB"
    yield Row("... one draw, for comparison", first.receipt.milliseconds)


@dataclass(frozen=True, slots=True)
class _Stop:
    """From the stop until no worker computes."""

    clock_s: float
    worker_s: float
    """Processor time of the worker that computed longest."""


def _stopped(client: Client, after_s: float) -> _Stop:
    """A stop of a sum that has run for ``after_s``."""
    row = long_sums.Row(QUESTION, client.begin)
    row.begin(client.ask(row.first))
    taking = threading.Thread(target=_take, args=(row,))
    taking.start()
    time.sleep(after_s)
    assert client.status().busy, "it is under way"
    before, start = _computed(client), time.perf_counter()
    row.stop()
    while (now := client.status()).busy or now.queued:
        time.sleep(0.001)
    clock_s, after = time.perf_counter() - start, _computed(client)
    taking.join()
    return _Stop(clock_s, max(after[pid] - before[pid] for pid in before.keys() & after.keys()))


def _take(row: long_sums.Row) -> None:
    """Until it is stopped, as a page does."""
    while not row.stopped:
        with suppress(ComputeError):
            row.take()


def _computed(client: Client) -> dict[int, float]:
    """Processor time of each process of the service so far, in seconds."""
    return {process.pid: sum(process.cpu_times()[:2]) for process in _processes(client)}


def _largest_memory(client: Client) -> float:
    """Megabytes that one process of the service had at most so far."""
    return max(_peak(process.pid) for process in _processes(client))


def _processes(client: Client) -> list[psutil.Process]:
    return list(psutil.Process(client.status().pid).children(recursive=True))


def _peak(process: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) / 1e3 if found else 0.0
