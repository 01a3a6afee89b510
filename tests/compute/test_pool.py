"""What hostile and unlucky questions do to the pool: they fail alone."""

from __future__ import annotations

import os
import signal
import statistics
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from pydantic import SecretStr

from gradviz_core.compute import protocol, sockets, worker
from gradviz_core.compute.client import Client
from gradviz_core.compute.launch import LocalService
from gradviz_core.compute.worker import Plan
from gradviz_core.compute.worker_processes import may_use_gpu, worker_context
from gradviz_core.errors import BadImage, BadTarget, Busy, ComputeError, DeadlineExceeded, QuestionError, WorkerDied
from gradviz_core.settings import Settings
from gradviz_core.text.codec import error_from_json, question_to_json
from gradviz_core.types import SurveyAnswer, SurveyQuestion
from tests.compute.conftest import DEADLINE_S, FAKES, ask, until, worker_of
from tests.compute.fakes import Scripted
from tests.crowding import soon


def test_a_small_answer_costs_a_few_milliseconds(client: Client) -> None:
    seconds = []
    for _ in range(60):
        start = time.perf_counter()
        ask(client, "echo")
        seconds.append(time.perf_counter() - start)
    assert statistics.median(seconds) < soon(0.01)


def test_a_large_answer_arrives_whole(client: Client) -> None:
    array = ask(client, "array", "4000000").pixels
    np.testing.assert_array_equal(array, np.ones(1_000_000, np.float32))


@pytest.mark.parametrize("endless", ["spin", "hold"])
def test_an_endless_question_is_stopped_and_nobody_else_notices(client: Client, endless: str) -> None:
    times: list[float] = []
    with ThreadPoolExecutor(2) as threads:
        start = time.monotonic()
        doomed = threads.submit(ask, client, endless)
        assert until(lambda: client.status().busy == 1)
        while not doomed.done():
            before = time.monotonic()
            ask(client, "echo")
            times.append(time.monotonic() - before)
        with pytest.raises(DeadlineExceeded, match="longer than 2 s"):
            doomed.result()
    assert DEADLINE_S <= time.monotonic() - start < DEADLINE_S + soon(1)
    assert len(times) > 5
    assert max(times) < soon(0.5)
    assert len(_both_workers(client)) == 2
    assert time.monotonic() - start < DEADLINE_S + soon(2)


def _both_workers(client: Client) -> set[int]:
    """Process numbers of both workers, each of which has just answered a question."""
    with ThreadPoolExecutor(2) as threads:
        return {worker_of(answer) for answer in threads.map(lambda i: ask(client, "sleep", f"0.{i}"), (3, 4))}


@pytest.mark.parametrize(("model", "number"), [("kill", 9), ("segfault", 11)])
def test_a_worker_that_dies_takes_only_its_question_along(client: Client, model: str, number: int) -> None:
    with ThreadPoolExecutor(2) as threads:
        other = threads.submit(ask, client, "sleep", "0.3")
        with pytest.raises(WorkerDied, match=f"signal {number}"):
            ask(client, model)
        assert worker_of(other.result()) > 0
    assert len(_both_workers(client)) == 2


def test_a_worker_killed_from_outside_in_the_middle_of_a_question(client: Client, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    with ThreadPoolExecutor(1) as threads:
        doomed = threads.submit(ask, client, "tell and sleep", str(begun))
        assert until(lambda: begun.exists() and begun.read_text())
        pid = int(begun.read_text())
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(WorkerDied, match="signal 9"):
            doomed.result()
    assert pid not in _both_workers(client)


def test_a_worker_killed_while_it_waits_is_replaced_without_a_word(client: Client) -> None:
    for pid in _both_workers(client):
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.05)
    assert [len(_both_workers(client)) for _ in range(2)] == [2, 2]


def test_a_worker_killed_before_it_read_its_question_is_replaced_without_a_word(client: Client) -> None:
    old = _both_workers(client)
    for pid in old:
        os.kill(pid, signal.SIGSTOP)  # the question reaches the socket, and nobody reads it
    with ThreadPoolExecutor(1) as threads:
        question = threads.submit(ask, client, "echo")
        assert until(lambda: client.status().busy == 1)
        for pid in old:
            os.kill(pid, signal.SIGKILL)
        assert worker_of(question.result()) not in old
    assert len(_both_workers(client)) == 2


def test_a_bug_is_told_plainly_and_nothing_leaks(client: Client) -> None:
    with pytest.raises(ComputeError) as caught:
        ask(client, "bug")
    assert "Something went wrong inside GradViz" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_worker_is_replaced_after_an_error_of_the_gpu(client: Client) -> None:
    before = _both_workers(client)
    with pytest.raises(ComputeError, match="Something went wrong"):
        ask(client, "gpu bug")
    assert until(lambda: client.status().ready == 2)
    assert len(_both_workers(client) & before) == 1


def test_an_answer_that_is_far_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "LONGEST_ANSWER", 5_000_000)
    question = question_to_json(SurveyQuestion(model="array", image="6000000")).encode()
    kind, text = worker.reply(Scripted("cpu"), "ask", question)
    assert (kind, type(error_from_json(text))) == ("error", QuestionError)
    assert str(error_from_json(text)) == "The answer is 6 MB; the limit is 5 MB. Ask for fewer outputs."


