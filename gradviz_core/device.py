"""Where the mathematics runs: CUDA when there is one, then MPS, then the CPU."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from gradviz_core.errors import ComputeError

DeviceName = Literal["auto", "cpu", "cuda", "mps"]


def choose(name: DeviceName = "auto") -> torch.device:
    """The device of that name; ``auto`` takes the best there is.

    Raises:
        ComputeError: the device asked for is not there.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, available in there.items() if available))
    if not there[name]:
        raise ComputeError(f"GRADVIZ_DEVICE is {name}, but there is no such device here. Set it to auto or cpu.")
    return torch.device(name)


class _ExactArithmetic:
    """Switches that belong to the whole process: the first thread in sets them, the last one out restores them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = (False, False, False, False)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if self._inside == 0:
                self._before = _switches()
                _set_switches((False, False, False, True))
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    _set_switches(self._before)


def _switches() -> tuple[bool, bool, bool, bool]:
    cudnn = torch.backends.cudnn
    return torch.backends.cuda.matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic


def _set_switches(values: tuple[bool, bool, bool, bool]) -> None:
    cudnn = torch.backends.cudnn
    torch.backends.cuda.matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic = values


exact_arithmetic = _ExactArithmetic()
"""``with exact_arithmetic():`` full float32 in convolutions and matrix products, and the same algorithm each time, on a
GPU as on a CPU."""
