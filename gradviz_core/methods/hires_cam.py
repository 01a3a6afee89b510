"""HiResCAM: the gradient times the activation, summed over the channels."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options
from gradviz_core.methods.class_activation import Layer, positions, weighted


def hires_cam(oracle: Layer, value: Float[Tensor, "*shape"], options: Options) -> Float[Tensor, "*map"]:
    """Σ_k g_k · a_k at each position: what the layer gives there adds so much to the score, to first order; signed, in
    units of the score.

    Where the rest of the network is linear, the map sums to the score less its biases.

    Source: Draelos & Carin 2020 (arXiv:2011.08891).

    Raises:
        QuestionError: the value has no positions.
    """
    positions(value, oracle.axis)
    return weighted(oracle(value), value, oracle.axis, options)
