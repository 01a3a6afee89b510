"""Whose pages are drawn while others have tabs open as well."""

from __future__ import annotations

import pytest

from gradviz_core.serving.page_rate import FORGET_S, PAGES, PAGES_PER_S, PageRate

MINE, YOURS = "10.0.0.1", "10.0.0.2"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_whoever_is_alone_never_waits() -> None:
    rate = PageRate(lambda _: False, Clock())
    assert [rate.wait_s(MINE, 1.0) for _ in range(100)] == [0.0] * 100


def test_one_address_waits_for_what_is_more_than_its_share_and_the_other_does_not() -> None:
    clock = Clock()
    rate = PageRate(lambda _: True, clock)
    waits = [rate.wait_s(MINE, 1.0) for _ in range(50)]
    assert waits[: int(PAGES)] == [0.0] * int(PAGES)
    assert waits[-1] == pytest.approx((50 - PAGES) / PAGES_PER_S)
    assert rate.wait_s(YOURS, 1.0) == 0.0
    clock.now = (50 - PAGES) / PAGES_PER_S
    assert rate.wait_s(MINE, 1.0) == pytest.approx(1 / PAGES_PER_S)
    clock.now += 1 / PAGES_PER_S + PAGES / PAGES_PER_S
    assert [rate.wait_s(MINE, 1.0) for _ in range(int(PAGES))] == [0.0] * int(PAGES)


def test_parts_of_pages_count_for_less() -> None:
    rate = PageRate(lambda _: True, Clock())
    assert [rate.wait_s(MINE, 0.05) for _ in range(int(PAGES / 0.05) - 1)] == [0.0] * (int(PAGES / 0.05) - 1)


def test_what_was_asked_for_alone_is_not_held_against_anybody_later() -> None:
    there: list[str] = []
    rate = PageRate(lambda address: any(each != address for each in there), Clock())
    for _ in range(1000):
        rate.wait_s(MINE, 1.0)
    there.append(YOURS)
    assert rate.wait_s(MINE, 1.0) == pytest.approx(1 / PAGES_PER_S)


def test_addresses_that_ask_for_nothing_are_forgotten() -> None:
    clock = Clock()
    rate = PageRate(lambda _: True, clock)
    for number in range(1000):
        rate.wait_s(f"10.0.{number // 250}.{number % 250}", 1.0)
        clock.now += 1.0
    assert len(rate._shares) <= FORGET_S + 1
