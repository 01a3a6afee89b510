"""Models of a few kilobytes that weigh much: on a page, on a worker, on a processor."""

from __future__ import annotations

import io
from functools import cache

import torch
from torch import Tensor, nn


class Wide(nn.Module):
    """Takes a picture of any size to three averages, and those to ten scores: nothing to compute, much to show."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(3, 10)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(torch.flatten(self.pool(x), 1))
        return scores


class Sorts(nn.Module):
    """Sorts all that it is given again and again: hardly a multiplication, and a long time."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.head = nn.Linear(3, 10)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.detach().flatten(1)
        for _ in range(self.times):
            flat = torch.sort(flat * -1.0, dim=1).values
        scores: Tensor = self.head(x.mean((2, 3)) + flat.reshape(x.shape[0], 3, -1).mean(2))
        return scores


class Slow(nn.Module):
    """Convolutions, as many as a model may have: many seconds of one processor for each pass."""

    def __init__(self, times: int, channels: int) -> None:
        super().__init__()
        self.times = times
        self.first = nn.Conv2d(3, channels, 1)
        self.layer = nn.Conv2d(channels, channels, 3, padding=1)
        self.head = nn.Linear(channels, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for _ in range(self.times):
            x = torch.relu(self.layer(x))
        scores: Tensor = self.head(x.mean((2, 3)))
        return scores


class Small(nn.Module):
    """Somebody's own little model."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(torch.relu(self.conv(x)).mean((2, 3)))
        return scores


@cache
def wide(side: int = 4096) -> bytes:
    """6 kB; shown whole, an answer about it has 200 MB at the default size."""
    return _exported(Wide(), side)


@cache
def sorts(side: int = 1155, times: int = 300) -> bytes:
    """Sorts four million numbers 300 times at the default size."""
    return _exported(Sorts(times), side)


@cache
def slow(side: int = 48, times: int = 70, channels: int = 384) -> bytes:
    """428 billion operations for a forward pass at the default size, where a product and a sum are two."""
    return _exported(Slow(times, channels), side)


@cache
def small(seed: int = 0, side: int = 32) -> bytes:
    """A model that does no harm; each seed gives another one."""
    return _exported(Small(), side, seed)


def _exported(module: nn.Module, side: int, seed: int = 0) -> bytes:
    torch.manual_seed(seed)
    for parameter in module.parameters():
        nn.init.uniform_(parameter, -0.5, 0.5)
    out = io.BytesIO()
    sample = torch.zeros(1, 1, 1, 1).expand(1, 3, side, side)  # kept in the file as the one number that it is
    torch.export.save(torch.export.export(module.eval(), (sample,)), out)
    return out.getvalue()
