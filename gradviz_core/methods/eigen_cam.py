"""Eigen-CAM: the activations along their first principal direction."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options
from gradviz_core.methods.class_activation import Layer, cut, positions

LARGEST, CLOSE = 0.55, 1e-12
CHECKS, POWERS = 6, 6


def eigen_cam(oracle: Layer, value: Float[Tensor, "*shape"], options: Options) -> Float[Tensor, "*map"]:
    """A v, where A holds the activations (positions, channels) and v is its first right singular vector; in units of
    activation. No score and no gradient is in it.

    Of v and −v the one is taken with which the map is larger where the sum of the channels is:
    Σ_p (A v)_p Σ_k A_pk ≥ 0. With ``centred`` the mean over the positions is first taken off each channel. Computed in
    float64. Where the two largest singular values are equal, any direction between their vectors would do.

    Source: Muhammad & Yeasin 2020 (arXiv:2008.00299).

    Raises:
        QuestionError: the value has no positions.
    """
    positions(value, oracle.axis)
    channels = value.movedim(oracle.axis, -1)
    table = channels.flatten(0, -2).double().cpu()
    if options["centred"] == "yes":
        table = table - table.mean(0)
    found = _along_the_first(table).to(value).reshape(*channels.shape[:-1], 1)
    return cut(found.movedim(-1, oracle.axis), options)


def _along_the_first(table: Float[Tensor, "rows columns"]) -> Float[Tensor, "*rows"]:
    """The first left singular vector times its singular value, from the smaller of the two products of the table."""
    rows, columns = table.shape
    if columns <= rows:
        found: Tensor = table @ _leading(table.T @ table)
    else:
        products = table @ table.T
        vector = _leading(products)
        found = vector * (vector @ products @ vector).clamp(min=0).sqrt()
    return found if found @ table.sum(1) >= 0 else -found


def _leading(products: Float[Tensor, "n n"]) -> Float[Tensor, "*n"]:
    """The eigenvector of the largest eigenvalue λ, of length 1, of a symmetric matrix whose eigenvalues are ≥ 0.

    By powers of the matrix where these show λ to be ``LARGEST`` of the sum of all eigenvalues or more, as it nearly
    always is of activations: then no other is as large, and the error is at most 5.5 times ``CLOSE``. Else all
    eigenvectors are computed, which takes several times as long.
    """
    total = products.trace()
    scaled = products / total
    vector: Tensor = scaled.sum(1)
    for _ in range(CHECKS):
        for _ in range(POWERS):
            vector = scaled @ vector
        vector = vector / vector.norm()
        step = scaled @ vector
        value = vector @ step
        if value < LARGEST:
            break
        if (step - value * vector).norm() <= CLOSE * value:
            return vector
    vectors: Tensor = torch.linalg.eigh(products).eigenvectors
    return vectors[:, -1]
