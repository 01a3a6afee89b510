"""Large answers are read and drawn a few at a time: each takes several times its size in this process until its page is
drawn, and fifty at once would take more than there is.

A page takes its turn when the first large answer comes, before that is read, and has it until its run has ended and its
tab has taken what was drawn, for that lies in this process until then. Waiting for
a turn has no deadline of its own: whoever waits sees why, and leaves by clicking on something else. An answer waits on
the connection for a moment; then it is let go of, and asked for once more when the turn has come.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from gradviz_core.compute.protocol import LARGE
from gradviz_core.errors import Busy
from gradviz_core.serving import memory
from pages.shell import asker
from pages.streamlit_private import run, sessions

AT_ONCE = 3
"""Pages with large answers that are drawn at one time."""
HERE = 2
"""Of these, pages for one address."""
ON_THE_LINE_S = 10.0
"""Seconds that an answer waits on the connection for its page's turn. The service gives up after 30."""
LONGEST_S = 120.0
"""Seconds after which somebody who waits is told to try later."""
TAKING_S = 60.0
"""Seconds after which a turn is over although the tab has not taken its page."""
HAND_OVER_S = 0.2
"""Seconds within which Streamlit hands the last of a page over to what sends it."""
LOOK_S = 0.1
WAITING = "Other people are loading large pictures; yours is next in the queue …"


class NotYet(Exception):
    """The turn has not come; the answer was let go of."""


class Turns:
    """Who has a turn, and who waits for one, in the order in which they came."""

    def __init__(self, at_once: int = AT_ONCE, here: int = HERE) -> None:
        """Nobody has one."""
        self._at_once, self._here = at_once, here
        self._changed = threading.Condition()
        self._held: dict[threading.Thread, str] = {}
        self._leaving: list[tuple[str, Callable[[], bool], float]] = []
        """Turns that are over as soon as something is true, or at some time."""
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

    def give_back(self, over: Callable[[], bool] = lambda: True, within_s: float = 0.0) -> bool:
        """The turn of this thread, if it had one, ends as soon as ``over()`` is true, and ``within_s`` seconds at the
        latest. Whether it had one."""
        with self._changed:
            address = self._held.pop(threading.current_thread(), None)
            if address is not None:
                self._leaving.append((address, over, time.monotonic() + within_s))
            self._changed.notify_all()
        return address is not None

    def _is_next(self, me: threading.Thread, address: str) -> bool:
        for thread in [thread for thread in self._held if not thread.is_alive()]:
            del self._held[thread]  # whatever ended it
        now = time.monotonic()
        self._leaving = [each for each in self._leaving if each[2] > now and not each[1]()]
        if len(self._held) + len(self._leaving) >= self._at_once:
            return False
        first = next((thread for thread, where in self._line if self._is_free(where)), None)
        return first is me

    def _is_free(self, address: str) -> bool:
        taken = [*self._held.values(), *(where for where, _, _ in self._leaving)]
        return taken.count(address) < self._here


@st.cache_resource(show_spinner=False)
def turns() -> Turns:
    """Those of this process."""
    return Turns()


@contextmanager
def one_page() -> Iterator[None]:
    """A run of a page: a turn that it took is over at its end, however it ends, once the tab has taken the page."""
    try:
        yield
    finally:
        memory.after_a_page(large=turns().give_back(_taken(run.session()), TAKING_S))


def before_reading(size: int) -> None:
    """Called before a large answer is read. Raises ``NotYet`` where the turn for it does not come soon."""
    if run.is_under_way() and not turns().take(asker.here().address, ON_THE_LINE_S, asker.leave_if_told):
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
            raise Busy(
                "Other people have been loading large pictures for minutes, so yours was not drawn. Try again later."
            )


def _taken(session: str) -> Callable[[], bool]:
    """Whether the tab of a session has taken all that its page sent it."""
    since = time.monotonic()

    def has() -> bool:
        if not sessions.are_served():
            return True
        return time.monotonic() >= since + HAND_OVER_S and sessions.has_taken_all(session)

    return has
