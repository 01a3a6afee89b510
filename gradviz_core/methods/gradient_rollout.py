"""Gradient-weighted rollout: attention rollout in which the gradient weights the heads."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options, Oracle
from gradviz_core.methods.token_maps import (
    over_the_patches,
    rolled,
    row_by_row,
    seen_from_the_score,
    with_residual,
)


def gradient_rollout(
    oracle: Oracle, value: Float[Tensor, "*shape"], options: Options
) -> Float[Tensor, "1 1 rows columns"]:
    """Row of the token that the score is read from, of Π_l of the rows of max(0, mean over heads of ∇A_l ⊙ A_l) + I,
    each divided by its sum; not negative. ∇A_l is ∂score/∂A_l of the same layer. No unit.

    Source: J. Gildenblat, Exploring Explainability for Vision Transformers, 2020; its code pairs the gradients of the
    last layer with the attention of the first.
    """
    layers = oracle.attentions()
    fused = ((layer.gradient * layer.weights).mean(0).clamp(min=0) for layer in layers)
    matrix = rolled(row_by_row(with_residual(layer)) for layer in fused)
    return over_the_patches(oracle, seen_from_the_score(matrix, layers), layers[0])
