"""The pool: a bounded queue, some seats, and the choice of who serves what.

A *check* is a job of low priority. It begins only where nothing else is to be done; and before anything else is begun,
it is stopped.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from collections import deque
from functools import partial
from multiprocessing.context import BaseContext
from pathlib import Path

from gradviz_core.compute.protocol import Status
from gradviz_core.compute.seat import Job, Occupant, Seat
from gradviz_core.compute.worker import Plan
from gradviz_core.errors import Busy, ServiceStarting

STOP_S = 4.0
"""Seconds after which a check that was told to stop, and has not, is ended with its process. On a machine with ten
times more to do than it has cores, one that hears well took two."""


class Supervisor:
    """Answers jobs on ``workers`` processes, at most ``deadline_s`` seconds each, with ``queue`` more waiting."""

    def __init__(self, plan: Plan, *, workers: int, queue: int, deadline_s: float) -> None:
        """Nothing is started yet, and jobs may be submitted at once."""
        self._plan, self._limit, self._workers, self._deadline_s = plan, queue, workers, deadline_s
        self._waiting: deque[Job] = deque()
        self._lock = threading.RLock()
        self._seats: list[Seat] = []
        self._closed = False
        self._checking: tuple[Seat, Job] | None = None
        """The check under way, and the seat that has it."""
        self._stopping: Seat | None = None
        """The seat whose check was told to stop; no job is given out until it is free."""

    def start(self) -> None:
        """Start the workers, where that was not done yet; they become ready one by one."""
        with self._lock:
            if not self._seats and not self._closed:
                hire = partial(Occupant, worker_context(self._plan), self._plan, "gradviz-worker")
                self._seats = [
                    Seat(hire, self._deadline_s, self._when_free, self._when_down) for _ in range(self._workers)
                ]

    def submit(self, job: Job) -> None:
        """Give the job to a worker, now or when one is free; ``job.done`` is set once it has its reply. The first job
        starts the workers.

        Raises:
            Busy: the queue is full.
        """
        self.start()
        self.hush()
        with self._lock:
            self._waiting.append(job)
            self._assign()
            if len(self._waiting) > self._limit:
                self._waiting.remove(job)
                raise Busy(
                    f"{self._limit} questions are waiting already, which is the limit here. Ask again in a moment."
                )

    def check(self, job: Job) -> bool:
        """Begin a check; False, and nothing is begun, where there is anything else to do."""
        with self._lock:
            free = [seat for seat in self._seats if seat.free_since is not None]
            if not free or len(free) < len(self._seats) or self._waiting:
                return False
            seat = _best(free, job)
            seat.free_since = None
            self._checking = (seat, job)
            seat.give(job)
            return True

    def hush(self, job: Job | None = None) -> None:
        """Stop the check that is under way, if there is one; only ``job``, where one is named."""
        with self._lock:
            if self._checking is None or self._stopping is not None or job not in (None, self._checking[1]):
                return
            seat, checked = self._checking
            self._stopping = seat
            seat.stop(checked)
        timer = threading.Timer(STOP_S, self._when_deaf, (seat, checked))
        timer.daemon = True
        timer.start()

    def withdraw(self, job: Job) -> bool:
        """Take a job back that still waits; False where a worker has it already."""
        with self._lock:
            if job not in self._waiting:
                return False
            self._waiting.remove(job)
            return True

    def status(self) -> Status:
        """What the pool is doing."""
        with self._lock:
            ready = [occupant.ready for seat in self._seats if (occupant := seat.occupant)]
            worst = min(ready, key=lambda one: one.confined, default=None)
            free = sum(seat.free_since is not None for seat in self._seats)
            return Status(
                device=ready[0].device if ready else "",
                workers=self._workers,
                ready=len(ready),
                busy=max(0, len(ready) - free),
                queued=len(self._waiting),
                threads=self._plan.threads,
                answered=sum(seat.served for seat in self._seats),
                pid=os.getpid(),
                confined=worst is None or worst.confined,
                confinement=worst.confinement if worst else "",
            )

    def close(self) -> None:
        """End every worker, whatever it is doing; jobs that wait fail."""
        with self._lock:
            jobs, self._limit, self._closed = list(self._waiting), 0, True
            self._waiting.clear()
        for job in jobs:
            job.fail(ServiceStarting("The compute service is closing. Ask again in a moment."))
        closers = [threading.Thread(target=seat.close) for seat in self._seats]
        for thread in closers:
            thread.start()
        for thread in closers:
            thread.join()

    def _assign(self) -> None:
        """Give waiting jobs to free seats, first come first served, once no check is in the way. The lock is held."""
        while (
            self._waiting
            and self._stopping is None
            and (free := [seat for seat in self._seats if seat.free_since is not None])
        ):
            job = self._waiting.popleft()
            seat = _best(free, job)
            seat.free_since = None
            seat.give(job)

    def _when_free(self, seat: Seat) -> None:
        with self._lock:
            seat.free_since = time.monotonic()
            if self._checking is not None and self._checking[0] is seat:
                self._checking = self._stopping = None
            self._assign()

    def _when_deaf(self, seat: Seat, job: Job) -> None:
        """A check that is in the middle of one long operation does not hear: its process is ended, and nobody waits."""
        with self._lock:
            if self._stopping is not seat or self._checking is None or self._checking[1] is not job:
                return
            self._checking = self._stopping = None
            seat.end_work()
            self._assign()

    def _when_down(self, why: ServiceStarting) -> None:
        """Nobody should wait for a pool in which no worker starts."""
        with self._lock:
            if any(seat.occupant is not None for seat in self._seats):
                return
            jobs = list(self._waiting)
            self._waiting.clear()
        for job in jobs:
            job.fail(why)


def _best(free: list[Seat], job: Job) -> Seat:
    """The seat that last served the same model and image, else the same model, else the one idle the longest, whose
    memory of recent models is missed least."""

    def rank(seat: Seat) -> tuple[bool, bool, float]:
        same = seat.subject is not None and seat.subject == job.subject
        same_model = seat.subject is not None and job.subject is not None and seat.subject[0] == job.subject[0]
        return same, same_model, -(seat.free_since or 0.0)

    return max(free, key=rank)


# ------------------------------------------------------------------------------------------------ how a worker starts


def worker_context(plan: Plan) -> BaseContext:
    """How worker processes are started: forked from a server that has imported everything, which takes milliseconds;
    or from nothing, where there is no such server and where a GPU may be used, since CUDA does not survive a fork."""
    if may_use_gpu(plan.device) or "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([plan.answerer.partition(":")[0], "gradviz_core.compute.worker"])
    return context


def may_use_gpu(device: str | None) -> bool:
    """Whether a worker told to use ``device`` (None: choose) may use a GPU; found out without touching one."""
    if device is not None:
        return device != "cpu"
    return sys.platform == "darwin" or Path("/dev/nvidiactl").exists() or Path("/dev/kfd").exists()
