"""How slowly a file may come in, by a clock of the test's own."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import anyio
import pytest
from starlette.types import Message

from gradviz_core.serving import pace
from gradviz_core.serving.pace import LONGEST_S, PATIENCE_S, SLOWEST, Gone, Pace, TooSlow
from tests import own_loop


def heard(monkeypatch: pytest.MonkeyPatch, steps: list[tuple[float, int]]) -> int:
    """So many parts are taken of a body whose parts come after these seconds and have so many bytes."""
    clock, coming = [0.0], iter(steps)
    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    async def receive() -> Message:
        await anyio.sleep(0)  # where a body that is given up ends
        seconds, size = next(coming)
        clock[0] += seconds
        return {"type": "http.request", "body": bytes(size), "more_body": True}

    async def listen() -> int:
        body = Pace(receive)
        for taken in range(len(steps)):
            try:
                await body.part()
            except TooSlow:
                return taken
        return len(steps)

    return own_loop.run(listen())


def test_the_slowest_rate_is_taken_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    assert heard(monkeypatch, [(1.0, SLOWEST)] * 500) == 500


def test_half_of_it_is_given_up_after_twice_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    assert heard(monkeypatch, [(1.0, SLOWEST // 2)] * 500) == 2 * PATIENCE_S


def test_one_byte_a_second_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert heard(monkeypatch, [(1.0, 1)] * 500) == PATIENCE_S + 1  # 8 bytes give a fifth of a millisecond back


def test_whoever_was_quick_has_no_more_patience_to_spend(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [(0.001, 100 * SLOWEST)] * 10 + [(1.0, 0)] * 100
    assert heard(monkeypatch, steps) == 10 + PATIENCE_S


def test_a_body_ends_after_half_an_hour_at_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    assert heard(monkeypatch, [(1.0, 2 * SLOWEST)] * 3000) == LONGEST_S


def test_nothing_comes_of_somebody_who_hung_up() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(Gone):
        own_loop.run(Pace(receive).part())


def test_a_body_that_stops_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "PATIENCE_S", 0.2)

    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    with pytest.raises(TooSlow):
        own_loop.run(asyncio.wait_for(Pace(receive).part(), 5))
