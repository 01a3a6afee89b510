"""Limits for the log of the app's process, which anyone could flood with repeated lines.

A message that cannot be read costs its sender a few bytes, but makes Streamlit and uvicorn log a line or a traceback.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable

from gradviz_core.text.log_lines import MOST_A_MINUTE, Allowance

LOUD = ("streamlit", "uvicorn", "websockets", "gradviz", "asyncio")
"""Loggers that a request can make write a line, with their children."""


class LogLimit(logging.Filter):
    """Limits the characters per minute that each line of the source may log, and notes when it drops some."""

    def __init__(self, most: int = MOST_A_MINUTE) -> None:
        super().__init__()
        self._most = most
        self._allowances: dict[tuple[str, int], Allowance] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        allowance = self._allowances.setdefault((record.pathname, record.lineno), Allowance(self._most))
        spoken = allowance.dropped == 0 or allowance.settled() > 0
        if allowance.take(len(_text(record))):
            return True
        if not spoken:
            return False
        record.msg, record.args, record.exc_info, record.exc_text = _DROPPED, (), None, None
        return True


def limit_the_log() -> None:
    """From now on limit the loggers of the server."""
    limit = LogLimit()
    for logger in _loggers():
        logger.addFilter(limit)


def _loggers() -> Iterable[logging.Logger]:
    names = [*logging.root.manager.loggerDict, *LOUD]
    return [logging.getLogger(name) for name in names if name.partition(".")[0] in LOUD]


def _text(record: logging.LogRecord) -> str:
    if record.exc_info and record.exc_text is None:
        record.exc_text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
    return record.getMessage() + (record.exc_text or "")


_DROPPED = "This place in the source logs too much; its next lines are dropped for up to a minute"
