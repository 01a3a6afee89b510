"""A bar that fills while something long runs, and how long it will still take. No torch."""

from __future__ import annotations

import time
from typing import TextIO

WIDTH = 30


class Bar:
    """Drawn over itself on a terminal; nothing elsewhere, so that what is piped stays clean."""

    def __init__(self, parts: int, stream: TextIO) -> None:
        self._parts, self._stream, self._done, self._start = parts, stream, 0, time.monotonic()

    def done(self, what: str) -> None:
        """One part more is done."""
        self._done += 1
        if self._stream.isatty():
            end = "\n" if self._done == self._parts else ""
            line = line_of(self._done, self._parts, time.monotonic() - self._start, what)
            self._stream.write(f"\r\x1b[K{line}{end}")
            self._stream.flush()


def line_of(done: int, parts: int, seconds: float, what: str) -> str:
    """``[#####     ]  50 %, 12 s left: what was done last``."""
    filled = WIDTH * done // parts
    left = seconds / done * (parts - done)
    return f"[{'#' * filled:{WIDTH}}] {100 * done // parts:3} %, {left:.0f} s left: {what[:40]}"
