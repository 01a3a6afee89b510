"""The queue of one pool: the jobs that wait, and how much worker time their askers have used. No clock is read here.

Jobs are ordered by address first, since a browser tab costs nothing to open, then by session: the one that has used the
least time recently comes first. The jobs of one session keep their order.
"""

from __future__ import annotations

from collections import Counter

from gradviz_core.compute.askers import Asker
from gradviz_core.compute.ledger import Ledger
from gradviz_core.compute.slot import Job


class FairQueue:
    """A queue of at most ``limit`` jobs, with the recent use of each asker."""

    def __init__(self, limit: int) -> None:
        """An empty queue; nobody has used anything."""
        self._limit = limit
        self._jobs: list[Job] = []
        self._ledger = Ledger()

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, job: Job) -> bool:
        return job in self._jobs

    def put(self, job: Job) -> None:
        """Add a job, even beyond the limit."""
        self._jobs.append(job)

    def remove(self, job: Job) -> bool:
        """Remove a job; False if it is not in the queue."""
        if job not in self._jobs:
            return False
        self._jobs.remove(job)
        return True

    def clear(self) -> list[Job]:
        """Empty the queue; returns the jobs that were in it."""
        jobs, self._jobs = self._jobs, []
        return jobs

    def shorten(self, newcomer: Job) -> Job | None:
        """If the queue is too long, remove a job and return it: the latest of the session with the most waiting jobs,
        at the address with the most. It is ``newcomer`` itself if no other has more."""
        if len(self._jobs) <= self._limit:
            return None
        at_address = Counter(job.asker.address for job in self._jobs)
        of_asker = Counter(job.asker for job in self._jobs)

        def greed(numbered: tuple[int, Job]) -> tuple[int, bool, int, bool, int]:
            place, job = numbered
            asker = job.asker
            return (
                at_address[asker.address],
                asker.address == newcomer.asker.address,
                of_asker[asker],
                asker == newcomer.asker,
                place,
            )

        _, leaving = max(enumerate(self._jobs), key=greed)
        self._jobs.remove(leaving)
        return leaving

    def in_order(self, now: float) -> list[Job]:
        """The waiting jobs, the next one first."""
        use = {asker: self.used(asker, now) for asker in {job.asker for job in self._jobs}}
        return sorted(self._jobs, key=lambda job: use[job.asker])

    def used(self, asker: Asker, now: float) -> tuple[float, float]:
        """Seconds used recently by this asker's address, and by its session."""
        return self._ledger.used(asker.address, now), self._ledger.used(asker, now)

    def lighter(self, asker: Asker, than: Asker, by: float, now: float) -> bool:
        """Whether ``asker`` has used more than ``by`` seconds less than ``than``; sessions of one address are compared
        with each other. Nobody is lighter than themselves."""
        mine, theirs = self.used(asker, now), self.used(than, now)
        level = int(asker.address == than.address)
        return asker != than and mine[level] + by < theirs[level]

    def began(self, job: Job, now: float) -> None:
        """A worker has taken the job: it leaves the queue, and its time counts."""
        self._jobs.remove(job)
        for key in (job.asker.address, job.asker):
            self._ledger.begin(key, now)

    def ended(self, job: Job, now: float, fine: float = 0.0) -> None:
        """The job is over; ``fine`` more seconds are charged."""
        for key in (job.asker.address, job.asker):
            self._ledger.end(key, now)
            self._ledger.charge(key, fine, now)
