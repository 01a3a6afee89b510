"""One slot of the pool, with a worker that is made up, so that it fails in ways that are hard to bring about."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from gradviz_core.compute.protocol import Message
from gradviz_core.compute.slot import Job, Slot, Unread, WorkerProcess
from gradviz_core.compute.worker import Plan
from gradviz_core.errors import ComputeError, DeadlineExceeded, GradVizError, ServiceStarting, WorkerDied
from gradviz_core.text.codec import error_from_json
from tests.compute.conftest import FAKES, until

DONE: Message = ("ok", b"done")


class MadeUp(WorkerProcess):
    """Has no process; fails with ``error`` when it works, or was dead all along."""

    def __init__(self, error: Exception | None = None, *, alive: bool = True) -> None:
        self.device, self.error, self.ended, self._lives = "cpu", error, False, alive

    @property
    def alive(self) -> bool:
        return self._lives

    def work(self, job: Job, deadline_s: float) -> Message:
        if self.error is not None:
            raise self.error
        return DONE

    def kill(self) -> None:
        self._lives = False

    def end(self) -> str:
        self.ended, self._lives = True, False
        return "exit code 0"


@contextmanager
def slot_with(*workers: WorkerProcess | Exception) -> Iterator[Callable[..., Message]]:
    """A slot that takes these workers, one after the other; an error among them is one that does not start, and so is
    whatever comes after the last. Yields what asks: it waits until the slot is free, gives it a job and waits again."""
    left, free = list(workers), list[Slot]()

    def start_process() -> WorkerProcess:
        worker = left.pop(0) if left else OSError("none is left")
        if isinstance(worker, Exception):
            raise worker
        return worker

    def ask(job: Job | None = None) -> Message:
        assert until(lambda: free), "the slot is gone"
        free.clear()
        job = job or Job("ask", b"")
        slot.give(job)
        assert job.done.wait(30), "the job is never done"
        return job.reply

    slot = Slot(start_process, 0.2, lambda *_: True, free.append, lambda _: None)
    try:
        yield ask
    finally:
        slot.close()


def failed(reply: Message) -> GradVizError:
    """The error in a reply."""
    assert reply[0] == "error"
    return error_from_json(reply[1])


def test_a_question_fails_where_the_worker_died_idle_and_no_other_starts() -> None:
    with slot_with(MadeUp(alive=False), *[OSError("no memory")] * 3, MadeUp()) as ask:
        error = failed(ask())
        assert type(error) is ServiceStarting
        assert "The compute service cannot start a worker" in str(error)
        assert ask() == DONE  # it is tried again, and some day it works


def test_a_question_goes_to_a_new_worker_where_the_old_one_died_idle() -> None:
    with slot_with(MadeUp(alive=False), MadeUp()) as ask:
        assert ask() == DONE


@pytest.mark.parametrize("unexpected", [MemoryError(), RuntimeError("can't start new thread"), KeyError("x")], ids=repr)
def test_a_slot_outlives_whatever_goes_wrong_at_it(unexpected: Exception) -> None:
    first = MadeUp(unexpected)
    with slot_with(first, MadeUp()) as ask:
        error = failed(ask())
        assert type(error) is ComputeError
        assert "Something went wrong inside GradViz" in str(error)
        assert ask() == DONE
        assert first.ended


def test_a_worker_that_cannot_start_for_want_of_memory_is_tried_again() -> None:
    with slot_with(MemoryError(), MadeUp()) as ask:
        assert ask() == DONE


def test_a_question_that_was_never_read_is_put_once_more_and_only_once() -> None:
    with slot_with(MadeUp(Unread("gone")), MadeUp(), MadeUp(Unread("gone"))) as ask:
        assert ask() == DONE
    with slot_with(MadeUp(Unread("gone")), MadeUp(Unread("gone again")), MadeUp()) as ask:
        assert str(failed(ask())) == "gone again"
        assert ask() == DONE


def test_a_question_that_was_read_is_never_put_again() -> None:
    with slot_with(MadeUp(WorkerDied("in the middle")), MadeUp()) as ask:
        assert type(failed(ask())) is WorkerDied
        assert ask() == DONE


@pytest.mark.parametrize(
    ("word", "sentence"), [("ask", "The question took longer"), ("upload-model", "Reading the file")]
)
def test_a_job_may_have_a_deadline_of_its_own(word: str, sentence: str) -> None:
    worker = WorkerProcess(multiprocessing.get_context("spawn"), Plan(FAKES, "cpu"), "worker of a test")
    os.kill(worker.pid, signal.SIGSTOP)
    with slot_with(worker, MadeUp()) as ask:
        error = failed(ask(Job(word, b"", deadline_s=0.1)))
        assert type(error) is DeadlineExceeded
        assert str(error).startswith(f"{sentence}")
        assert "longer than 0.1 s" in str(error)


def test_nobody_waits_for_a_worker_that_does_not_hear_the_word_to_stop() -> None:
    """Its question fills the pipe, and nothing is read from it."""
    worker, free = (
        WorkerProcess(multiprocessing.get_context("spawn"), Plan(FAKES, "cpu"), "worker of a test"),
        list[Slot](),
    )
    os.kill(worker.pid, signal.SIGSTOP)
    slot = Slot(lambda: worker, 5.0, lambda *_: True, free.append, lambda _: None)
    try:
        assert until(lambda: free)
        job = Job("ask", bytes(8_000_000))
        slot.give(job)
        assert until(worker._writing.locked)
        told = threading.Thread(target=slot.stop, args=(job,), daemon=True)
        told.start()
        told.join(2)
        assert not told.is_alive()
        assert job.stopped
    finally:
        slot.close()


@pytest.mark.parametrize(("word", "sentence"), [("ask", "worked on this question"), ("upload-image", "read this file")])
def test_a_death_is_told_in_words_that_fit(word: str, sentence: str) -> None:
    worker = WorkerProcess(multiprocessing.get_context("spawn"), Plan(FAKES, "cpu"), "worker of a test")
    worker.kill()
    assert until(lambda: not worker.alive)
    with pytest.raises(WorkerDied, match=f"The process that {sentence} ended"):
        worker.work(Job(word, b""), 5)


@pytest.mark.parametrize("size", [0, 8_000_000])
def test_a_worker_that_is_dead_has_read_nothing(size: int) -> None:
    worker = WorkerProcess(multiprocessing.get_context("spawn"), Plan(FAKES, "cpu"), "worker of a test")
    worker.kill()
    assert until(lambda: not worker.alive)
    with pytest.raises(Unread, match="signal 9"):
        worker.work(Job("ask", bytes(size)), 5)
