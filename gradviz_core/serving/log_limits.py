"""The log of the app's process, which strangers can make say the same thing for ever.

A message that cannot be read costs them a few bytes, and Streamlit and uvicorn a line or a whole traceback.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable

from gradviz_core.text.log_lines import MOST_A_MINUTE, Allowance

LOUD = ("streamlit", "uvicorn", "websockets", "gradviz", "asyncio")
"""Loggers of which one line for each request can be provoked, and those below them."""


class LogLimit(logging.Filter):
    """Lets each place in the source log so many characters a minute, and says when it drops some."""

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
    """Put what loggers of the server say from now on under one allowance for each place in the source."""
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
