"""Operations that torch runs without checks that safety needs, with those checks."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor

from gradviz_core.uploads.exported.fourier import FOURIER
from gradviz_core.uploads.exported.recurrent import RECURRENT

_MOST_PADDINGS = 2
"""``grid_sample`` pads with zeros, the border or a reflection, in that order."""
_HIGHEST_POWER = 1_000
_MOST_BINS = 100_000
_CIRCULAR = 3
"""torch's number of that mode of padding."""


def _batch_norm(
    input: Tensor,  # noqa: A002 (the operation's own name)
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor,
    running_var: Tensor,
    momentum: float,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Batch norm with fixed statistics; the raw operation does not compare sizes before it reads. It keeps no
    statistics of the input, so the second and third result are empty, as they are there."""
    normed = torch.ops.aten.batch_norm.default(
        input, weight, bias, running_mean, running_var, False, momentum, eps, False
    )
    return normed, input.new_empty(0), input.new_empty(0)


def _div(self: Tensor, other: Tensor | float, rounding_mode: str | None = None) -> Tensor:
    """Division. Of integers rounded towards zero, torch's own ends the process where the result is out of range."""
    if rounding_mode == "trunc" and not self.is_floating_point():
        raise NotImplementedError("integer division towards zero is not supported here")
    return torch.div(self, other, rounding_mode=rounding_mode)


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Attention; torch's own does not compare the number of keys with that of values before it reads."""
    if key.shape[:-1] != value.shape[:-1]:
        raise ValueError(f"keys have shape {tuple(key.shape)} and values {tuple(value.shape)}")
    attend = torch.ops.aten.scaled_dot_product_attention.default
    attended: Tensor = attend(query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa)
    return attended


def _weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """Weight norm; along the first or last axis torch's own does not compare the sizes before it reads and writes."""
    wanted = tuple(size if axis == dim else 1 for axis, size in enumerate(v.shape))
    if dim in (0, v.dim() - 1) and (g.shape != wanted or g.dtype != v.dtype):
        raise ValueError(f"the norms have shape {tuple(g.shape)} and the weights {tuple(v.shape)}")
    normed: Tensor = torch.ops.aten._weight_norm.default(v, g, dim)
    return normed


def _grid_sampler(
    input: Tensor,  # noqa: A002 (the operation's own name)
    grid: Tensor,
    interpolation_mode: int,
    padding_mode: int,
    align_corners: bool,
) -> Tensor:
    """Sampling at the points of a grid; of a mode that does not exist torch's own gives memory as it lies there."""
    if not 0 <= interpolation_mode <= (2 if input.dim() == 4 else 1) or not 0 <= padding_mode <= _MOST_PADDINGS:
        raise ValueError(f"interpolation {interpolation_mode} with padding {padding_mode} does not exist")
    sample = torch.ops.aten.grid_sampler.default
    sampled: Tensor = sample(input, grid, interpolation_mode, padding_mode, align_corners)
    return sampled


def _pad(self: Tensor, pad: list[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Padding by a mode's name."""
    if mode == "circular":
        return _pad_circular(self, pad)
    padded: Tensor = torch.ops.aten.pad.default(self, pad, mode, value)
    return padded


def _pad_enum(self: Tensor, pad: list[int], mode: int, value: float | None = None) -> Tensor:
    """Padding by a mode's number."""
    if mode == _CIRCULAR:
        return _pad_circular(self, pad)
    padded: Tensor = torch.ops.aten._pad_enum.default(self, pad, mode, value)
    return padded


def _pad_circular(self: Tensor, pad: list[int]) -> Tensor:
    """Padding with the other end; where it cuts off as well, torch's own gives memory as it lies there."""
    if any(size < 0 for size in pad):
        raise ValueError(f"circular padding by {pad} contains a negative number")
    padded: Tensor = torch.ops.aten._pad_circular.default(self, pad)
    return padded


def _group_norm(
    input: Tensor,  # noqa: A002 (the operation's own name)
    weight: Tensor | None,
    bias: Tensor | None,
    N: int,
    C: int,
    HxW: int,
    group: int,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Group norm; of sizes that are not those of the input torch's own may give memory as it lies there."""
    sizes = (*input.shape[:2], prod(input.shape[2:]))
    if (N, C, HxW) != sizes:
        raise ValueError(f"the sizes {N}, {C} and {HxW} are not the {sizes} of the input")
    return torch.ops.aten.native_group_norm.default(input, weight, bias, N, C, HxW, group, eps)  # type: ignore[no-any-return]


def _matrix_power(self: Tensor, n: int) -> Tensor:
    """A power of a matrix; the lowest whole number there is has no end in torch's own."""
    if abs(n) > _HIGHEST_POWER:
        raise ValueError(f"the power {n} is beyond {_HIGHEST_POWER}")
    power: Tensor = torch.linalg.matrix_power(self, n)
    return power


def _histc(self: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:  # noqa: A002
    """Counts of numbers in bins. Where the width of the range is not a number of this type, or a bin is too narrow for
    it, torch's own counts at a place that is not in its result."""
    if self.dtype not in (torch.float32, torch.float64) or not 0 < bins <= _MOST_BINS:
        raise ValueError(f"it counts 32- or 64-bit numbers in at most {_MOST_BINS:,} bins")
    kind, width = torch.finfo(self.dtype), max - min
    if not kind.tiny < width < kind.max / (2 * bins) or width <= 2 * bins * kind.eps * builtins.max(abs(min), abs(max)):
        raise ValueError(f"its {bins:,} bins from {min} to {max} are no range that numbers can be counted in")
    counts: Tensor = torch.ops.aten.histc.default(self, bins, min, max)
    return counts


def _empty(
    size: list[int],
    dtype: torch.dtype | None = None,
    layout: torch.layout | None = None,
    device: torch.device | None = None,
    pin_memory: bool | None = None,
    memory_format: torch.memory_format | None = None,
) -> Tensor:
    """Zeros, never memory as it lies there."""
    zeros = torch.zeros(size, dtype=dtype, device=device)
    return zeros if memory_format is None else zeros.contiguous(memory_format=memory_format)


def _empty_permuted(
    size: list[int],
    physical_layout: list[int],
    dtype: torch.dtype | None = None,
    layout: torch.layout | None = None,
    device: torch.device | None = None,
    pin_memory: bool | None = None,
) -> Tensor:
    """Zeros whose axes lie in that order in memory."""
    if sorted(physical_layout) != list(range(len(size))):
        raise ValueError(f"{physical_layout} is no order of {len(size)} axes")
    zeros = torch.zeros([size[axis] for axis in physical_layout], dtype=dtype, device=device)
    return zeros.permute([physical_layout.index(axis) for axis in range(len(size))])


CHECKED: dict[str, Callable[..., Any]] = {
    "_weight_norm.default": _weight_norm,
    "_native_batch_norm_legit_no_training.default": _batch_norm,
    "div.Tensor_mode": _div,
    "div.Scalar_mode": _div,
    "scaled_dot_product_attention.default": _attention,
    "native_group_norm.default": _group_norm,
    "grid_sampler.default": _grid_sampler,
    "grid_sampler_2d.default": _grid_sampler,
    "empty_like.default": torch.ops.aten.zeros_like.default,  # never memory as it lies there
    "matrix_power.default": _matrix_power,
    "linalg_matrix_power.default": _matrix_power,
    "histc.default": _histc,
    "empty.memory_format": _empty,
    "empty_permuted.default": _empty_permuted,
    "new_empty.default": torch.ops.aten.new_zeros.default,
    "pad.default": _pad,
    "_pad_enum.default": _pad_enum,
    "_pad_circular.default": _pad_circular,
    **RECURRENT,
    **FOURIER,
}
