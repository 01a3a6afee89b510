"""SmoothGrad: the mean of the gradient over noisy copies of the value."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options, Oracle
from gradviz_core.methods.draws import generator


def smoothgrad(
    oracle: Oracle, value: Float[Tensor, "*shape"], options: Options, which: range
) -> Iterator[Float[Tensor, "*shape"]]:
    """∂score/∂value at each noisy copy whose number is in ``which``; their mean is the map; signed.

    Source: Smilkov et al. 2017 (arXiv:1706.03825), equation 2.
    """
    return (asked.gradient for asked in oracle.each(noisy(value, options, number) for number in which))


def noisy(value: Float[Tensor, "*shape"], options: Options, number: int) -> Float[Tensor, "*shape"]:
    """The value + spread · (max − min of the value) · standard normal numbers, drawn from a seed of this copy's own."""
    noise = torch.randn(value.shape, generator=generator(options, number), dtype=torch.float32).to(value)
    return value + float(options["spread"]) * (value.max() - value.min()) * noise
