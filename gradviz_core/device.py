"""Where the mathematics runs: CUDA when there is one, then MPS, then the CPU."""

from __future__ import annotations

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


@contextmanager
def exact_arithmetic() -> Iterator[None]:
    """Full float32 in convolutions and matrix products, and the same algorithm each time, on a GPU as on a CPU."""
    tf32 = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = tf32
