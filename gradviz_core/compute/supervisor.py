"""The pool: a bounded queue, some slots, and the choice of who serves what.

A free worker takes the job of the asker who has used the least time recently (``fair_queue.py``). A job that has run
for ``SLICE_S`` is stopped if somebody who has used less is waiting, and starts again at its next turn. That happens to
a job once: after that it gives way only to somebody who has used a whole deadline less, and with two or more workers
one is kept free of such jobs.

A *check* is a job of low priority. It starts only when there is nothing else to do, and is stopped before other work
starts.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from gradviz_core.compute.askers import Asker
from gradviz_core.compute.fair_queue import FairQueue
from gradviz_core.compute.protocol import Message, Status
from gradviz_core.compute.slot import STOPPED, Job, Slot, WorkerProcess
from gradviz_core.compute.worker import Plan
from gradviz_core.compute.worker_processes import worker_context
from gradviz_core.errors import Busy, DeadlineExceeded, GradVizError, ServiceStarting, WorkerDied

STOP_S = 4.0
"""Seconds after which a check that was told to stop, and has not, is ended with its process. On a machine with ten
times more to do than it has cores, one that hears well took two."""
SLICE_S = 5.0
"""Seconds that a job may run before it is stopped because somebody else waits."""
GRACE_S = 2.0
"""Seconds after which such a job is ended with its process, where it did not hear: somebody waits, but a new process
for uploads takes two seconds of a processor until it is ready."""
LEFT_S = 1.0
"""The same for a job that nobody waits for any more."""
LINGER_S = 0.5
"""Seconds that a worker waits for the next job of whom it has just served, before it takes one of somebody who has used
``SLICE_S`` more: a page asks several questions, one after the other."""

TEND_S = 0.1
"""Seconds between two looks at the queue that only the passing of time asks for."""


@dataclass(eq=False, slots=True)
class Run:
    """A job in the hands of a worker."""

    job: Job
    since: float
    stopping: bool = False


class Supervisor:
    """Answers jobs on ``workers`` processes, at most ``deadline_s`` seconds each, with ``queue`` more waiting."""

    def __init__(self, plan: Plan, *, workers: int, queue: int, deadline_s: float) -> None:
        """Nothing is started yet, and jobs may be submitted at once."""
        self._plan, self._limit, self._workers, self._deadline_s = plan, queue, workers, deadline_s
        self._queue = FairQueue(queue)
        self._lock = threading.RLock()
        self._slots: list[Slot] = []
        self._runs: dict[Slot, Run] = {}
        self._served: dict[Slot, tuple[Asker, float]] = {}
        """Whom a slot served last, and when that was over."""
        self._tended = 0.0
        self._closed = False
        self._checking: tuple[Slot, Job] | None = None
        """The check under way, and the slot that has it."""
        self._stopping: Slot | None = None
        """The slot whose check was told to stop; no job is given out until it is free."""

    def start(self) -> None:
        """Start the workers, where that was not done yet; they become ready one by one."""
        with self._lock:
            if not self._slots and not self._closed:
                start_process = partial(WorkerProcess, worker_context(self._plan), self._plan, "gradviz-worker")
                self._slots = [
                    Slot(start_process, self._deadline_s, self._when_over, self._when_free, self._when_down)
                    for _ in range(self._workers)
                ]

    def submit(self, job: Job) -> None:
        """Give the job to a worker, now or when one is free; ``job.done`` is set once it has its reply. The first job
        starts the workers. Where the queue is full, the latest job of whoever has the most in it is refused.

        Raises:
            Busy: that is this job.
        """
        self.start()
        self.stop_check()
        with self._lock:
            self._queue.put(job)
            self._assign()
            refused = self._queue.shorten(job)
        why = Busy(f"{self._limit} questions are already waiting, the limit here. Ask again in a moment.")
        if refused is job:
            raise why
        if refused is not None:
            refused.fail(why)

    def tend(self) -> None:
        """Give out jobs and stop some, as far as the time that has passed allows it. Whoever waits for a job calls this
        a few times a second."""
        now = time.monotonic()
        with self._lock:
            if now - self._tended < TEND_S:
                return
            self._tended = now
            self._assign()
            coming = sum(slot.free_since is None for slot in self._slots) - len(self._runs) + self._stops()
            for job in self._queue.in_order(now)[coming:]:
                if victim := self._heavier(job, now):
                    self._stop(*victim, GRACE_S)

    def check(self, job: Job) -> bool:
        """Begin a check; False, and nothing is begun, where there is anything else to do."""
        with self._lock:
            free = [slot for slot in self._slots if slot.free_since is not None]
            if not free or len(free) < len(self._slots) or self._queue:
                return False
            slot = _best(free, job)
            slot.free_since = None
            self._checking = (slot, job)
            slot.give(job)
            return True

    def stop_check(self, job: Job | None = None) -> None:
        """Stop the check that is under way, if there is one; only ``job``, where one is named."""
        with self._lock:
            if self._checking is None or self._stopping is not None or job not in (None, self._checking[1]):
                return
            slot, checked = self._checking
            self._stopping = slot
            slot.stop(checked)
        _later(STOP_S, partial(self._when_deaf, slot, checked))

    def withdraw(self, job: Job) -> bool:
        """Take a job back that still waits; False where a worker has it already."""
        with self._lock:
            return self._queue.remove(job)

    def drop(self, job: Job) -> None:
        """Nobody waits for the reply to this job any more: it leaves the queue, or is stopped."""
        with self._lock:
            job.dropped = True
            if self._queue.remove(job):
                return
            for slot, run in self._runs.items():
                if run.job is job and not run.stopping:
                    self._stop(slot, run, LEFT_S)

    def status(self) -> Status:
        """What the pool is doing."""
        with self._lock:
            ready = [process.ready for slot in self._slots if (process := slot.process)]
            worst = min(ready, key=lambda one: one.confined, default=None)
            free = sum(slot.free_since is not None for slot in self._slots)
            return Status(
                device=ready[0].device if ready else "",
                workers=self._workers,
                ready=len(ready),
                busy=max(0, len(ready) - free),
                queued=len(self._queue),
                threads=self._plan.threads,
                answered=sum(slot.served for slot in self._slots),
                pid=os.getpid(),
                confined=worst is None or worst.confined,
                confinement=worst.confinement if worst else "",
            )

    def close(self) -> None:
        """End every worker, whatever it is doing; jobs that wait fail."""
        with self._lock:
            jobs, self._closed = self._queue.clear(), True
        for job in jobs:
            job.fail(ServiceStarting("The compute service is shutting down. Ask again in a moment."))
        closers = [threading.Thread(target=slot.close) for slot in self._slots]
        for thread in closers:
            thread.start()
        for thread in closers:
            thread.join()

    def _assign(self) -> None:
        """Give waiting jobs to free slots, once no check is in the way. The lock is held."""
        while self._stopping is None and (match := self._match(now := time.monotonic())):
            slot, job = match
            slot.free_since = None
            self._queue.began(job, now)
            self._runs[slot] = Run(job, now)
            slot.give(job)

    def _match(self, now: float) -> tuple[Slot, Job] | None:
        """The next job that a free slot may take, and that slot."""
        free = [slot for slot in self._slots if slot.free_since is not None]
        for job in self._queue.in_order(now) if free else ():
            if not (job.anew and self._others_need_the_rest()):
                fitting = [slot for slot in free if not self._lingers(slot, job, now)]
                if fitting:
                    return _best(fitting, job), job
        return None

    def _others_need_the_rest(self) -> bool:
        """Whether jobs that began anew have as many workers as they may."""
        return sum(run.job.anew for run in self._runs.values()) >= max(1, self._workers - 1)

    def _lingers(self, slot: Slot, job: Job, now: float) -> bool:
        """Whether the slot waits for the next job of the asker it has just served, who has used far less."""
        if slot not in self._served:
            return False
        asker, since = self._served[slot]
        return now - since < LINGER_S and self._queue.lighter(asker, job.asker, SLICE_S, now)

    def _heavier(self, waiting: Job, now: float) -> tuple[Slot, Run] | None:
        """What is to stop so that ``waiting`` gets its turn: of the jobs that have run long enough, and whose askers
        have used more than who waits, that of whoever has used the most; rather one that was never stopped. One that
        began anew stops only for somebody who has used less by all that a job may take."""
        only_anew = waiting.anew and bool(self._others_need_the_rest() or self._stops())
        found = [
            ((not run.job.anew, self._queue.used(run.job.asker, now)), slot, run)
            for slot, run in self._runs.items()
            if not (run.stopping or run.job.leaving)
            and now - run.since >= SLICE_S
            and (run.job.anew or not only_anew)
            and self._queue.lighter(waiting.asker, run.job.asker, self._deadline_s if run.job.anew else 0.0, now)
        ]
        if not found:
            return None
        _, slot, run = max(found, key=lambda one: one[0])
        return slot, run

    def _stops(self) -> int:
        return sum(run.stopping for run in self._runs.values())

    def _stop(self, slot: Slot, run: Run, grace_s: float) -> None:
        """Have a job stopped, and its process ended where it has not heard by then; the lock is held."""
        run.stopping = True
        slot.stop(run.job)
        _later(grace_s, partial(self._when_run_is_deaf, slot, run))

    def _when_run_is_deaf(self, slot: Slot, run: Run) -> None:
        """It did not stop, being in the middle of one long operation: its process is ended."""
        with self._lock:
            if self._runs.get(slot) is run and not run.job.leaving:
                slot.end_work()

    def _when_over(self, slot: Slot, job: Job, outcome: Message | GradVizError) -> bool:
        """A worker has left a job. False where the job was stopped for others, and waits again."""
        with self._lock:
            run = self._runs.pop(slot, None)
            if run is None:
                return True  # a check
            now = time.monotonic()
            self._queue.ended(job, now, fine=self._deadline_s if isinstance(outcome, DeadlineExceeded) else 0.0)
            self._served[slot] = (job.asker, now)
            stopped = run.stopping and (outcome == STOPPED or isinstance(outcome, WorkerDied))
            if not stopped or job.dropped or self._closed:
                return True
            job.stopped, job.anew = False, True
            self._queue.put(job)
            self._assign()
            return False

    def _when_free(self, slot: Slot) -> None:
        with self._lock:
            slot.free_since = time.monotonic()
            if self._checking is not None and self._checking[0] is slot:
                self._checking = self._stopping = None
            self._assign()

    def _when_deaf(self, slot: Slot, job: Job) -> None:
        """A check that is in the middle of one long operation does not hear: its process is ended, and nobody waits."""
        with self._lock:
            if self._stopping is not slot or self._checking is None or self._checking[1] is not job:
                return
            self._checking = self._stopping = None
            slot.end_work()
            self._assign()

    def _when_down(self, why: ServiceStarting) -> None:
        """Nobody should wait for a pool in which no worker starts."""
        with self._lock:
            if any(slot.process is not None for slot in self._slots):
                return
            jobs = self._queue.clear()
        for job in jobs:
            job.fail(why)


def _later(seconds: float, call: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()


def _best(free: list[Slot], job: Job) -> Slot:
    """The slot that last served the same model and image, else the same model, else the one idle the longest, whose
    memory of recent models is missed least."""

    def rank(slot: Slot) -> tuple[bool, bool, float]:
        same = slot.subject is not None and slot.subject == job.subject
        same_model = slot.subject is not None and job.subject is not None and slot.subject[0] == job.subject[0]
        return same, same_model, -(slot.free_since or 0.0)

    return max(free, key=rank)
