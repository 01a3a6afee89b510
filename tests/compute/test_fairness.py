"""What a pool does while somebody holds its workers: real processes with fakes in them, and a slice of a second in
place of five."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gradviz_core.compute import supervisor
from gradviz_core.compute.askers import Asker
from gradviz_core.compute.slot import Job
from gradviz_core.compute.supervisor import Supervisor
from gradviz_core.compute.worker import Plan
from gradviz_core.errors import Busy
from gradviz_core.text.codec import answer_from_bytes, error_from_json, question_to_json
from gradviz_core.types import SurveyAnswer, SurveyQuestion
from tests.compute.conftest import FAKES, until
from tests.crowding import crowding, soon

SLICE_S, GRACE_S, DEADLINE_S = 0.4, 0.3, 4.0
REPLACED_S = 0.8
"""So long it takes at most to replace a worker."""


@dataclass
class Hall:
    """A pool, and those who ask it."""

    pool: Supervisor
    threads: ThreadPoolExecutor
    jobs: list[Job] = field(default_factory=list)
    seconds: dict[Job, float] = field(default_factory=dict)
    """How long each that is done took from its submission."""

    def ask(self, asker: Asker, model: str, image: str = "x") -> tuple[Job, Future[SurveyAnswer]]:
        """Ask in a thread, as the service does; the answer, or what is raised."""
        question = question_to_json(SurveyQuestion(model=model, image=image))
        job = Job("ask", question.encode(), (model, image), asker=asker)
        self.jobs.append(job)
        return job, self.threads.submit(self._wait, job)

    def _wait(self, job: Job) -> SurveyAnswer:
        self.pool.submit(job)
        while not job.done.wait(0.05):
            self.pool.tend()
        self.seconds[job] = time.monotonic() - job.submitted
        word, body = job.reply
        if word != "ok":
            raise error_from_json(body)
        answer = answer_from_bytes(body)
        assert isinstance(answer, SurveyAnswer)
        return answer

    def waited(self, asker: Asker, model: str = "echo", image: str = "x") -> float:
        """Seconds that a question took."""
        job, future = self.ask(asker, model, image)
        future.result(60)
        return self.seconds[job]

    def leave(self) -> None:
        """Nobody waits any more."""
        for job in self.jobs:
            self.pool.drop(job)


@pytest.fixture
def hall(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Hall]]:
    """A pool with so many workers, which are ready."""
    monkeypatch.setattr(supervisor, "SLICE_S", SLICE_S)
    monkeypatch.setattr(supervisor, "GRACE_S", GRACE_S)
    monkeypatch.setattr(supervisor, "LEFT_S", GRACE_S)
    with ThreadPoolExecutor(60) as threads:
        halls: list[Hall] = []

        def make(workers: int) -> Hall:
            pool = Supervisor(Plan(FAKES, "cpu"), workers=workers, queue=32, deadline_s=DEADLINE_S)
            pool.start()
            halls.append(Hall(pool, threads))
            assert until(lambda: pool.status().ready == workers)
            return halls[-1]

        yield make
        for one in halls:
            one.pool.close()
            one.leave()
            for job in one.jobs:
                job.done.set()


BYSTANDER = Asker("b", "1")


def tabs(address: str = "a") -> list[Asker]:
    """Six sessions at one address."""
    return [Asker(address, f"tab {number}") for number in range(6)]


def begun(board: Path) -> int:
    """How often what writes into this file was begun."""
    return len(board.read_text().splitlines()) if board.exists() else 0


@pytest.mark.parametrize("endless", ["spin", "hold", "work"])
def test_six_tabs_at_one_address_keep_a_bystander_waiting_for_a_slice(
    hall: Callable[[int], Hall], endless: str
) -> None:
    """Whether what runs there hears that it is to stop, or does not."""
    here = hall(2)
    alone = here.waited(BYSTANDER)
    for tab in tabs():
        here.ask(tab, endless, "1000")
    assert until(lambda: here.pool.status().queued == 4)
    waits = []
    for _ in range(3):
        waits.append(here.waited(BYSTANDER))
        time.sleep(0.6)  # longer than a worker lingers
    assert max(waits) < alone + SLICE_S + GRACE_S + soon(REPLACED_S)


def test_a_bystander_at_the_same_address_waits_for_one_turn_of_each_tab(hall: Callable[[int], Hall]) -> None:
    """Once each has had its turn, the bystander comes first there too."""
    here = hall(2)
    for tab in tabs():
        here.ask(tab, "work", "1000")
    assert until(lambda: here.pool.status().queued == 4)
    first, *others = (here.waited(Asker("a", "bystander")) for _ in range(4))
    assert first < 3 * SLICE_S + soon(REPLACED_S)
    assert max(others) < SLICE_S + soon(REPLACED_S)


def test_a_question_that_was_stopped_begins_anew_once_and_gets_to_its_end(
    hall: Callable[[int], Hall], tmp_path: Path
) -> None:
    """One patient bystander keeps asking all the while."""
    here = hall(2)
    board = tmp_path / "board"
    here.ask(Asker("c", "1"), "work", "2")  # so that the bystander needs the other worker
    job, long = here.ask(Asker("h", "1"), "write and work", f"{board} 1.5")
    assert until(lambda: begun(board) == 1)
    waits = []
    while not long.done():
        waits.append(here.waited(BYSTANDER, "work", "0.1"))
    assert long.result().question.model == "write and work"
    assert begun(board) == 2
    assert job.anew
    assert max(waits) < SLICE_S + soon(REPLACED_S)


def test_nothing_is_stopped_where_nobody_else_waits(hall: Callable[[int], Hall], tmp_path: Path) -> None:
    here = hall(2)
    boards = [tmp_path / name for name in "xyz"]
    futures = [here.ask(BYSTANDER, "write and work", f"{board} 0.8")[1] for board in boards]
    for future in futures:
        future.result(60)
    assert [begun(board) for board in boards] == [1, 1, 1], "the third waited for the same session's first two"


def test_a_worker_that_hears_lives_on_and_one_that_does_not_is_replaced(hall: Callable[[int], Hall]) -> None:
    here = hall(1)
    pid = here.ask(BYSTANDER, "echo")[1].result(60).notes[0]
    for endless, same in (("work", True), ("spin", False)):
        job, _ = here.ask(Asker("a", endless), endless, "1000")
        assert until(lambda: here.pool.status().busy == 1)
        time.sleep(SLICE_S)
        assert (here.ask(BYSTANDER, "echo")[1].result(60).notes[0] == pid) == same
        here.pool.drop(job)
        assert until(lambda: here.pool.status().busy == 0)


def test_what_nobody_waits_for_is_let_go(hall: Callable[[int], Hall]) -> None:
    here = hall(2)
    for tab in tabs():
        here.ask(tab, "spin")
    assert until(lambda: here.pool.status().queued == 4)
    start = time.monotonic()
    here.leave()
    assert until(lambda: (here.pool.status().busy, here.pool.status().ready) == (0, 2))
    assert time.monotonic() - start < GRACE_S + soon(REPLACED_S)
    assert here.waited(BYSTANDER) < soon(0.5)


def test_a_worker_waits_a_moment_for_the_next_question_of_the_same_page(hall: Callable[[int], Hall]) -> None:
    """One after the other, as a page asks them: the first waits until something is stopped, the others do not."""
    here = hall(2)
    for tab in tabs():
        here.ask(tab, "work", "1000")
    assert until(lambda: here.pool.status().queued == 4)
    time.sleep(3 * SLICE_S)  # they have used more than a slice
    waits = []
    for _ in range(6):
        waits.append(here.waited(BYSTANDER))
        time.sleep(0.1)
    assert max(waits[1:]) < soon(SLICE_S / 2)


def test_questions_that_began_anew_leave_a_worker_to_the_others(hall: Callable[[int], Hall]) -> None:
    """What is on the other one has never been stopped, so it is stopped as soon as somebody comes."""
    here = hall(2)
    flood = [here.ask(tab, "work", "1000")[0] for tab in tabs()]
    assert until(lambda: sum(job.anew for job in flood) == 5)
    time.sleep(2 * SLICE_S)
    assert sum(run.job.anew for run in here.pool._runs.values()) == 1
    assert here.pool.status().queued == 4
    assert here.waited(BYSTANDER) < soon(SLICE_S / 2)
    assert all(job.anew for job in flood)


def test_of_two_that_began_anew_the_one_who_used_far_less_comes_first(hall: Callable[[int], Hall]) -> None:
    """An honest long question does not wait for an attacker's to run into its deadline."""
    here = hall(2)
    flood = [here.ask(tab, "work", "1000")[0] for tab in tabs()]
    assert until(lambda: sum(job.anew for job in flood) == 5)
    job, long = here.ask(Asker("h", "1"), "work", "1.5")
    here.waited(Asker("h", "2"), "work", "0.1")
    assert long.result(30).question.image == "1.5"
    assert here.seconds[job] < 1.5 + DEADLINE_S * max(1.0, crowding())


def test_a_flood_does_not_fill_the_queue_against_a_newcomer(hall: Callable[[int], Hall]) -> None:
    here = hall(1)
    flood = [here.ask(tab, "work", "1000")[1] for tab in tabs() * 6]  # one runs, 32 wait, three are refused
    assert until(lambda: here.pool.status().queued == 32)
    assert until(lambda: sum(future.done() for future in flood) == 3)
    assert here.waited(BYSTANDER) < SLICE_S + GRACE_S + soon(REPLACED_S)
    refused = [future.exception() for future in flood if future.done()]
    assert len(refused) in (3, 4)
    assert all(isinstance(error, Busy) and "32 questions are already waiting" in str(error) for error in refused)
