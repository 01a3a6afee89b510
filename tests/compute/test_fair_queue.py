"""Whose turn it is, as a data structure: no process, no clock but the one that the tests wind."""

from __future__ import annotations

import itertools
import math
import random
from collections import defaultdict

import pytest

from gradviz_core.compute import ledger
from gradviz_core.compute.askers import ANYONE, Asker
from gradviz_core.compute.fair_queue import FairQueue
from gradviz_core.compute.ledger import HALF_S, LEAST_S, Ledger
from gradviz_core.compute.slot import Job


def job(address: str = "a", session: str = "1") -> Job:
    return Job("ask", b"", asker=Asker(address, session))


def ran(queue: FairQueue, one: Job, begin: float, end: float) -> None:
    """Let a job have its turn."""
    queue.put(one)
    queue.began(one, begin)
    queue.ended(one, end)


def order(queue: FairQueue, now: float) -> str:
    """Addresses and sessions of those who wait, the next one first."""
    return " ".join(f"{one.asker.address}{one.asker.session}" for one in queue.in_order(now))


def test_time_counts_while_it_runs_and_half_a_minute_later() -> None:
    book = Ledger()
    book.begin("a", 100.0)
    assert book.used("a", 100.0) == pytest.approx(LEAST_S)
    assert book.used("a", 101.0) == pytest.approx(1 + LEAST_S, rel=0.02)
    book.end("a", 110.0)
    used = book.used("a", 110.0)
    # 10 seconds at a rate of 1, each moment halved by the time since: (1 - 2^(-10/60)) * 60 / ln 2
    expected = (1 - 2 ** (-10 / HALF_S)) * HALF_S / math.log(2)
    assert used == pytest.approx(expected + LEAST_S * 2 ** (-10 / HALF_S))
    assert book.used("a", 110.0 + HALF_S) == pytest.approx(used / 2)
    assert book.used("b", 110.0) == 0.0


def test_two_at_once_count_twice_and_a_fine_counts_on_top() -> None:
    one, two = Ledger(), Ledger()
    one.begin("a", 0.0)
    for _ in range(2):
        two.begin("a", 0.0)
    assert two.used("a", 30.0) == pytest.approx(2 * one.used("a", 30.0))
    one.charge("a", 60.0, 30.0)
    assert one.used("a", 30.0) == pytest.approx(two.used("a", 30.0) / 2 + 60)


def test_accounts_are_bounded_and_those_in_debt_are_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "MOST", 10)
    book = Ledger()
    book.charge("heavy", 100.0, 0.0)
    book.begin("running", 0.0)
    for number in range(100):
        book.charge(number, 0.1, 1.0)
    assert len(book) <= 10
    assert book.used("heavy", 1.0) > 90
    assert book.used("running", 1.0) > 1


def test_addresses_take_turns_whatever_their_number_of_tabs() -> None:
    queue = FairQueue(100)
    for session in "123456":
        queue.put(job("a", session))
    queue.put(job("b"))
    assert order(queue, 0.0).startswith("a1 a2")  # nobody has used anything: first come, first served
    queue.began(queue.in_order(0.0)[0], 0.0)
    assert order(queue, 0.0) == "b1 a2 a3 a4 a5 a6"


def test_sessions_of_an_address_take_turns_and_a_session_is_served_in_order() -> None:
    queue = FairQueue(100)
    ran(queue, job("a", "1"), 0.0, 3.0)
    first, second = job("a", "1"), job("a", "1")
    for one in (first, job("a", "2"), second):
        queue.put(one)
    assert order(queue, 3.0) == "a2 a1 a1"
    assert queue.in_order(3.0)[1:] == [first, second]


def test_time_that_was_used_counts_in_later_turns() -> None:
    queue = FairQueue(100)
    ran(queue, job("a"), 0.0, 10.0)
    ran(queue, job("b"), 0.0, 1.0)
    for address in "abc":
        queue.put(job(address))
    assert order(queue, 10.0) == "c1 b1 a1"


def test_who_is_lighter_is_asked_of_addresses_or_within_one_of_sessions() -> None:
    queue = FairQueue(100)
    ran(queue, job("a", "1"), 0.0, 6.0)
    assert queue.lighter(Asker("b", "1"), Asker("a", "1"), 5.0, 6.0)
    assert queue.lighter(Asker("b", "1"), Asker("a", "2"), 5.0, 6.0), "another tab of the same address"
    assert not queue.lighter(Asker("b", "1"), Asker("a", "1"), 6.5, 6.0)
    assert queue.lighter(Asker("a", "2"), Asker("a", "1"), 5.0, 6.0)
    assert not queue.lighter(Asker("a", "2"), Asker("b", "1"), 0.0, 6.0)
    assert not queue.lighter(ANYONE, ANYONE, -1.0, 6.0), "nobody is lighter than themselves"


def test_a_full_queue_refuses_the_one_who_has_the_most_in_it() -> None:
    queue = FairQueue(4)
    flood = [job("a", "1"), job("a", "1"), job("a", "2"), job("b")]
    for one in flood:
        queue.put(one)
        assert queue.shorten(one) is None
    newcomer = job("c")
    queue.put(newcomer)
    assert queue.shorten(newcomer) is flood[1], "the latest of the session that has most"
    again = job("a", "3")
    queue.put(again)
    assert queue.shorten(again) in (again, flood[2])
    assert [one in queue for one in (flood[0], flood[3], newcomer)] == [True] * 3


def test_where_all_have_alike_the_newcomer_is_refused() -> None:
    queue = FairQueue(2)
    for address in "abc":
        one = job(address)
        queue.put(one)
        assert queue.shorten(one) is (one if address == "c" else None)
    own = FairQueue(0)
    one = job()
    own.put(one)
    assert own.shorten(one) is one


@pytest.mark.parametrize("seed", range(8))
def test_nobody_starves_and_everybody_gets_alike(seed: int) -> None:
    """Addresses with different numbers of tabs, and jobs of different lengths, ask without end; two workers."""
    chance = random.Random(seed)
    addresses = {f"{number}": chance.randint(1, 6) for number in range(chance.randint(2, 6))}
    longest = {address: chance.choice([0.2, 2.0, 5.0]) for address in addresses}
    queue, now = FairQueue(1000), 0.0
    for address, tabs in addresses.items():
        for tab in range(tabs):
            queue.put(job(address, str(tab)))
    running: list[tuple[float, int, Job]] = []
    numbers, used, last = itertools.count(), defaultdict[str, float](float), defaultdict[str, float](float)
    gaps = defaultdict[str, float](float)
    while now < 600:
        while len(running) < 2 and len(queue):
            one = queue.in_order(now)[0]
            address = one.asker.address
            queue.began(one, now)
            gaps[address] = max(gaps[address], now - last[address])
            last[address] = now
            length = chance.uniform(0.1, longest[address])
            used[address] += length
            running.append((now + length, next(numbers), one))
        running.sort()
        now, _, over = running.pop(0)
        queue.ended(over, now)
        queue.put(Job("ask", b"", asker=over.asker))
    assert max(gaps.values()) <= 5.0 * (len(addresses) + 1), dict(gaps)
    if len(addresses) > 2:  # of two, each has a worker for itself whenever it has two tabs
        many = [used[address] for address, tabs in addresses.items() if tabs > 1]
        if len(many) > 1:
            assert max(many) - min(many) < 0.15 * max(many), dict(used)
