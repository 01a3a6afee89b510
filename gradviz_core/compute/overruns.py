"""Uploaded files that exceeded their deadline several times are refused for a while, by their digest."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict

from gradviz_core.errors import DeadlineExceeded

TIMES = 2
"""Overruns after which a file is refused."""
REFUSED_S = 600.0
"""Seconds for which it is refused, and for which an overrun counts."""
MOST = 1_000
"""Files that are remembered; the oldest overrun is forgotten first."""


class Overruns:
    """Which files overran, and when; any number of threads may use it at once. The time is handed in."""

    def __init__(self) -> None:
        """None has overrun yet."""
        self._lock = threading.Lock()
        self._times: OrderedDict[str, list[float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._times)

    def note(self, file: str, now: float) -> None:
        """A job about this file ran into its deadline. A job about no file has no digest, and is not noted."""
        if not file:
            return
        with self._lock:
            self._times[file] = [*self._of_late(file, now), now][-TIMES:]
            self._times.move_to_end(file)
            if len(self._times) > MOST:
                self._times.popitem(last=False)

    def refuse(self, file: str, now: float) -> None:
        """Raise ``DeadlineExceeded`` where this file overran too often of late."""
        with self._lock:
            late = self._of_late(file, now)
        if len(late) >= TIMES:
            minutes = math.ceil((late[0] + REFUSED_S - now) / 60)
            raise DeadlineExceeded(
                f"Work on this file took too long and was stopped {TIMES} times within {REFUSED_S / 60:g} minutes, so "
                f"it is refused for the next {minutes} min. Choose a smaller file, or ask for less then."
            )

    def _of_late(self, file: str, now: float) -> list[float]:
        return [time for time in self._times.get(file, []) if now - time < REFUSED_S]