def test_an_upload_does_not_make_a_worker_forget_what_it_served(client: Client) -> None:
    pid = worker_of(ask(client, "kept in mind"))
    for _ in range(4):
        with pytest.raises(BadImage):
            client.upload_image(b"no image")
    assert worker_of(ask(client, "kept in mind")) == pid


def test_an_error_of_the_answering_code_travels_as_it_is(client: Client) -> None:
    with pytest.raises(BadTarget, match=r"^There is no class 12; the model has 10\.$"):
        ask(client, "refuse")


def test_the_same_model_and_image_go_to_the_same_worker(client: Client) -> None:
    first, second = worker_of(ask(client, "a")), worker_of(ask(client, "b"))
    assert first != second
    for _ in range(3):
        assert worker_of(ask(client, "b")) == second
        assert worker_of(ask(client, "a")) == first
    assert worker_of(ask(client, "b", "another")) == second  # the same model at least


def test_many_at_once_get_their_own_answers(client: Client) -> None:
    with ThreadPoolExecutor(4) as threads:
        answers = threads.map(lambda i: (i, ask(client, "echo", str(i))), range(200))
        assert all(answer.question.image == str(i) for i, answer in answers)


def test_a_full_queue_refuses_the_next_question_at_once(client: Client) -> None:
    with ThreadPoolExecutor(4) as threads:
        waiting: list[Future[SurveyAnswer]] = []
        for busy, queued in [(1, 0), (2, 0), (2, 1), (2, 2)]:
            waiting.append(threads.submit(ask, client, "sleep", "1.2"))
            assert until(lambda: (client.status().busy, client.status().queued) == (busy, queued))  # noqa: B023
        start = time.monotonic()
        with pytest.raises(Busy, match="2 questions are already waiting"):
            ask(client, "echo")
        assert time.monotonic() - start < soon(0.2)
        assert len({worker_of(question.result()) for question in waiting}) == 2


def test_the_question_of_a_client_that_left_is_dropped(client: Client, service: LocalService) -> None:
    with ThreadPoolExecutor(2) as threads:
        running = [threads.submit(ask, client, "sleep", "1.2") for _ in range(2)]
        assert until(lambda: client.status().busy == 2)
        connection = sockets.connect(*service.address_and_key())
        protocol.write_message(connection, "ask", b'{"kind":"survey","model":"echo","image":"x"}')
        assert until(lambda: client.status().queued == 1)
        connection.close()
        assert until(lambda: client.status().queued == 0, 0.45)
        assert client.status().busy == 2
        assert all(worker_of(question.result()) for question in running)


def test_an_answer_may_be_read_later(client: Client) -> None:
    first, second = (client.begin(SurveyQuestion(model="echo", image=image)) for image in ("a", "b"))
    assert [one.answer().question.image for one in (second, first)] == ["b", "a"]
    first.drop()  # it was read: its connection is somebody else's by now
    ask(client, "echo")


def test_the_question_of_somebody_who_no_longer_wants_the_answer_is_dropped(client: Client) -> None:
    sent = client.begin(SurveyQuestion(model="work", image="5"))
    assert until(lambda: client.status().busy == 1)
    sent.drop()
    assert until(lambda: client.status().busy == 0, DEADLINE_S / 2)


def test_a_question_that_needs_too_much_memory_fails_by_itself(chosen: Settings, tmp_path: Path) -> None:
    """Here, too: one that waits too long is told so."""
    small = {"workers": 1, "queue_wait_s": 0.4, "worker_memory_mb": 1500, "store": tmp_path}
    client = Client(chosen.model_copy(update=small), FAKES)
    try:
        assert until(lambda: client.status().ready == 1)
        pid = worker_of(ask(client, "hog", "1000"))
        with pytest.raises(ComputeError, match="more memory than is available"):
            ask(client, "hog", "1000000000")
        with ThreadPoolExecutor(1) as threads:
            running = threads.submit(ask, client, "sleep", "1.2")
            assert until(lambda: client.status().busy == 1)
            with pytest.raises(Busy, match=r"No worker was free within 0.4 s"):
                ask(client, "echo")
            assert worker_of(running.result()) == pid
    finally:
        client.close()


@pytest.mark.parametrize(("device", "gpu", "way"), [("cpu", False, "forkserver"), ("cuda", True, "spawn")])
def test_cuda_never_meets_a_fork(device: str, gpu: bool, way: str) -> None:
    assert may_use_gpu(device) == gpu
    assert worker_context(Plan(device=device)).get_start_method() == way


def test_workers_that_cannot_start_are_told_of(chosen: Settings, tmp_path: Path) -> None:
    settings = chosen.model_copy(update={"store": tmp_path})
    client = Client(settings, "tests.compute.fakes:Missing")
    try:
        with pytest.raises(ComputeError, match="The compute service cannot start a worker"):
            ask(client, "echo")
    finally:
        client.close()


def test_a_wait_ends_with_what_is_raised_in_it_and_its_worker_is_free(client: Client, service: LocalService) -> None:
    class Gone(Exception):
        """The page was left."""

    def look() -> None:
        if until(lambda: client.status().busy == 1, soon(0.5)):
            raise Gone

    address, key = service.address_and_key()
    settings = Settings(compute_address=address, compute_key=SecretStr(key.decode()))
    leaving = Client(settings)
    leaving.while_waiting(look)
    with pytest.raises(Gone):
        ask(leaving, "work", "1000")
    assert until(lambda: client.status().busy == 0)
    assert len(_both_workers(client)) == 2
    leaving.close()
