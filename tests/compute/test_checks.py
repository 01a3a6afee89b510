"""Checks give way: they begin where nothing else is to be done, and stop before anything else begins."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gradviz_core.compute import checking, protocol, sockets, supervisor, worker
from gradviz_core.compute.askers import ANYONE, Asker
from gradviz_core.compute.client import Client
from gradviz_core.errors import Busy, DeadlineExceeded, QuestionError, WorkerDied
from gradviz_core.settings import Settings
from gradviz_core.text.codec import question_to_json
from gradviz_core.types import ProofAnswer, ProofQuestion, SurveyQuestion
from tests.compute.conftest import FAKES, ask, until, uploaded, worker_of
from tests.compute.fakes import Scripted


@dataclass
class Board:
    """A file in which the fakes write down what they do, and checks that write into it."""

    client: Client
    path: Path
    threads: ThreadPoolExecutor
    left: threading.Event = field(default_factory=threading.Event)

    def check(
        self, model: str = "endless", client: Client | None = None, asker: Asker = ANYONE
    ) -> Future[ProofAnswer | None]:
        """Ask for a check in a thread."""
        question = ProofQuestion(model=model, image=str(self.path))
        return self.threads.submit((client or self.client).check, question, self.left, asker)

    def lines(self) -> list[str]:
        """What was written so far, without the numbers of processes."""
        text = self.path.read_text() if self.path.exists() else ""
        return [" ".join(line.split()[:2]) for line in text.splitlines()]

    def begun(self, times: int = 1) -> bool:
        """Whether checks have begun so often, now or soon."""
        return until(lambda: self.lines().count("check begins") == times)

    def pid(self) -> int:
        """The process that has the latest check."""
        return int([line for line in self.path.read_text().splitlines() if "begins" in line][-1].split()[-1])


@pytest.fixture
def board(client: Client, tmp_path: Path) -> Iterator[Board]:
    with ThreadPoolExecutor(8) as threads:
        found = Board(client, tmp_path / "board", threads)
        yield found
        found.left.set()


@pytest.fixture
def alone(chosen: Settings, tmp_path: Path) -> Iterator[Client]:
    """A client of a service with one worker."""
    client = Client(chosen.model_copy(update={"workers": 1, "store": tmp_path, "deadline_s": 60.0}), FAKES)
    assert until(lambda: client.status().ready == 1)
    yield client
    client.close()


def test_a_check_is_answered(board: Board) -> None:
    answer = board.check("done at once").result(5)
    assert answer is not None
    assert answer.proof.agrees


def test_a_check_stops_before_a_question_begins_and_begins_anew(board: Board) -> None:
    board.check()
    assert board.begun()
    for number in (1, 2):
        ask(board.client, "write", str(board.path))
        assert board.begun(number + 1)
    assert board.lines() == ["check begins", "check stops", "click begins"] * 2 + ["check begins"]


def test_the_promise_holds_for_one_worker_which_lives_on(board: Board, alone: Client) -> None:
    board.check(client=alone)
    assert board.begun()
    pid = board.pid()
    assert worker_of(ask(alone, "write", str(board.path))) == pid
    assert board.begun(2)
    assert board.pid() == pid
    assert board.lines() == ["check begins", "check stops", "click begins", "check begins"]


def test_a_question_about_an_upload_stops_a_check_of_what_is_not(board: Board, chosen: Settings) -> None:
    key = uploaded(board.client, chosen, "echo")
    ask(board.client, key)  # confined workers start
    board.check()
    assert board.begun()
    ask(board.client, key)
    assert until(lambda: board.lines()[:2] == ["check begins", "check stops"])
    assert board.begun(2)


def test_a_check_waits_until_all_is_quiet(board: Board) -> None:
    slow = board.threads.submit(ask, board.client, "sleep", "1")
    assert until(lambda: board.client.status().busy == 1)
    check = board.check("done at once")
    assert not until(board.lines, 0.5), "one worker is free, and computes beside the question all the same"
    slow.result(5)
    assert check.result(5) is not None


def test_there_is_one_check_at_a_time(board: Board) -> None:
    board.check()
    assert board.begun()
    second = board.check("done at once")
    time.sleep(0.6)
    assert board.lines() == ["check begins"]
    assert not second.done()


def test_of_the_checks_that_wait_the_one_of_who_had_the_least_comes_first(board: Board) -> None:
    """Six tabs at one address ask for a check each, and so does somebody else."""
    for number in range(6):
        board.check("a while", asker=Asker("a", str(number)))
    assert board.begun()
    bystander = board.check("done at once", asker=Asker("b", "1"))
    assert bystander.result(5) is not None
    assert board.lines().count("check begins") <= 3, "the first of the tabs, and one that may have begun since"


def test_a_check_that_nobody_waits_for_is_stopped(board: Board) -> None:
    check = board.check()
    assert board.begun()
    board.left.set()
    assert check.result(5) is None
    assert until(lambda: board.lines() == ["check begins", "check stops"])
    assert until(lambda: board.client.status().busy == 0)
    time.sleep(0.4)
    assert board.lines() == ["check begins", "check stops"], "it does not begin anew"


def test_a_worker_keeps_in_mind_what_it_served_before_a_check(board: Board) -> None:
    first, second = (worker_of(ask(board.client, model)) for model in ("a", "b"))
    assert first != second
    board.check("done at once").result(5)
    assert (worker_of(ask(board.client, "a")), worker_of(ask(board.client, "b"))) == (first, second)


def test_a_check_that_does_not_hear_is_ended_with_its_process(board: Board, alone: Client) -> None:
    check = board.check("deaf", alone)
    assert board.begun()
    pid, start = board.pid(), time.monotonic()
    assert worker_of(ask(alone, "echo")) != pid
    assert time.monotonic() - start > supervisor.STOP_S
    with pytest.raises(WorkerDied):
        check.result(5)


def test_a_click_stops_a_check_although_it_asks_nothing(board: Board) -> None:
    board.check()
    assert board.begun()
    start = time.monotonic()
    board.client.stop_check()
    assert until(lambda: board.lines() == ["check begins", "check stops"])
    assert board.begun(2)
    assert time.monotonic() - start > checking.REST_S


def test_a_check_whose_worker_dies_fails_and_the_pool_goes_on(board: Board) -> None:
    check = board.check()
    assert board.begun()
    os.kill(board.pid(), signal.SIGKILL)
    with pytest.raises(WorkerDied):
        check.result(5)
    ask(board.client, "echo")
    assert until(lambda: board.client.status().ready == 2)
    assert board.check("done at once").result(5) is not None


def test_a_check_that_takes_too_long_is_left_and_its_worker_lives(board: Board) -> None:
    check = board.check()
    assert board.begun()
    pid = board.pid()
    with pytest.raises(DeadlineExceeded, match="longer than 1 s, the limit here"):
        check.result(5)
    assert until(lambda: board.client.status().busy == 0)
    assert pid in {worker_of(ask(board.client, model)) for model in ("a", "b", "c", "a", "b")}


def test_where_there_is_always_something_to_do_a_check_is_told_so(
    board: Board, chosen: Settings, tmp_path: Path
) -> None:
    impatient = {"workers": 1, "queue_wait_s": 0.6, "store": tmp_path}
    client = Client(chosen.model_copy(update=impatient), FAKES)
    try:
        assert until(lambda: client.status().ready == 1)
        busy = board.threads.submit(ask, client, "sleep", "1.2")
        assert until(lambda: client.status().busy == 1)
        with pytest.raises(Busy, match="Other questions kept coming first"):
            board.check(client=client).result(5)
        busy.result(5)
    finally:
        client.close()


def test_a_client_that_hangs_up_ends_its_check(board: Board, client: Client) -> None:
    connection = sockets.connect(*client._pool.address_and_key())
    question = ProofQuestion(model="endless", image=str(board.path))
    protocol.write_message(connection, "check", question_to_json(question).encode())
    assert board.begun()
    connection.close()
    assert until(lambda: board.lines() == ["check begins", "check stops"])


def test_only_a_proof_is_a_check() -> None:
    body = question_to_json(SurveyQuestion(model="echo", image="x")).encode()
    assert worker.reply(Scripted("cpu"), "check", body)[0] == "error"
    with pytest.raises(QuestionError, match="A check must be a question of kind proof"):
        worker._check(Scripted("cpu"), body, lambda: False)
