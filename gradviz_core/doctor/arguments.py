"""Tensors and numbers among the arguments of a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from torch import Tensor


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Every tensor in it, nested in tuples, lists and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from tensors_in(part)
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))


def numbers_in(value: Any) -> Iterator[object]:
    """Every floating-point number in it, and a digest of every array."""
    if isinstance(value, float | complex):
        yield value
    elif isinstance(value, np.ndarray | np.floating):
        yield blake2b(value.tobytes(), digest_size=16).digest()
    elif isinstance(value, tuple | list):
        for part in value:
            yield from numbers_in(part)
    elif isinstance(value, dict):
        yield from numbers_in(list(value.values()))


def print_of(tensor: Tensor) -> object:
    """Two sums that differ where the values do."""
    wide = tensor.double()
    return float(wide.sum()), float(wide.abs().sum())


def map_numbers(value: Any, change: Callable[[Any], Any]) -> Any:
    """``value`` with each floating-point number in it changed; arrays are copied first."""
    if isinstance(value, float) or (isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating)):
        return change(value)
    return [map_numbers(part, change) for part in value] if isinstance(value, list) else value


def largest(tensor: Tensor) -> float:
    """The largest absolute value; NaN where there is one, 0 where there is nothing."""
    if not tensor.numel():
        return 0.0
    values = tensor.detach()
    low, high = torch.aminmax(torch.view_as_real(values) if values.is_complex() else values)
    return max(-low.item(), high.item())
