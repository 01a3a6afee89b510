"""Processes of this machine that compute shards, each on one thread; one that dies is replaced, its shard done again.

A worker reads the folder by itself. It receives the numbers of a shard, and reports how many images it has finished and
when the shard is written, as lines of JSON: nothing is pickled between the two.
"""

from __future__ import annotations

import json
import multiprocessing
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from gradviz_core.batch import folder as folders
from gradviz_core.batch import plan as plans
from gradviz_core.batch import setup as setups
from gradviz_core.batch.one_shard import Computed, Row
from gradviz_core.batch.shards import Shard

TRIES = 3
"""How often a shard is begun, at most, where its process dies."""
DIED = (
    "The process that computed this image's shard ended {tries} times, as it does when the machine has too little "
    "memory. Delete the folder's {file} and run the same command with --workers 1."
)
_SPAWN = multiprocessing.get_context("spawn")


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    line: Connection
    shard: Shard | None = None


@dataclass(slots=True)
class Workers:
    """A number of processes that compute the shards of a folder."""

    folder: Path
    count: int
    images_done: Callable[[int], None]
    """Told of so many more images; less than 0 where a shard is begun again."""
    shard_done: Callable[[Shard], None]
    _running: list[_Worker] = field(default_factory=list)
    _ended: Counter[Shard] = field(default_factory=Counter)
    _behind: Counter[Shard] = field(default_factory=Counter)

    def run(self, shards: Iterable[Shard]) -> None:
        """Compute all of these; ends the processes on the way out, whatever happens."""
        waiting = deque(shards)
        try:
            for _ in range(min(self.count, len(waiting))):
                self._running.append(self._started())
            while waiting or any(worker.shard for worker in self._running):
                for worker in self._running:
                    if worker.shard is None and waiting:
                        worker.shard = waiting.popleft()
                        with suppress(OSError):  # it died: its line says so
                            worker.line.send_bytes(json.dumps(_numbers(worker.shard)).encode())
                self._listen(waiting)
        finally:
            for worker in self._running:
                worker.process.kill()
                worker.process.join()
                worker.line.close()
            self._running.clear()

    def _started(self) -> _Worker:
        here, there = _SPAWN.Pipe()
        process = _SPAWN.Process(target=work, args=(str(self.folder), there), daemon=True)
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent alone
        try:
            process.start()
        finally:
            signal.signal(signal.SIGINT, before)
        there.close()
        return _Worker(process, here)

    def _listen(self, waiting: deque[Shard]) -> None:
        for line in wait([worker.line for worker in self._running]):
            worker = next(one for one in self._running if one.line is line)
            try:
                said = json.loads(worker.line.recv_bytes())
            except (EOFError, OSError):
                self._replace(worker, waiting)
                continue
            shard = worker.shard
            assert shard is not None
            if said == "done":
                worker.shard = None
                self.shard_done(shard)
            else:
                self._behind[shard] += said
                self.images_done(said)

    def _replace(self, worker: _Worker, waiting: deque[Shard]) -> None:
        worker.process.join()
        worker.line.close()
        self._running.remove(worker)
        if (shard := worker.shard) is not None:
            self._ended[shard] += 1
            self.images_done(-self._behind.pop(shard, 0))
            if self._ended[shard] < TRIES:
                waiting.appendleft(shard)
            else:
                self._give_up(shard)
        if waiting or any(one.shard for one in self._running):
            self._running.append(self._started())

    def _give_up(self, shard: Shard) -> None:
        """Rows that say what happened, and maps that are not there."""
        setup, planned = setups.load(self.folder), plans.load(self.folder).at_positions()
        assert setup is not None
        file = f"rows/{setup.asked[shard.asked].name}/{shard.number:06}.parquet"
        rows = [
            Row(
                position,
                planned[position].sha256 if position in planned else "",
                error=DIED.format(tries=TRIES, file=file),
            )
            for position in range(shard.first, shard.last)
        ]
        folders.write(self.folder, setup, shard, Computed(rows, {}), {"ended": TRIES})
        self.images_done(shard.last - shard.first)
        self.shard_done(shard)


def work(folder: str, line: Connection) -> None:
    """What a worker process does: one shard after the other, until the line ends."""
    from gradviz_core.answering import Answerer
    from gradviz_core.batch import beginning, one_shard
    from gradviz_core.settings import settings

    beginning.use_one_thread()
    setup = setups.load(Path(folder))
    assert setup is not None
    planned = plans.load(Path(folder)).at_positions()
    for asked in setup.asked:
        if asked.model.file:
            beginning.lend(asked.model)
    answerer = Answerer(settings().device, remember=False)
    by = beginning.made_by(answerer)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # nobody waits for it any more
        while True:
            shard = Shard(*json.loads(line.recv_bytes()))
            made = one_shard.compute(
                setup.asked[shard.asked], shard, planned, answerer, lambda done: line.send_bytes(str(done).encode())
            )
            folders.write(Path(folder), setup, shard, made, by)
            line.send_bytes(b'"done"')


def _numbers(shard: Shard) -> tuple[int, int, int, int]:
    return shard.asked, shard.number, shard.first, shard.last
