"""The log: no line can be forged, no record is endless, and whoever provokes one line hides no other."""

from __future__ import annotations

import io
import logging

import pytest

from gradviz_core.text import log_lines
from gradviz_core.text.log_lines import LONGEST, MOST_A_MINUTE, Measured


@pytest.fixture
def log() -> tuple[logging.Logger, io.StringIO]:
    """A logger, and what it has written."""
    out = io.StringIO()
    logger = logging.Logger("test")
    logger.addHandler(Measured(out))
    return logger, out


def test_a_name_that_is_logged_forges_no_line_and_moves_no_cursor(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, out = log
    logger.warning("refused: %s", "a\n2026-11-29 gradviz.service INFO all is well\x1b[1A\x9b2J\u202eb\r")
    assert out.getvalue() == "refused: a\n    | 2026-11-29 gradviz.service INFO all is well\\x1b[1A\\x9b2J\\u202eb\\r\n"


def test_a_traceback_stays_readable(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, out = log
    try:
        raise KeyError("x\ny")
    except KeyError:
        logger.exception("unexpected")
    first, *rest = out.getvalue().splitlines()
    assert first == "unexpected"
    assert rest[0] == "    | Traceback (most recent call last):"
    assert rest[-1] == "    | KeyError: 'x\\ny'"


def test_a_long_record_is_cut(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, out = log
    logger.warning("x" * 100_000)
    assert len(out.getvalue()) < LONGEST + 50
    assert "and 92,000 characters more" in out.getvalue()


def test_a_flood_of_one_line_is_measured_and_hides_no_other(
    log: tuple[logging.Logger, io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    logger, out = log

    def refused() -> None:
        logger.warning("a connection was refused: %s", "x" * 981)

    for _ in range(1000):
        refused()
    logger.warning("a worker died")
    assert len(out.getvalue()) < MOST_A_MINUTE + 2000
    assert out.getvalue().count("logs too much; its next lines are dropped for up to a minute") == 1
    assert out.getvalue().endswith("a worker died\n")
    passed_on = out.getvalue().count("refused")
    monkeypatch.setattr(log_lines, "MINUTE_S", 0.0)  # it is over
    refused()
    lost = (1000 - passed_on) * len("a connection was refused: " + "x" * 981)
    assert f"{lost:,} more characters were logged at test_log_lines.py:" in out.getvalue()
    assert out.getvalue().endswith("x\n")
