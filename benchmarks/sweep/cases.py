"""What a model of the sweep is: a module and what it is called with."""

from __future__ import annotations

import torch
from torch import Tensor, nn

Model = tuple[nn.Module, tuple[Tensor, ...]]
"""The module, and the tensors that it is called with."""


def image(side: int = 64, channels: int = 3) -> Tensor:
    """A square picture of noise, the same each time."""
    return noise(1, channels, side, side)


def noise(*shape: int) -> Tensor:
    """Normal numbers, the same each time."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))
