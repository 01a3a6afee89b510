"""When a check runs: once all pools have been idle for a moment, one at a time, first that of the asker who used the
least time recently. It is stopped before other work starts in any pool, and starts again when they are idle again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection

from gradviz_core.compute.fair_queue import FairQueue
from gradviz_core.compute.protocol import Message
from gradviz_core.compute.slot import Job
from gradviz_core.compute.supervisor import Supervisor
from gradviz_core.errors import Busy, DeadlineExceeded

GLANCE_S = 0.25
"""How often it is checked whether a waiting client is still connected."""
REST_S = 0.5
"""No check starts sooner after a click or a question, because a page asks several questions in a row."""


class Checking:
    """The checks of all pools."""

    def __init__(self, pools: Sequence[Supervisor], *, patience_s: float, limit_s: float) -> None:
        """A check waits for ``patience_s`` and takes ``limit_s`` at most, each time that it begins."""
        self._pools, self._patience_s, self._limit_s = pools, patience_s, limit_s
        self._beginning = threading.Lock()
        """Held while a check begins, so that there is one in all."""
        self._queue = FairQueue(0)
        self._silent_until = 0.0
        """No check begins before this moment."""

    def stop_check(self) -> None:
        """Stop the check that is under way, and let none begin for a moment."""
        self._silent_until = time.monotonic() + REST_S
        for pool in self._pools:
            pool.stop_check()

    def check(self, connection: Connection, pool: Supervisor, wanted: Job) -> Message | None:
        """The reply, once all is quiet, and as often as it takes; None where nobody waits for it any more.

        Raises:
            Busy: there was always something else to do.
            DeadlineExceeded: it takes too long.
        """
        end = time.monotonic() + self._patience_s
        while time.monotonic() < end:
            job = Job("check", wanted.body, wanted.subject, asker=wanted.asker)
            with self._beginning:
                self._queue.put(job)
            try:
                begun = self._begin(connection, pool, job, end)
            finally:
                with self._beginning:
                    self._queue.remove(job)
            if begun is None:
                return None
            if begun:
                reply = self._watch(connection, pool, job)
                if reply is None or reply[0] != "stopped":
                    return reply
        raise Busy("Other questions kept coming first, so the gradient was not checked.")

    def _begin(self, connection: Connection, pool: Supervisor, job: Job, end: float) -> bool | None:
        """Wait until the check has begun; False where it has not by ``end``, None where nobody waits for it any
        more."""
        while time.monotonic() < end:
            with self._beginning:
                if self._may_begin(pool, job) and pool.check(job):
                    self._queue.began(job, time.monotonic())
                    return True
            if connection.poll(GLANCE_S):  # nothing is due from a client that waits: it hung up
                return None
        return False

    def _may_begin(self, pool: Supervisor, job: Job) -> bool:
        now = time.monotonic()
        quiet = now > self._silent_until and all(_is_quiet(other) for other in self._pools if other is not pool)
        return quiet and self._queue.in_order(now)[0] is job

    def _watch(self, connection: Connection, pool: Supervisor, job: Job) -> Message | None:
        """The reply to a check that has begun, ``stopped`` among them; None where nobody waits for it any more. One
        that takes too long is left, for a worker that runs into its deadline is ended with all that it remembers."""
        begun = time.monotonic()
        try:
            while not job.done.wait(GLANCE_S):
                if connection.poll():
                    pool.stop_check(job)
                    return None
                if time.monotonic() - begun > self._limit_s:
                    pool.stop_check(job)
                    raise DeadlineExceeded(
                        f"Checking the gradient takes longer than {self._limit_s:g} s, the limit here, so the check "
                        "was stopped. In a notebook, gv.prove has no such limit."
                    )
            return job.reply
        finally:
            with self._beginning:
                self._queue.ended(job, time.monotonic())


def _is_quiet(pool: Supervisor) -> bool:
    now = pool.status()
    return not (now.busy or now.queued)
