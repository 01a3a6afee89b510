"""How many may be in, who waits, and what is let go when somebody leaves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import settings as limits
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from gradviz_core.serving import abandoned_sessions
from gradviz_core.serving.abandoned_sessions import Abandoned
from gradviz_core.serving.session_limits import RETURN_S, SPARE, SessionLimits

MOST = 4
ADDRESSES = st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3"])


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Comings(RuleBasedStateMachine):
    """Tabs that come, break off, come back and stay away, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.places = SessionLimits(MOST, RETURN_S, self.clock)
        self.open: list[str] = []
        self.left: list[tuple[float, str]] = []

    def waiting(self) -> list[str]:
        return [address for until, address in self.left if until > self.clock.now]

    @rule(address=ADDRESSES, returning=st.booleans())
    def come(self, address: str, returning: bool) -> None:
        spare = SPARE if returning else 0
        taken = self.open + self.waiting()
        own = address in self.waiting()
        fits = own or (len(taken) < MOST + spare and taken.count(address) < MOST // 2 + spare)
        assert (self.places.why_full(address, returning=returning) is None) == fits
        assert (self.places.take(address, returning=returning) is None) == fits
        if fits:
            self.open.append(address)
        if own:
            self.left.remove(next(each for each in self.left if each[1] == address and each[0] > self.clock.now))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def go(self, data: st.DataObject) -> None:
        address = data.draw(st.sampled_from(self.open))
        self.open.remove(address)
        self.places.leave(address)
        self.left.append((self.clock.now + RETURN_S, address))

    @rule(seconds=st.sampled_from([0.5, RETURN_S / 2, RETURN_S]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @invariant()
    def no_more_connections_than_places_and_a_few(self) -> None:
        assert len(self.open) <= MOST + SPARE
        for address in ("10.0.0.1", "10.0.0.2", "10.0.0.3"):
            assert self.places.has(address) == (address in self.open + self.waiting())


def test_places_are_counted_whoever_comes_and_goes() -> None:
    run_state_machine_as_test(Comings, settings=limits(max_examples=60, stateful_step_count=30, deadline=None))


def test_the_sentence_says_which_limit_holds_and_what_to_do() -> None:
    places = SessionLimits(4)
    assert [places.take("10.0.0.1") for _ in range(2)] == [None, None]
    here = places.take("10.0.0.1")
    assert here is not None
    assert here.startswith("2 of the 4 sessions of this GradViz are open from your address.")
    assert "GRADVIZ_CLIENT_HEADER" in here
    assert [places.take("10.0.0.2") for _ in range(2)] == [None, None]
    full = places.take("10.0.0.3")
    assert full is not None
    assert full.startswith("All 4 sessions of this GradViz are in use.")
    assert "GRADVIZ_SESSIONS" in full


def test_a_single_place_can_be_taken() -> None:
    places = SessionLimits(1)
    assert places.take("10.0.0.1") is None
    assert places.take("10.0.0.1") is not None


@pytest.mark.parametrize("addresses", [1, 500])
def test_thousands_who_come_and_go_leave_nothing_behind(addresses: int) -> None:
    clock = Clock()
    places = SessionLimits(50, RETURN_S, clock)
    for number in range(5000):
        address = f"10.0.{number % addresses}.1"
        if places.take(address) is None:
            places.leave(address)
        clock.now += 0.01
    clock.now += RETURN_S
    assert places.why_full("10.0.0.1") is None
    assert not places._open
    assert not places._left


def test_a_session_waits_for_its_tab_and_goes_when_it_does_not_come() -> None:
    clock = Clock()
    left = Abandoned(most=4, keep_s=8, clock=clock)
    assert left.due(["a"], 3) == []
    clock.now = 5
    assert left.due(["a", "b"], 3) == []
    clock.now = 7
    assert left.due(["b"], 3) == []  # a came back
    clock.now = 12
    assert left.due(["a", "b"], 3) == []  # and broke off again
    clock.now = 13
    assert left.due(["a", "b"], 3) == ["b"]
    clock.now = 20
    assert left.due(["a"], 2) == ["a"]
    assert left.due([], 1) == []
    assert left.since == {}


def test_where_more_are_held_than_may_be_those_that_left_first_go_at_once() -> None:
    clock = Clock()
    left = Abandoned(most=4, keep_s=8, clock=clock)
    assert left.due(["a"], 4) == []
    clock.now = 1
    assert left.due(["b", "a", "c"], 6) == ["a", "b"]


def test_where_sessions_are_not_known_nothing_is_closed_or_let_go(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(abandoned_sessions, "LOOK_S", 0.0)
    rounds, closed, cleaned = [None, None, None, ["a", "b"], ["a"], None, None], list[str](), list[list[str]]()

    def held() -> list[str] | None:
        if not rounds:
            raise asyncio.CancelledError
        return rounds.pop(0)

    def clean_up(there: Collection[str]) -> bool:
        cleaned.append([*there])
        return False

    async def look() -> None:
        await abandoned_sessions.close_abandoned(held, lambda name: name == "a", closed.append, clean_up, most=1)

    with (
        caplog.at_level(logging.ERROR, "gradviz.serving"),
        pytest.raises(asyncio.CancelledError),
        ThreadPoolExecutor(1) as thread,  # this one may have a loop, of a browser's tests
    ):
        thread.submit(asyncio.run, look()).result()
    assert (closed, cleaned) == (["b"], [["a"]])
    assert [record.getMessage() for record in caplog.records] == [abandoned_sessions.UNKNOWN]
