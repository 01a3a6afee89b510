"""Connections that have not yet proved that they know the key: there is always a place for the next one.

A proof takes milliseconds, and whoever says nothing would hold a place for seconds. So where all places are taken, the
connection that has been there the longest is hung up on.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import OrderedDict

MOST = 64
"""Connections that may be proving at one time that they know the key."""


class Strangers:
    """Those that are proving it; any thread may let them in or go."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._there: OrderedDict[int, socket.socket] = OrderedDict()
        self._next = 0

    def let_in(self, raw: socket.socket) -> int:
        """A place for a new connection, until ``go``. Raises ``OSError`` where there is no file handle for it."""
        hold = raw.dup()  # hanging up on this one hangs up on that one, and its number is not given away meanwhile
        with self._lock:
            if len(self._there) >= MOST:
                _, oldest = self._there.popitem(last=False)
                with oldest, contextlib.suppress(OSError):  # it was quicker
                    oldest.shutdown(socket.SHUT_RDWR)
            self._next += 1
            self._there[self._next] = hold
            return self._next

    def go(self, place: int) -> None:
        """Give a place back; the connection stays as it is."""
        with self._lock:
            if hold := self._there.pop(place, None):
                hold.close()
