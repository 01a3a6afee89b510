"""Chefer's relevance: what each attention layer passes on, weighted by the positive part of gradient × attention."""

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


def chefer(oracle: Oracle, value: Float[Tensor, "*shape"], options: Options) -> Float[Tensor, "1 1 rows columns"]:
    """Row of the token that the score is read from, of R = Π_l (I + Ā_l), with Ā_l the mean over heads of
    max(0, ∇A_l ⊙ A_l); not negative. ∇A_l is ∂score/∂A_l of the same layer.

    This is R ← R + Ā_l · R of Chefer, Gur & Wolf, ICCV 2021 (arXiv:2103.15679), equations 5 and 6. With ``form`` rows
    each row of I + Ā_l is divided by its sum, as the authors' code for their CVPR paper (arXiv:2012.09838) does; that
    paper has relevance by LRP in the place of attention, which is not here.
    """
    layers = oracle.attentions()
    fused = (with_residual((layer.gradient * layer.weights).clamp(min=0).mean(0)) for layer in layers)
    matrix = rolled(fused if options["form"] == "sums" else map(row_by_row, fused))
    return over_the_patches(oracle, seen_from_the_score(matrix, layers), layers[0])
