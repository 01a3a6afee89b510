"""What operators are called with: about ``n`` numbers in the shapes that they take."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor


def numbers(n: int) -> Tensor:
    """From 0.1 to 0.9, where every function is defined."""
    return torch.rand(n) * 0.8 + 0.1


def square(n: int) -> Tensor:
    side = math.isqrt(n)
    return numbers(side * side).reshape(side, side)


def picture(n: int) -> Tensor:
    side = max(4, math.isqrt(n // 16))
    return numbers(16 * side * side).reshape(1, 16, side, side)


def volume(n: int) -> Tensor:
    side = max(4, round((n / 8) ** (1 / 3)))
    return numbers(8 * side**3).reshape(1, 8, side, side, side)


def sequence(n: int) -> Tensor:
    return numbers(n // 16 * 16).reshape(1, 16, -1)


def small_matrices(n: int) -> Tensor:
    return numbers(n // 64 * 64).reshape(-1, 8, 8)


SHAPES: dict[int, Callable[[int], Tensor]] = {1: sequence, 2: picture, 3: volume}
