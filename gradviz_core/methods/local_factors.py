"""How the numbers of a layer's output change with one number of its input: one column of its Jacobian, written out from
the layer's weights where they are known by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gradviz_core.errors import QuestionError
from gradviz_core.tracing.trace import differentiate_along
from gradviz_core.types.backward import Rule

Index = tuple[int, ...]
_ON_THE_CPU = "DefaultCPUAllocator"
"""In the error that torch raises where a CPU has no memory left: a plain ``RuntimeError``."""


class OnlyOnce(Exception):
    """PyTorch cannot differentiate what lies between two values a second time."""


@dataclass(frozen=True, slots=True)
class Column:
    """∂y/∂x_i for one number x_i of the input: the numbers of the output that may change, and how much each does."""

    indices: Tensor
    """Shape (n, axes of the output without the batch axis)."""
    factors: Tensor
    """Shape (n,)."""
    name: Callable[[Index], str] = lambda _: ""
    """What the factor of an output's number is called."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One call of a layer, with the values of its pass."""

    module: nn.Module
    x: Tensor
    """(1, ...)"""
    y: Tensor


def rule_of(module: nn.Module | None, kind: str) -> Rule:
    """The kind of a layer's local derivative."""
    if isinstance(module, nn.Conv2d):
        return "convolution"
    return _RULES.get(type(module).__name__, _RULES.get(kind, "other"))


def column(layer: Layer, index: Index) -> Column:
    """The column for the number ``index`` of the input, without the batch axis.

    Convolution y = w * x: ∂y[k, p, q]/∂x[c, i, j] = w[k, c, a, b], where a = i + padding - stride·p, and b likewise.
    Linear: ∂y[k]/∂x[j] = W[k, j]. Batch norm in evaluation mode: γ[c] / √(var[c] + ε). ReLU: 1 where x > 0, else 0 (at
    0 too, as in PyTorch). Largest of a window: 1 where it is this number. Mean of n numbers: 1/n. Anything else: by a
    second derivative pass, as ``differentiate_along`` has it.

    Raises:
        OnlyOnce: PyTorch cannot differentiate the layer twice.
    """
    own_padding = isinstance(layer.module, nn.Conv2d) and hasattr(layer.module, "padding_before")
    explicit = _convolution if own_padding else _EXPLICIT.get(type(layer.module))
    found = explicit(layer, index) if explicit else None
    return found if found is not None else by_differentiation(layer.y, layer.x, index)


def by_differentiation(y: Tensor, x: Tensor, index: Index) -> Column:
    """The same for any two values of one pass: the derivative of y along the direction that is 1 at ``index``.

    Raises:
        OnlyOnce: PyTorch cannot differentiate what lies between twice.
        RuntimeError: there is too little memory for it.
    """
    direction = torch.zeros_like(x)
    direction[(0, *index)] = 1
    try:
        change = differentiate_along(y, x)(direction)[0].detach()
    except (QuestionError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError) or _ON_THE_CPU in str(error):
            raise
        raise OnlyOnce from error
    indices = change.nonzero()
    return Column(indices, change[tuple(indices.T)] if change.dim() else change.reshape(-1))


def times(index: Index, x: Tensor, other: Tensor) -> Column:
    """The column of the product of two values, one of which may be spread over more places than the other."""
    direction = torch.zeros_like(x)
    direction[(0, *index)] = 1
    change = (direction * other)[0].detach()
    indices = ((direction != 0) & torch.ones_like(other, dtype=torch.bool))[0].nonzero()
    return Column(indices, change[tuple(indices.T)])


def same_number(index: Index, x: Tensor, y: Tensor, factor: float | Tensor = 1.0) -> Column:
    """The column where each number of the output is one of the input, times a factor, in the same order."""
    place = math.prod(x.shape[1:]) and int(_flat(index, x.shape[1:]))
    at = torch.tensor([_unravelled(place, y.shape[1:])])
    return Column(at, torch.as_tensor(factor, dtype=y.dtype, device=y.device).detach().reshape(1))


def _flat(index: Index, shape: torch.Size) -> int:
    place = 0
    for i, size in zip(index, shape, strict=True):
        place = place * size + i
    return place


def _unravelled(place: int, shape: torch.Size) -> Index:
    index = []
    for size in reversed(shape):
        place, rest = divmod(place, size)
        index.append(rest)
    return tuple(reversed(index))


# ------------------------------------------------------------------------------------------------------ layer by layer


def _convolution(layer: Layer, index: Index) -> Column | None:
    module, (channel, *place) = layer.module, index
    assert isinstance(module, nn.Conv2d)
    if module.padding_mode != "zeros" or layer.x.dim() != 4:
        return None
    per_group = module.in_channels // module.groups
    outputs = module.out_channels // module.groups
    first = channel // per_group * outputs
    weight = module.weight.detach()
    before = _padding_before(module, layer.x.shape[2], layer.x.shape[3])
    axes = [_windows(module, axis, before[axis], place[axis], layer.y.shape[2 + axis]) for axis in (0, 1)]
    found, factors, taps = [], [], {}
    for p, a in axes[0]:
        for q, b in axes[1]:
            taps[p, q] = (a, b)
            found += [(k, p, q) for k in range(first, first + outputs)]
            factors.append(weight[first : first + outputs, channel % per_group, a, b])
    if not found:
        return Column(torch.zeros(0, 3, dtype=torch.long), layer.y.new_zeros(0))

    def name(at: Index) -> str:
        a, b = taps[at[1], at[2]]
        return f"w[{at[0]},{channel % per_group},{a},{b}]"

    return Column(torch.tensor(found), torch.cat(factors), name)


