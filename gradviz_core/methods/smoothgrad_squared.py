"""SmoothGrad squared: the mean of the squared gradient over noisy copies of the value."""

from __future__ import annotations

from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options, Oracle
from gradviz_core.methods.smoothgrad import smoothgrad


def smoothgrad_squared(
    oracle: Oracle, value: Float[Tensor, "*shape"], options: Options, which: range
) -> Iterator[Float[Tensor, "*shape"]]:
    """(∂score/∂value)² at each noisy copy whose number is in ``which``; their mean is the map; never negative.

    Source: Hooker et al. 2019 (arXiv:1806.10758), section 4.
    """
    return (slope.square() for slope in smoothgrad(oracle, value, options, which))
