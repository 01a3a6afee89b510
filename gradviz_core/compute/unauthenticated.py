"""Connections that have not proved yet that they know the key. There is always room for the next one.

A proof takes milliseconds, but a connection that says nothing would wait for seconds. If too many are waiting, the one
that has waited the longest is closed.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import OrderedDict

MOST = 64
"""Connections that may wait at the same time."""


class Unauthenticated:
    """The connections that are waiting. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: OrderedDict[int, socket.socket] = OrderedDict()
        self._next = 0

    def add(self, raw: socket.socket) -> int:
        """Note a new connection, until ``remove`` is called with the number returned. Raises ``OSError`` if there is no
        file handle left."""
        duplicate = raw.dup()  # a shutdown of this one acts on both, and its number is not reused meanwhile
        with self._lock:
            if len(self._waiting) >= MOST:
                _, oldest = self._waiting.popitem(last=False)
                with oldest, contextlib.suppress(OSError):  # it may have been closed just now
                    oldest.shutdown(socket.SHUT_RDWR)
            self._next += 1
            self._waiting[self._next] = duplicate
            return self._next

    def remove(self, number: int) -> None:
        """Forget a connection; it stays open."""
        with self._lock:
            if duplicate := self._waiting.pop(number, None):
                duplicate.close()
