"""A connection whose client takes nothing, and a log that somebody makes say the same thing for ever."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator

import pytest

from gradviz_core.serving import connections
from gradviz_core.serving.connections import Patience
from gradviz_core.serving.log_limits import LogLimit
from gradviz_core.text import log_lines
from tests import own_loop


class Line(asyncio.Transport):
    """A connection of which so many bytes are left to send each time somebody looks."""

    def __init__(self, left: list[int]) -> None:
        super().__init__()
        self.left, self.aborted = left, False

    def get_write_buffer_size(self) -> int:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]

    def abort(self) -> None:
        self.aborted = True


@pytest.mark.parametrize(
    ("left", "ends"),
    [
        ([100], True),
        ([100, 90, 50, 50], True),
        ([100, 120], True),
        (list(range(100, 0, -1)), True),
        ([100, 70, 50, 35, 20, 10, 5, 3, 2, 1, 0], False),
    ],
)
def test_a_client_that_takes_nothing_is_cut_off(left: list[int], ends: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SILENCE_S", 0.005)

    async def trial() -> bool:
        line = Line(left)
        patience = Patience(line)
        patience.begin()
        await asyncio.sleep(0.1)
        patience.end()
        return line.aborted

    assert own_loop.run(trial()) is ends


def test_a_client_that_has_taken_all_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SILENCE_S", 0.005)

    async def trial() -> bool:
        line = Line([100])
        patience = Patience(line)
        patience.begin()
        patience.end()
        await asyncio.sleep(0.05)
        return line.aborted

    assert own_loop.run(trial()) is False


@pytest.fixture
def said() -> Iterator[tuple[logging.Logger, list[str]]]:
    """A logger with little to say, and what it says."""
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage() + (record.exc_text or ""))

    logger, handler, limit = logging.getLogger("gradviz.tests.limit"), Kept(), LogLimit(most=1000)
    logger.addHandler(handler)
    logger.addFilter(limit)
    logger.propagate = False
    yield logger, lines
    logger.removeHandler(handler)
    logger.removeFilter(limit)


def test_one_line_of_the_source_neither_fills_the_log_nor_silences_the_others(
    said: tuple[logging.Logger, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    logger, lines = said
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])

    def shout() -> None:
        for _ in range(300):
            logger.warning("x" * 100)

    shout()
    assert lines[:10] == ["x" * 100] * 10
    assert "logs too much" in lines[10]
    assert len(lines) == 11
    logger.warning("another place")
    assert lines[11:] == ["another place"]
    clock[0] += log_lines.MINUTE_S
    shout()
    assert lines[12:22] == ["x" * 100] * 10
    assert len(lines) == 23


def test_a_traceback_counts_with_its_length(said: tuple[logging.Logger, list[str]]) -> None:
    logger, lines = said
    for _ in range(50):
        try:
            raise ValueError("x" * 300)
        except ValueError:
            logger.exception("no message")
    assert len(lines) == 3
    assert "ValueError: xxx" in lines[0]
    assert "logs too much" in lines[2]
