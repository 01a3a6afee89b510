"""Finer-CAM: Grad-CAM of how far a class is ahead of those that are most like it."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options
from gradviz_core.methods.class_activation import Layer, positions, weighted


def finer_cam(oracle: Layer, value: Float[Tensor, "*shape"], options: Options) -> Float[Tensor, "*map"]:
    """Grad-CAM of y_c − γ · mean of y_d: the logit of the class less γ, ``strength``, times the mean logit of the
    ``classes`` others whose logits are nearest to it; in units of the score.

    Source: Zhang et al. 2025 (arXiv:2501.11309).

    Raises:
        QuestionError: the value has no positions; the score is no logit of a class, or there is no other class.
    """
    places = positions(value, oracle.axis)
    slope = oracle(value) - float(options["strength"]) * oracle.of_similar(int(options["classes"]))
    return weighted(slope.mean(places, keepdim=True), value, oracle.axis, options)
