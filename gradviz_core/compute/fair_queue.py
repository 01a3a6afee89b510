"""Whose turn it is in one pool: the jobs that wait, and what their askers have used. No clock is read here.

FairQueue go by address first, since a browser tab costs nothing to open, then by session: whoever has used the least of
late comes first, and of one session's jobs the one that came first.
"""

from __future__ import annotations

from collections import Counter

from gradviz_core.compute.askers import Asker
from gradviz_core.compute.ledger import Ledger
from gradviz_core.compute.slot import Job


class FairQueue:
    """A queue of at most ``limit`` jobs, and the accounts of those who ask."""

    def __init__(self, limit: int) -> None:
        """Nobody waits, and nobody has used anything."""
        self._limit = limit
        self._jobs: list[Job] = []
        self._ledger = Ledger()

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, job: Job) -> bool:
        return job in self._jobs

    def put(self, job: Job) -> None:
        """Let a job wait, however many do already."""
        self._jobs.append(job)

    def remove(self, job: Job) -> bool:
        """Let a job wait no longer; False where it does not."""
        if job not in self._jobs:
            return False
        self._jobs.remove(job)
        return True

    def clear(self) -> list[Job]:
        """Let nobody wait; returns those who did."""
        jobs, self._jobs = self._jobs, []
        return jobs

    def shorten(self, newcomer: Job) -> Job | None:
        """The job that leaves a queue that is too long, if it is: the latest of the session that has the most waiting,
        at the address that has the most. It is the newcomer where no other has more."""
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
        """Those who wait, the next one first."""
        use = {asker: self.used(asker, now) for asker in {job.asker for job in self._jobs}}
        return sorted(self._jobs, key=lambda job: use[job.asker])

    def used(self, asker: Asker, now: float) -> tuple[float, float]:
        """Seconds used of late at this asker's address, and by this session."""
        return self._ledger.used(asker.address, now), self._ledger.used(asker, now)

    def lighter(self, asker: Asker, than: Asker, by: float, now: float) -> bool:
        """Whether ``asker`` has used more than ``by`` seconds less than ``than``; sessions of one address are compared
        with each other. Nobody is lighter than themselves."""
        mine, theirs = self.used(asker, now), self.used(than, now)
        level = int(asker.address == than.address)
        return asker != than and mine[level] + by < theirs[level]

    def began(self, job: Job, now: float) -> None:
        """A worker takes the job: its time counts, and it waits no longer."""
        self._jobs.remove(job)
        for key in (job.asker.address, job.asker):
            self._ledger.begin(key, now)

    def ended(self, job: Job, now: float, fine: float = 0.0) -> None:
        """The worker has left it; ``fine`` seconds count on top."""
        for key in (job.asker.address, job.asker):
            self._ledger.end(key, now)
            self._ledger.charge(key, fine, now)
