"""The log: plain lines that cannot be forged, shortened if long, and limited in number per minute.

What people send ends up in messages and in what errors say of themselves. So signs that move a terminal's cursor are
shown as codes, the further lines of a record begin with a bar, and each place in the source that logs has its own
allowance: whoever provokes one line again and again neither fills the disk nor hides the others.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import TextIO

MOST_A_MINUTE = 50_000
"""Characters that one place in the source logs within a minute, in one process."""
LONGEST = 8_000
"""Characters of one record."""
MINUTE_S = 60.0
_FORM = "%(asctime)s %(name)s %(levelname)s %(message)s"


def set_up() -> None:
    """Log to standard error from ``INFO`` on, in that way."""
    handler = Measured(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORM))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


class Allowance:
    """How much may be said in a minute, and how much was not said since it was used up."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most
        self._since = time.monotonic()
        self.dropped = 0
        """What was asked for in vain since ``settled`` was last called."""

    def take(self, size: int) -> bool:
        """Whether ``size`` more may be said; if not, it counts as dropped."""
        self._begin_again()
        if size > self._left:
            self._left = 0  # or short lines would slip through between the long ones that are missing
            self.dropped += size
            return False
        self._left -= size
        return True

    def settled(self) -> int:
        """How much was dropped in the minute that is over; 0 where it still runs, or nothing was dropped."""
        self._begin_again()
        if not self._left:
            return 0
        dropped, self.dropped = self.dropped, 0
        return dropped

    def _begin_again(self) -> None:
        now = time.monotonic()
        if now - self._since >= MINUTE_S:
            self._since, self._left = now, self._most


class Measured(logging.StreamHandler[TextIO]):
    """Writes plain lines, each place in the source within its allowance. How much was dropped is written as soon as its
    minute is over and anything is logged."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._allowances: dict[tuple[str, int], Allowance] = {}

    def format(self, record: logging.LogRecord) -> str:
        """The record, plain and cut."""
        return in_lines(super().format(record))

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record, or count it; the handler's lock is held."""
        for (file, line), spent in self._allowances.items():
            if dropped := spent.settled():
                self._say(f"{dropped:,} more characters were logged at {file}:{line} in a minute, and dropped")
        allowance = self._allowances.setdefault((record.filename, record.lineno), Allowance(MOST_A_MINUTE))
        silent = allowance.dropped > 0
        if allowance.take(len(self.format(record))):
            super().emit(record)
        elif not silent:
            self._say(f"{record.filename}:{record.lineno} logs too much; its next lines are dropped for up to a minute")

    def _say(self, text: str) -> None:
        super().emit(logging.LogRecord("gradviz.log", logging.WARNING, "", 0, text, (), None))


def plain(text: str) -> str:
    """One line in which every sign can be seen: what cannot be printed stands as a code."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def in_lines(text: str) -> str:
    """A record as lines that can be told from those of other records: plain, cut, a bar before each but the first."""
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]} … and {len(text) - LONGEST:,} characters more"
    return "\n    | ".join(map(plain, cut.split("\n")))
