"""VarGrad: the variance of the gradient over noisy copies of the value."""

from __future__ import annotations

from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options, Oracle
from gradviz_core.methods.smoothgrad import smoothgrad


def vargrad(
    oracle: Oracle, value: Float[Tensor, "*shape"], options: Options, which: range
) -> Iterator[Float[Tensor, "*shape"]]:
    """∂score/∂value at each noisy copy whose number is in ``which``; the map is their population variance, the mean of
    their squares less the square of their mean; never negative.

    Source: Adebayo et al. 2018 (arXiv:1810.03307), section 3.
    """
    return smoothgrad(oracle, value, options, which)
