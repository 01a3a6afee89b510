"""Work that can be stopped: between any two operations of torch, or only where a pass begins."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from gradviz_core.errors import Stopped
from gradviz_core.tracing.torch_private.dispatch import TorchDispatchMode

SELDOM_S = 0.02
"""Seconds between two looks at what may say stop; a look takes as long as a small operation."""


class Stoppable(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """``with Stoppable(told):`` asks ``told()`` before each operation of torch, and raises ``Stopped`` once it says
    yes. One operation is as long as it is: a convolution in float64 takes from a thousandth of a second to a third.

    It takes a tenth of the time of a small model, and PyTorch may take other formulas for a gradient of a gradient
    while it is there, so it is for checks alone."""

    def __init__(self, told: Callable[[], bool]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._told = told

    def __torch_dispatch__(
        self, func: object, types: object, args: Sequence[object] = (), kwargs: Mapping[str, object] | None = None
    ) -> object:
        if self._told():
            raise Stopped
        return func(*args, **(kwargs or {}))  # type: ignore[operator]


_heard: ContextVar[Callable[[], bool]] = ContextVar("heard", default=lambda: False)


@contextmanager
def listening(told: Callable[[], bool]) -> Iterator[None]:
    """Let ``give_way`` ask ``told()``, in this thread, fifty times a second at most. What is computed stays as it
    is."""
    after = time.monotonic() + SELDOM_S

    def heard() -> bool:
        nonlocal after
        if time.monotonic() < after:
            return False
        after = time.monotonic() + SELDOM_S
        return told()

    token = _heard.set(heard)
    try:
        yield
    finally:
        _heard.reset(token)


def give_way() -> None:
    """Raise ``Stopped`` where somebody listens and is told to stop. Called where a pass begins, there or back, and
    before each operation of an exported program."""
    if _heard.get()():
        raise Stopped
