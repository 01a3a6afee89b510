"""XGrad-CAM: the channels, each weighted with its gradient where it is active."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options
from gradviz_core.methods.class_activation import Layer, positions, weighted


def xgrad_cam(oracle: Layer, value: Float[Tensor, "*shape"], options: Options) -> Float[Tensor, "*map"]:
    """Σ_k w_k a_k with w_k = Σ_p g_kp a_kp / Σ_p a_kp: the mean gradient, weighted with the activation.

    Signed, in units of the score. A channel whose activations sum to zero gets the weight 0.

    The map sums to Σ g · a, as that of HiResCAM does, over the channels whose activations do not sum to zero.

    Source: Fu et al. 2020 (arXiv:2008.02312).

    Raises:
        QuestionError: the value has no positions.
    """
    places = positions(value, oracle.axis)
    total = value.sum(places, keepdim=True)
    weights = ((oracle(value) * value).sum(places, keepdim=True) / total).where(total != 0, 0.0)
    return weighted(weights, value, oracle.axis, options)
