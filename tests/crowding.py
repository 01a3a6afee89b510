"""How busy the machine is with other things: a promise in seconds is one for a machine that has nothing else to do."""

from __future__ import annotations

import time


def crowding(seconds: float = 0.4) -> float:
    """How many times longer than its processor time a computation takes: 1 where the machine has nothing else to do."""
    began, end = time.perf_counter(), time.thread_time() + seconds
    while time.thread_time() < end:
        sum(range(1000))
    return (time.perf_counter() - began) / seconds


def soon(seconds: float) -> float:
    """Twice so many seconds of an idle machine, as long as they are on this one now. The factor is for what comes in
    bursts: a process that starts waits for the disk too, and a crowd is not the same from one second to the next."""
    return 2 * seconds * max(1.0, crowding(0.1))
