"""Grad-CAM++: the channels, each weighted with its positive gradients."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options
from gradviz_core.methods.class_activation import Layer, positions, weighted


def grad_cam_plus_plus(oracle: Layer, value: Float[Tensor, "*shape"], options: Options) -> Float[Tensor, "*map"]:
    """Σ_k w_k a_k with w_k = Σ_p α_kp · relu(g_kp), where g is the gradient and α_kp = 1 / (2 + g_kp Σ_q a_kq); and its
    ReLU.

    α is equation 19 of the paper, g² / (2g² + g³ Σ a), with g² taken out: so it is right for the smallest gradients
    too. With activations of 0 or more it is at most 1/2; where negative ones make 2 + g Σ a zero or less, α has no
    meaning: it is 0, and the answer says so. The paper differentiates exp(score), whose gradient is exp(score) · g:
    that positive factor of the whole map is left out, as its authors do.

    Source: Chattopadhay et al. 2018 (arXiv:1710.11063).

    Raises:
        QuestionError: the value has no positions.
    """
    places, positive = positions(value, oracle.axis), oracle(value).relu()
    below = 2 + positive * value.sum(places, keepdim=True)
    if (below <= 0).any():
        oracle.note(
            "Grad-CAM++ is made for activations of 0 or more. This layer has negative ones: where they make 2 + g Σ a "
            "zero or less, a position counts for nothing in the weight of its channel."
        )
    weights = (positive / below).where(below > 0, 0.0).sum(places, keepdim=True)
    return weighted(weights, value, oracle.axis, options)