def _padding_before(module: nn.Conv2d, rows: int, columns: int) -> tuple[int, int]:
    """Rows of zeros above the input and columns on its left; a layer that pads by itself says it."""
    own: Callable[[int, int], tuple[int, int]] | None = getattr(module, "padding_before", None)
    if own is not None:
        return own(rows, columns)
    if not isinstance(module.padding, str):
        return module.padding[0], module.padding[1]
    spread = [step * (size - 1) for step, size in zip(module.dilation, module.kernel_size, strict=True)]
    return (spread[0] // 2, spread[1] // 2) if module.padding == "same" else (0, 0)


def _windows(module: nn.Conv2d, axis: int, padding: int, i: int, count: int) -> list[tuple[int, int]]:
    """The positions p along one axis whose window covers i, each with the place of i in that window."""
    kernel, stride, spread = module.kernel_size[axis], module.stride[axis], module.dilation[axis]
    found = []
    for a in range(kernel):
        p, rest = divmod(i + padding - a * spread, stride)
        if rest == 0 and 0 <= p < count:
            found.append((p, a))
    return found


def _linear(layer: Layer, index: Index) -> Column:
    assert isinstance(layer.module, nn.Linear)
    *place, j = index
    indices = torch.tensor([(*place, k) for k in range(layer.module.out_features)])
    return Column(indices, layer.module.weight.detach()[:, j], lambda at: f"W[{at[-1]},{j}]")


def _batch_norm(layer: Layer, index: Index) -> Column | None:
    module, c = layer.module, index[0]
    assert isinstance(module, nn.BatchNorm2d)
    if module.training or module.running_var is None:
        return None
    gamma = module.weight.detach()[c] if module.affine else 1.0
    at = torch.tensor([index])
    factor = (gamma / torch.sqrt(module.running_var[c] + module.eps)).reshape(1)
    return Column(at, factor, lambda _: f"γ[{c}]/√(var[{c}]+ε)")


def _relu(layer: Layer, index: Index) -> Column:
    x = layer.x.detach()[(0, *index)]
    return same_number(index, layer.x, layer.y, (x > 0).to(x))


def _relu6(layer: Layer, index: Index) -> Column:
    x = layer.x.detach()[(0, *index)]
    return same_number(index, layer.x, layer.y, ((x > 0) & (x < 6)).to(x))


def _max_pool(layer: Layer, index: Index) -> Column | None:
    module, (channel, *place) = layer.module, index
    assert isinstance(module, nn.MaxPool2d)
    if layer.x.dim() != 4:
        return None
    one = layer.x.detach()[:, channel : channel + 1]
    _, chosen = F.max_pool2d(
        one, module.kernel_size, module.stride, module.padding, module.dilation, module.ceil_mode, return_indices=True
    )
    places = (chosen[0, 0] == place[0] * layer.x.shape[3] + place[1]).nonzero()
    indices = torch.cat([torch.full((len(places), 1), channel, device=places.device), places], dim=1)
    return Column(indices, layer.y.new_ones(len(places)))


def _mean_of_windows(layer: Layer, index: Index) -> Column | None:
    if layer.x.dim() != 4:
        return None
    channel, *place = index
    axes = []
    for axis in (0, 1):
        size, count = layer.x.shape[2 + axis], layer.y.shape[2 + axis]
        ends = [(p * size // count, -(-(p + 1) * size // count)) for p in range(count)]
        axes.append([(p, last - first) for p, (first, last) in enumerate(ends) if first <= place[axis] < last])
    cells = [(channel, p, q, rows * columns) for p, rows in axes[0] for q, columns in axes[1]]
    counts = {(p, q): count for _, p, q, count in cells}
    factors = layer.y.new_tensor([1 / count for *_, count in cells])
    return Column(torch.tensor([cell[:3] for cell in cells]), factors, lambda at: f"1/{counts[at[1], at[2]]}")


def _same(layer: Layer, index: Index) -> Column | None:
    if layer.x.numel() != layer.y.numel() or (layer.module.training and isinstance(layer.module, nn.Dropout)):
        return None
    return same_number(index, layer.x, layer.y)


_EXPLICIT: dict[type[nn.Module], Callable[[Layer, Index], Column | None]] = {
    nn.Conv2d: _convolution,
    nn.Linear: _linear,
    nn.BatchNorm2d: _batch_norm,
    nn.ReLU: _relu,
    nn.ReLU6: _relu6,
    nn.MaxPool2d: _max_pool,
    nn.AdaptiveAvgPool2d: _mean_of_windows,
    nn.Flatten: _same,
    nn.Dropout: _same,
    nn.Identity: _same,
}
_RULES: dict[str, Rule] = {
    "Conv2d": "convolution",
    "Linear": "linear",
    "BatchNorm2d": "scale",
    "ReLU": "relu",
    "ReLU6": "relu6",
    "MaxPool2d": "max_pool",
    "AdaptiveAvgPool2d": "mean",
    "AvgPool2d": "mean",
    "Flatten": "same",
    "Dropout": "same",
    "Identity": "same",
    "LayerNorm": "normalise",
    "GroupNorm": "normalise",
    "GELU": "pointwise",
    "SiLU": "pointwise",
    "Sigmoid": "pointwise",
    "Tanh": "pointwise",
    "Hardswish": "pointwise",
    "Hardsigmoid": "pointwise",
    "LeakyReLU": "pointwise",
    "ELU": "pointwise",
    "MultiheadAttention": "attention",
}
