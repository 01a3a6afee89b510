"""Internal influence: the gradient at a layer output, averaged along a path of inputs."""

from __future__ import annotations

from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options, Oracle
from gradviz_core.methods.baselines import of_the_input
from gradviz_core.methods.integrated_gradients import points


def internal_influence(
    oracle: Oracle, value: Float[Tensor, "*shape"], options: Options, which: range
) -> Iterator[Float[Tensor, "*shape"]]:
    """∫₀¹ ∂score/∂a (b + α (x − b)) dα at the layer output a, by a rule with ``steps`` points α of the straight path
    from a baseline b to the input x: each term is one point's gradient, times its weight; their sum is the map,
    in units of the score per unit of activation; signed.

    Source: Leino et al. 2018 (arXiv:1802.03788), with the uniform distribution on that path.
    """
    start = of_the_input(oracle, options)
    shares, weights = points(str(options["rule"]), int(options["steps"]))
    asked = oracle.along(start + float(shares[step]) * (oracle.input - start) for step in which)
    return (float(weights[step]) * here.gradient for step, here in zip(which, asked, strict=True))
