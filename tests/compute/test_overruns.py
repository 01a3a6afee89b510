"""Files that overrun again and again."""

from __future__ import annotations

import pytest

from gradviz_core.compute import overruns
from gradviz_core.compute.overruns import REFUSED_S, Overruns
from gradviz_core.errors import DeadlineExceeded


def refused(book: Overruns, file: str, now: float) -> bool:
    try:
        book.refuse(file, now)
    except DeadlineExceeded:
        return True
    return False


def test_a_file_that_overruns_twice_is_refused_for_a_while() -> None:
    book = Overruns()
    book.note("a", 0.0)
    assert not refused(book, "a", 1.0)
    book.note("a", 100.0)
    assert refused(book, "a", 100.0)
    assert not refused(book, "b", 100.0)
    with pytest.raises(
        DeadlineExceeded, match="was stopped 2 times within 10 minutes, so it is refused for the next 7 m"
    ):
        book.refuse("a", 220.0)
    assert not refused(book, "a", REFUSED_S), "of the two, one was ten minutes ago"


def test_two_that_lie_far_apart_do_not_count() -> None:
    book = Overruns()
    for now in (0.0, REFUSED_S, 2 * REFUSED_S):
        book.note("a", now)
        assert not refused(book, "a", now)


def test_what_has_no_file_is_never_refused() -> None:
    book = Overruns()
    for now in range(5):
        book.note("", float(now))
    assert not refused(book, "", 5.0)


def test_no_more_files_are_remembered_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overruns, "MOST", 3)
    book = Overruns()
    for file in "abcd":
        for now in (0.0, 1.0):
            book.note(file, now)
    assert len(book) == 3
    assert [refused(book, file, 2.0) for file in "abcd"] == [False, True, True, True]
