"""The stamps of a component's data: they rise whenever the data change, and only then."""

from __future__ import annotations

import pytest
import streamlit as st

from pages.shell import newest
from pages.shell.newest import NEW


@pytest.fixture(autouse=True)
def _a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(st, "session_state", {})


def test_the_stamp_rises_whenever_the_data_change_and_only_then() -> None:
    stamps = [int(str(newest.stamped("map", {"chosen": chosen})[NEW])) for chosen in (1, 1, 2, 2, 1)]
    assert stamps[0] == stamps[1]
    assert stamps[2] == stamps[3]
    assert stamps[0] < stamps[2] < stamps[4]


def test_a_clock_that_is_set_back_does_not_set_back_the_stamp(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter((5_000_000, 1_000))
    monkeypatch.setattr("time.time_ns", lambda: next(times))
    assert [newest.stamped("map", {"chosen": chosen})[NEW] for chosen in (1, 2)] == [5_000, 5_001]


def test_components_are_stamped_apart_and_keep_their_data() -> None:
    first, other = newest.stamped("map", {"chosen": 1}), newest.stamped("terms", {"chosen": 2})
    assert (first["chosen"], other["chosen"]) == (1, 2)
    assert newest.stamped("map", {"chosen": 1}) == first


def test_only_the_latest_components_are_remembered_and_none_of_their_data() -> None:
    first = newest.stamped("check_0", {"said": "x" * 1000})
    for number in range(1, 3 * newest.MOST):
        newest.stamped(f"check_{number}", {"said": "x" * 1000})
        newest.stamped("thumbnails", {"said": "always there"})
    kept = st.session_state["newest"]
    assert len(kept) == newest.MOST
    assert "thumbnails" in kept
    assert len(repr(kept)) < 100 * newest.MOST
    again = newest.stamped("check_0", {"said": "x" * 1000})
    assert int(str(again[NEW])) > int(str(first[NEW]))
