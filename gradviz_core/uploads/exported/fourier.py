"""Fourier transforms as torch's own operations below ``torch.fft``: their sizes are compared before they read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

_NORMALIZATIONS = range(3)
"""Not at all, by the root of the number of elements, by that number."""


def _check(x: Tensor, dim: Sequence[int], normalization: int, is_complex: bool) -> None:
    axes = {axis % x.dim() for axis in dim if -x.dim() <= axis < x.dim()}
    if not dim or len(axes) != len(dim) or normalization not in _NORMALIZATIONS:
        raise ValueError(f"axes {list(dim)} with normalization {normalization} do not exist")
    if x.is_complex() != is_complex or not (is_complex or x.is_floating_point()) or not x.numel():
        raise ValueError(f"it transforms {'complex' if is_complex else 'real'} numbers only, one or more")


def _real_to_complex(self: Tensor, dim: list[int], normalization: int, onesided: bool) -> Tensor:
    _check(self, dim, normalization, False)
    transform = torch.ops.aten._fft_r2c.default
    return transform(self, dim, normalization, onesided)  # type: ignore[no-any-return]


def _complex_to_complex(self: Tensor, dim: list[int], normalization: int, forward: bool) -> Tensor:
    _check(self, dim, normalization, True)
    transform = torch.ops.aten._fft_c2c.default
    return transform(self, dim, normalization, forward)  # type: ignore[no-any-return]


def _complex_to_real(self: Tensor, dim: list[int], normalization: int, last_dim_size: int) -> Tensor:
    """Of a last axis longer than half of what comes out, torch's own would read beyond its end."""
    _check(self, dim, normalization, True)
    if last_dim_size < 1 or last_dim_size // 2 + 1 != self.shape[dim[-1]]:
        raise ValueError(f"{self.shape[dim[-1]]} numbers are not half of the spectrum of {last_dim_size}")
    transform = torch.ops.aten._fft_c2r.default
    return transform(self, dim, normalization, last_dim_size)  # type: ignore[no-any-return]


FOURIER: dict[str, Callable[..., Any]] = {
    "_fft_r2c.default": _real_to_complex,
    "_fft_c2c.default": _complex_to_complex,
    "_fft_c2r.default": _complex_to_real,
}
