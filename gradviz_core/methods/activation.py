"""What a layer gives."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import GradFn, Options


def activation(oracle: GradFn, value: Float[Tensor, "*shape"], options: Options) -> Float[Tensor, "*shape"]:
    """The value of the layer output itself, in its own unit; no gradient is in it.

    Source: Zeiler & Fergus 2014 (arXiv:1311.2901), who look at feature maps.
    """
    return value
