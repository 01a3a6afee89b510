"""A network whose layers other libraries read wrongly, or not at all."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Awkward(nn.Module):
    """One ReLU in place, called twice; a layer that returns a tuple; a functional ReLU at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)
        self.relu, self.both, self.head = nn.ReLU(inplace=True), _Both(), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        one, other = self.both(self.relu(self.second(self.relu(self.first(x)))))
        return self.head(torch.relu_(torch.cat([one, other], 1)).mean((2, 3)))  # type: ignore[no-any-return]


class _Both(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return torch.tanh(x), x.square() - 0.1


def made() -> tuple[nn.Module, Tensor]:
    """The network and an input, the same in every process."""
    torch.manual_seed(1)
    return Awkward().eval(), torch.randn(1, 3, 12, 12)
