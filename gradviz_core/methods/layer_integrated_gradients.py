"""Layer integrated gradients: the gradient, integrated along the straight path between two values of a layer."""

from __future__ import annotations

from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options, Oracle
from gradviz_core.methods.baselines import of_the_input
from gradviz_core.methods.integrated_gradients import points


def layer_integrated_gradients(
    oracle: Oracle, value: Float[Tensor, "*shape"], options: Options, which: range
) -> Iterator[Float[Tensor, "*shape"]]:
    """(a − a₀) · ∫₀¹ ∂score/∂a (a₀ + α (a − a₀)) dα, where a is what the layer gives for the image and a₀ what it gives
    for a baseline, by a rule with ``steps`` points α. Values that do not pass through the layer stay those of the
    image. Each term is one point's, times its weight; their sum is the map, in units of the score; signed.

    Source: Sundararajan et al. 2017 (arXiv:1703.01365), equation 1, at a layer output as captum has it.
    """
    start = _start(oracle, options)
    way = value - start
    shares, weights = points(str(options["rule"]), int(options["steps"]))
    asked = oracle.each(start + float(shares[step]) * way for step in which)
    return (float(weights[step]) * way * here.gradient for step, here in zip(which, asked, strict=True))


def total(oracle: Oracle, value: Float[Tensor, "*shape"], options: Options) -> float:
    """The score less that where the layer gives what it gives for the baseline: what the attribution sums to with ever
    more steps."""
    return oracle.score(value) - oracle.score(_start(oracle, options))


def _start(oracle: Oracle, options: Options) -> Tensor:
    return next(iter(oracle.along([of_the_input(oracle, options)]))).value
