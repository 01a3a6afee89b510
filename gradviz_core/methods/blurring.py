"""A picture blurred by a Gaussian."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def blurred(x: Float[Tensor, "*batch h w"], sigma: float) -> Float[Tensor, "*batch h w"]:
    """Each value becomes the mean of its row and column, weighted by a Gaussian whose standard deviation is ``sigma``
    pixels; the weights inside the picture sum to 1, so nothing comes from beyond its edge. With 0 it stays as it is."""
    rows, columns = (_weights(length, sigma).to(x) for length in x.shape[-2:])
    return rows @ x @ columns.T


def _weights(length: int, sigma: float) -> Tensor:
    """(length, length): row i holds the weights of all values in the mean at i."""
    at = torch.arange(length, dtype=torch.float64)
    weights = torch.exp(-0.5 * ((at[:, None] - at) / max(sigma, 1e-3)) ** 2)
    return weights / weights.sum(1, keepdim=True)
