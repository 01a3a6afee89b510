"""Work that can be stopped: between any two operations of torch, or only where a pass begins."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from gradviz_core.errors import Stopped
from gradviz_core.tracing.torch_private.dispatch import TorchDispatchMode

SELDOM_S = 0.02
"""Seconds between two looks at what may say stop; a look takes as long as a small operation."""


class Stoppable(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """``with Stoppable(must_stop):`` asks ``must_stop()`` before each operation of torch, and raises ``Stopped``
    once it says yes. An operation is never interrupted: a convolution in float64 takes up to a third of a second.

    It takes a tenth of the time of a small model, and PyTorch may take other formulas for a gradient of a gradient
    while it is there, so it is for checks alone."""

    def __init__(self, must_stop: Callable[[], bool]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._must_stop = must_stop

    def __torch_dispatch__(
        self, func: object, types: object, args: Sequence[object] = (), kwargs: Mapping[str, object] | None = None
    ) -> object:
        if self._must_stop():
            raise Stopped
        return func(*args, **(kwargs or {}))  # type: ignore[operator]


_heard: ContextVar[Callable[[], bool]] = ContextVar("heard", default=lambda: False)


@contextmanager
def listening(must_stop: Callable[[], bool]) -> Iterator[None]:
    """Let ``give_way`` ask ``must_stop()``, in this thread, fifty times a second at most. The results
    stay the same."""
    after = time.monotonic() + SELDOM_S

    def heard() -> bool:
        nonlocal after
        if time.monotonic() < after:
            return False
        after = time.monotonic() + SELDOM_S
        return must_stop()

    token = _heard.set(heard)
    try:
        yield
    finally:
        _heard.reset(token)


_ends: ContextVar[float] = ContextVar("ends", default=math.inf)


@contextmanager
def ending_in(seconds: float) -> Iterator[None]:
    """Work in this thread is ended from outside after so many seconds."""
    token = _ends.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends.reset(token)


def seconds_left() -> float:
    """Until the work is ended from outside; infinite where nobody ends it."""
    return _ends.get() - time.monotonic()


def give_way() -> None:
    """Raise ``Stopped`` where somebody listens and is told to stop. Called where a pass begins, there or back, and
    before each operation of an exported program or of the way back of several images."""
    if _heard.get()():
        raise Stopped
