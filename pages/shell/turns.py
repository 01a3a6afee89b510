"""Large answers are read and drawn a few at a time: each takes several times its size in this process until its page is
drawn, and fifty at once would not fit in memory.

A page takes its turn before it reads its first large answer, and has it until its run has ended and its tab has
received the page, which is in this process until then. A person who waits for a turn sees why, and can leave by
clicking on something else. An answer waits on the connection for a few seconds; then it is dropped, and asked for again
when the turn has come."""

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
"""Pages with large answers that are drawn at the same time."""
HERE = 2
"""Of these, pages for one address."""
ON_THE_LINE_S = 10.0
"""Seconds that an answer waits on the connection for its page's turn. The service gives up after 30."""
LONGEST_S = 120.0
"""Seconds of waiting after which a person is asked to try later."""
TAKING_S = 60.0
"""Seconds after which a turn ends even if the tab has not received its page."""
HAND_OVER_S = 0.2
"""Seconds within which Streamlit passes the last part of a page to its sender."""
LOOK_S = 0.1
WAITING = "Other people are loading large pictures; yours is in the queue …"


class NotYet(Exception):
    """The turn has not come; the answer was dropped."""


class Turns:
    """Who has a turn, and who waits for one, in order of arrival."""

    def __init__(self, at_once: int = AT_ONCE, here: int = HERE) -> None:
        """Nobody has one."""
        self._at_once, self._here = at_once, here
        self._changed = threading.Condition()
        self._held: dict[threading.Thread, str] = {}
        self._leaving: list[tuple[str, Callable[[], bool], float]] = []
        """Turns that end when a condition is true, or at a given time."""
        self._line: list[tuple[threading.Thread, str]] = []

    def take(self, address: str, wait_s: float, glance: Callable[[], None] = lambda: None) -> bool:
        """Wait for this thread's turn, at most ``wait_s`` seconds; returns whether it has come. A thread that has a
        turn does not wait. ``glance`` is called repeatedly while waiting, and may raise."""
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
        """End the turn of this thread, if it has one, as soon as ``over()`` is true, after ``within_s`` seconds at the
        latest; returns whether it had one."""
        with self._changed:
            address = self._held.pop(threading.current_thread(), None)
            if address is not None:
                self._leaving.append((address, over, time.monotonic() + within_s))
            self._changed.notify_all()
        return address is not None

    def _is_next(self, me: threading.Thread, address: str) -> bool:
        for thread in [thread for thread in self._held if not thread.is_alive()]:
            del self._held[thread]  # however it ended
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
    """The turns of this process."""
    return Turns()


@contextmanager
def one_page() -> Iterator[None]:
    """A run of a page. A turn that it took ends with it, however it ends, once the tab has received the page."""
    try:
        yield
    finally:
        memory.after_a_page(large=turns().give_back(_taken(run.session()), TAKING_S))


def before_reading(size: int) -> None:
    """Called before a large answer is read. Raises ``NotYet`` if its turn does not come soon."""
    if run.is_under_way() and not turns().take(asker.here().address, ON_THE_LINE_S, asker.leave_if_told):
        raise NotYet


def before_drawing(size: int) -> None:
    """Wait for the turn to draw this many bytes, and show that the page waits.

    Raises:
        Busy: the turn does not come.
    """
    if size < LARGE:
        return
    with st.spinner(WAITING):
        if not turns().take(asker.here().address, LONGEST_S, asker.leave_if_told):
            raise Busy(
                "Other people have been loading large pictures for minutes, so yours was not drawn. Try again later."
            )


def _taken(session: str) -> Callable[[], bool]:
    """A function that says whether the tab of a session has received everything that its page sent."""
    since = time.monotonic()

    def has() -> bool:
        if not sessions.are_served():
            return True
        return time.monotonic() >= since + HAND_OVER_S and sessions.has_taken_all(session)

    return has
