"""The gradient times the input."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import GradFn, Options


def gradient_x_input(oracle: GradFn, value: Float[Tensor, "*shape"], options: Options) -> Float[Tensor, "*shape"]:
    """∂score/∂value times the value: the first-order contribution of each value to the score, in units of the score;
    signed.

    At the input the value is the normalised pixel, so zero is the mean colour of the training data, not black.
    Source: Shrikumar et al. 2016 (arXiv:1605.01713).
    """
    return value * oracle(value)
