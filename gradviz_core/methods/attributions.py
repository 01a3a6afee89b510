"""Attribution methods: plain functions over a gradient oracle, listed in a plain mapping."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jaxtyping import Float
from torch import Tensor

from gradviz_core.types import MethodName

GradFn = Callable[[Tensor], Tensor]
"""value -> ∂score/∂value, both of one shape."""

Method = Callable[[GradFn, Tensor], Tensor]
"""(oracle, value) -> attribution with the value's shape."""


def gradient(grad: GradFn, value: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """∂score/∂value: how much the score changes per unit of each number; signed.

    Source: Simonyan et al. 2014 (arXiv:1312.6034), without the absolute value.
    """
    return grad(value)


def gradient_x_input(grad: GradFn, value: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """∂score/∂value times the value: the first-order share of each number in the score, in units of the score; signed.

    At the input the value is the normalised pixel, so zero is the mean colour of the training data, not black.
    Source: Shrikumar et al. 2016 (arXiv:1605.01713).
    """
    return value * grad(value)


METHODS: Mapping[MethodName, Method] = {"gradient": gradient, "gradient_x_input": gradient_x_input}
