"""Attention rollout: the attention of all layers multiplied, half of each layer being the path round it."""

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


def attention_rollout(
    oracle: Oracle, value: Float[Tensor, "*shape"], options: Options
) -> Float[Tensor, "1 1 rows columns"]:
    """Row of the token that the score is read from, of Π_l (mean over heads of A_l + I) / 2; not negative. No unit:
    with the tokens that are no patch the numbers sum to 1. The score decides only which token is read.

    Source: Abnar & Zuidema 2020 (arXiv:2005.00928), equation 1 and section 3.
    """
    layers = oracle.attentions()
    matrix = rolled(row_by_row(with_residual(layer.weights.mean(0))) for layer in layers)
    return over_the_patches(oracle, seen_from_the_score(matrix, layers), layers[0])
