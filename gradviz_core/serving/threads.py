"""How long threads that draw pages may keep the thread that serves them waiting."""

from __future__ import annotations

import sys

SWITCH_S = 0.001
"""Seconds that a thread goes on in Python while others want to. Each request passes through Python a dozen times, and
beside a dozen pages that are being drawn it waits for all of them each time: with Python's own 5 ms the server takes a
third of a second to say that it is well (``make bench ARGS=switching``)."""


def let_others_in() -> None:
    """Let threads take turns that often, in the whole process."""
    sys.setswitchinterval(SWITCH_S)
