"""Large answers are read and drawn a few at a time: each takes several times its size in this process until its page is
drawn, and fifty at once would take more than there is.

A page takes its turn when the first large answer comes, before that is read, and has it until its run ends. Waiting for
a turn has no deadline of its own: whoever waits sees why, and leaves by clicking on something else. An answer waits on
the connection for a moment; then it is let go of, and asked for once more when the turn has come.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from gradviz_core.compute.protocol import LARGE
from gradviz_core.errors import Busy
from pages.parts import asker

AT_ONCE = 3
"""Pages with large answers that are drawn at one time."""
HERE = 2
"""Of these, pages for one address."""
ON_THE_LINE_S = 10.0
"""Seconds that an answer waits on the connection for its page's turn. The service gives up after 30."""
LONGEST_S = 120.0
"""Seconds after which somebody who waits is told to try later."""
LOOK_S = 0.1
WAITING = "Others are looking at large pictures just now; yours is next in line …"


class NotYet(Exception):
    """The turn has not come; the answer was let go of."""


class Turns:
    """Who has a turn, and who waits for one, in the order in which they came."""

    def __init__(self, at_once: int = AT_ONCE, here: int = HERE) -> None:
        """Nobody has one."""
        self._at_once, self._here = at_once, here
        self._changed = threading.Condition()
        self._held: dict[threading.Thread, str] = {}
        self._line: list[tuple[threading.Thread, str]] = []

    def take(self, address: str, wait_s: float, glance: Callable[[], None] = lambda: None) -> bool:
        """Wait for this thread's turn, for so long at most; whether it has come. Who has it has it already. ``glance``
        is called again and again, and may raise."""
        me, end = threading.current_thread(), time.monotonic() + wait_s
        with self._changed:
            if me in self._held:
                return True
            self._line.append((me, address))
            try:
                while not self._is_next(me, address):
                    if time.monotonic() >= end:
                        return False
                    self._changed.wait(LOOK_S)
                    glance()
                self._held[me] = address
                return True
            finally:
                self._line.remove((me, address))
                self._changed.notify_all()

    def give_back(self) -> None:
        """The turn of this thread is over, if it had one."""
        with self._changed:
            self._held.pop(threading.current_thread(), None)
            self._changed.notify_all()

    def _is_next(self, me: threading.Thread, address: str) -> bool:
        for thread in [thread for thread in self._held if not thread.is_alive()]:
            del self._held[thread]  # whatever ended it
        if len(self._held) >= self._at_once:
            return False
        first = next((thread for thread, where in self._line if self._is_free(where)), None)
        return first is me

    def _is_free(self, address: str) -> bool:
        return list(self._held.values()).count(address) < self._here


@st.cache_resource(show_spinner=False)
def turns() -> Turns:
    """Those of this process."""
    return Turns()


@contextmanager
def one_page() -> Iterator[None]:
    """A run of a page: a turn that it took is over at its end, however it ends."""
    try:
        yield
    finally:
        turns().give_back()


def before_reading(size: int) -> None:
    """Called before a large answer is read. Raises ``NotYet`` where the turn for it does not come soon."""
    if get_script_run_ctx() is not None and not turns().take(asker.here().address, ON_THE_LINE_S, asker.leave_if_told):
        raise NotYet


def before_drawing(size: int) -> None:
    """Wait for the turn, and say so, where this many bytes are going to be drawn.

    Raises:
        Busy: it does not come.
    """
    if size < LARGE:
        return
    with st.spinner(WAITING):
        if not turns().take(asker.here().address, LONGEST_S, asker.leave_if_told):
            raise Busy("Others have been looking at large pictures for minutes, so yours was not drawn. Try later.")
