"""What an operation is tried on: shapes and values at random, from a seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor

from tests.kernels.layouts import stepped

Function = Callable[..., Any]
Case = tuple[Function, list[Tensor]]
"""A function, and the tensors of real numbers that it is a function of."""
Operation = Callable[["Draw"], Case]
SIZES = (1, 1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Draw:
    """Draws shapes and values; ``batch`` is one or two."""

    batch: int
    dtype: torch.dtype
    device: torch.device
    random: Random
    generator: torch.Generator

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, dtype=torch.float64, generator=self.generator).to(self.device, self.dtype)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        drawn = torch.rand(shape, dtype=torch.float64, generator=self.generator)
        return (low + (high - low) * drawn).to(self.device, self.dtype)

    def positive(self, *shape: int) -> Tensor:
        return self.uniform(*shape, low=0.5, high=2.0)

    def whole(self, high: int, *shape: int) -> Tensor:
        """Whole numbers from 0 to ``high`` - 1."""
        return torch.randint(high, shape, generator=self.generator).to(self.device)

    def yes_or_no(self, *shape: int) -> Tensor:
        return self.whole(2, *shape).bool()

    def lain(self, tensor: Tensor) -> Tensor:
        """The same, at random with gaps in memory."""
        return stepped(tensor, self.random) if self.coin() else tensor

    def size(self, least: int = 1) -> int:
        return max(least, self.random.choice(SIZES))

    def places(self, axes: int, least: int = 1) -> tuple[int, ...]:
        return tuple(self.size(least) for _ in range(axes))

    def maps(self, axes: int = 2, *, channels: int | None = None, least: int = 1) -> Tensor:
        """An image, or a batch of two, with so many axes of space."""
        return self.normal(self.batch, channels or self.size(), *self.places(axes, least))

    def any_shape(self) -> tuple[int, ...]:
        """The batch, and up to four axes more."""
        return (self.batch, *self.places(self.random.randint(0, 4)))

    def any_values(self) -> Tensor:
        return self.normal(*self.any_shape())

    def axis(self, tensor: Tensor) -> int:
        return self.random.randrange(tensor.dim())

    def one_of(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def coin(self) -> bool:
        return self.random.random() < 0.5
