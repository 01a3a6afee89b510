"""The same values, lying in memory in every way that PyTorch allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import permutations
from random import Random

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
    found, true = found.detach().double(), true.detach().double()
    return float((found - true).norm() / true.norm())


# ---------------------------------------------------------------------------------------------------------- at random


def plain(tensor: Tensor, _: Random) -> Tensor:
    return tensor


def permuted(tensor: Tensor, random: Random) -> Tensor:
    order = list(range(tensor.dim()))
    random.shuffle(order)
    return laid_out(tensor, tuple(order))


def transposed(tensor: Tensor, _: Random) -> Tensor:
    return tensor.mT.contiguous().mT if tensor.dim() > 1 else tensor


def channels_last(tensor: Tensor, _: Random) -> Tensor:
    axes = tuple(range(tensor.dim()))
    return laid_out(tensor, (*axes[:1], *axes[2:], *axes[1:2]))


def channels_last_batch_elsewhere(tensor: Tensor, random: Random) -> Tensor:
    """As ``flatten(2).transpose(1, 2)`` leaves an image."""
    order = list(range(2, tensor.dim()))
    order.insert(random.randint(1, len(order)) if order else 0, 0)
    return laid_out(tensor, (*order, 1)) if tensor.dim() > 2 else tensor


def sliced(tensor: Tensor, random: Random) -> Tensor:
    """A part of a larger tensor, the rest of which is NaN."""
    if not tensor.dim():
        return tensor
    axis = random.randrange(tensor.dim())
    gap = torch.full_like(tensor, math.nan)
    return torch.cat((gap, tensor, gap), axis).narrow(axis, tensor.shape[axis], tensor.shape[axis])


def stepped(tensor: Tensor, random: Random) -> Tensor:
    """Every second or third number along one axis, or along one more, of a larger tensor; the rest is NaN."""
    axis, step = random.randrange(tensor.dim() + 1), random.choice((2, 3))
    gap = torch.full_like(tensor, math.nan)
    return torch.stack((tensor, *[gap] * (step - 1)), axis).select(axis, 0)


def expanded(tensor: Tensor, random: Random) -> Tensor:
    """Along one axis all values are the first, which lies in memory once."""
    if not tensor.numel() or not tensor.dim():
        return tensor
    axis = random.randrange(tensor.dim())
    return tensor.narrow(axis, 0, 1).contiguous().expand_as(tensor)


def odd_strides(tensor: Tensor, random: Random) -> Tensor:
    """Permuted, and along axes of length one any stride, which nothing ever steps by."""
    tensor = permuted(tensor, random)
    strides = [
        random.choice((0, 1, 2, 3, 8, 50)) if size == 1 else stride
        for size, stride in zip(tensor.shape, tensor.stride(), strict=True)
    ]
    return tensor.as_strided(tensor.shape, strides)


def sliced_and_permuted(tensor: Tensor, random: Random) -> Tensor:
    order = list(range(tensor.dim()))
    random.shuffle(order)
    inverse = [order.index(axis) for axis in range(tensor.dim())]
    return sliced(tensor.permute(order).contiguous(), random).permute(inverse)


Layout = Callable[[Tensor, Random], Tensor]
AT_RANDOM: tuple[Layout, ...] = (
    plain,
    permuted,
    transposed,
    channels_last,
    channels_last_batch_elsewhere,
    sliced,
    stepped,
    expanded,
    odd_strides,
    sliced_and_permuted,
)
