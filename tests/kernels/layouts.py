"""The same values, lying in memory in every way that PyTorch allows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import torch
from torch import Tensor


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def laid_out(tensor: Tensor, order: tuple[int, ...]) -> Tensor:
    """The same values, with the axes lying in memory in that order."""
    return tensor.permute(order).contiguous().permute([order.index(axis) for axis in range(tensor.dim())])


def layouts(tensor: Tensor) -> Iterator[Tensor]:
    """The same values in every order of the axes, sliced, stepped and, where a batch of one says so, expanded."""
    for order in permutations(range(tensor.dim())):
        yield laid_out(tensor, order)
    yield torch.cat((tensor, tensor), 1)[:, : tensor.shape[1]]
    yield torch.stack((tensor, tensor), -1)[..., 0]
    if tensor.shape[0] == 1:
        yield tensor[0].expand_as(tensor)


def far(found: Tensor, true: Tensor) -> float:
    return float((found.double() - true.double()).norm() / true.double().norm())
