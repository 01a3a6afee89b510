"""Grad-CAM: the channels, each weighted with its mean gradient."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options
from gradviz_core.methods.class_activation import Layer, positions, weighted


def grad_cam(oracle: Layer, value: Float[Tensor, "*shape"], options: Options) -> Float[Tensor, "*map"]:
    """Σ_k w_k a_k with w_k the mean of ∂score/∂a_k over all positions, and its ReLU; in units of the score.

    After global average pooling and a linear layer this is the class activation map of Zhou et al. 2016, divided by the
    number of positions.

    Source: Selvaraju et al. 2017 (arXiv:1610.02391), equations 1 and 2.

    Raises:
        QuestionError: the value has no positions.
    """
    weights = oracle(value).mean(positions(value, oracle.axis), keepdim=True)
    return weighted(weights, value, oracle.axis, options)
