"""Where gradients are computed: on CUDA if available, else on MPS, else on the CPU."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
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


Switches = tuple[bool, ...]


class _ProcessWide:
    """Settings of the whole process: the first thread to enter sets them, the last one to leave restores them."""

    def __init__(self, read: Callable[[], Switches], write: Callable[[Switches], None], wanted: Switches) -> None:
        self._read, self._write, self._wanted = read, write, wanted
        self._lock = threading.Lock()
        self._inside = 0
        self._before = wanted

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if self._inside == 0:
                self._before = self._read()
                self._write(self._wanted)
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    self._write(self._before)


def _arithmetic() -> Switches:
    cudnn = torch.backends.cudnn
    return torch.backends.cuda.matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic


def _set_arithmetic(values: Switches) -> None:
    cudnn = torch.backends.cudnn
    torch.backends.cuda.matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic = values


def _attention() -> Switches:
    cuda = torch.backends.cuda  # where the switches for every device are
    return (
        bool(cuda.flash_sdp_enabled()),  # type: ignore[no-untyped-call]
        bool(cuda.mem_efficient_sdp_enabled()),  # type: ignore[no-untyped-call]
        bool(cuda.cudnn_sdp_enabled()),  # type: ignore[no-untyped-call]
        bool(cuda.math_sdp_enabled()),  # type: ignore[no-untyped-call]
    )


def _set_attention(values: Switches) -> None:
    cuda = torch.backends.cuda
    flash, efficient, cudnn, plain = values
    cuda.enable_flash_sdp(flash)
    cuda.enable_mem_efficient_sdp(efficient)
    cuda.enable_cudnn_sdp(cudnn)
    cuda.enable_math_sdp(plain)


exact_arithmetic = _ProcessWide(_arithmetic, _set_arithmetic, (False, False, False, True))
"""``with exact_arithmetic():`` full float32 in convolutions and matrix products, and the same algorithm each time, on a
GPU as on a CPU."""

plain_attention = _ProcessWide(_attention, _set_attention, (False, False, False, True))
"""``with plain_attention():`` attention as matrix products and a softmax, which can be differentiated twice; the fused
operations cannot. The values are the same to rounding."""
