"""The gradient itself."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import GradFn, Options


def gradient(oracle: GradFn, value: Float[Tensor, "*shape"], options: Options) -> Float[Tensor, "*shape"]:
    """∂score/∂value: how much the score changes per unit of each value; signed.

    Source: Simonyan et al. 2014 (arXiv:1312.6034), without the absolute value.
    """
    return oracle(value)
