"""From attention layers to a map over the patches: what the methods over all attention weights share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from gradviz_core.methods.attributions import Attention, Oracle

Matrix = Float[Tensor, "tokens tokens"]
Vector = Float[Tensor, " tokens"]


def rolled(layers: Iterable[Matrix]) -> Matrix:
    """The product of the layers' matrices, the last one leftmost: row i says how much of each token's first value goes
    into token i at the end."""
    found: Tensor | None = None
    for layer in layers:
        found = layer if found is None else layer @ found
    assert found is not None, "a model with attention has a layer"
    return found


def with_residual(weights: Matrix) -> Matrix:
    """The weights + the identity, for the path round the layer."""
    return weights + torch.eye(len(weights), dtype=weights.dtype, device=weights.device)


def row_by_row(matrix: Matrix) -> Matrix:
    """The matrix with each row divided by its sum."""
    return matrix / matrix.sum(-1, keepdim=True)


def read_tokens(layers: Sequence[Attention]) -> Bool[Tensor, " tokens"]:
    """The tokens that the score is read from: those whose own row of weights in the last layer it depends on. That is
    the class token, or all that are averaged or mixed without attention after that layer."""
    return (layers[-1].gradient != 0).any(2).any(0)


def seen_from_the_score(matrix: Matrix, layers: Sequence[Attention]) -> Vector:
    """The row of the token that the score is read from; the mean of their rows where there are several."""
    return matrix[read_tokens(layers)].mean(0)


def over_the_patches(oracle: Oracle, tokens: Vector, layer: Attention) -> Float[Tensor, "1 1 rows columns"]:
    """A number for each token, as a map over the patches. Tokens that are no patch are left out of the map; the answer
    holds their numbers beside it. It says so where no patch has a number but 0."""
    oracle.keep_tokens(tokens, layer)
    rows, columns = layer.grid
    picture = tokens.new_zeros(rows * columns)
    there = layer.patches >= 0
    picture[layer.patches[there]] = tokens[there]
    if not picture.any():
        oracle.note(
            "The map is 0 at every patch: no attention that this method counts leads from a patch to the score."
        )
    return picture.reshape(1, 1, rows, columns)
