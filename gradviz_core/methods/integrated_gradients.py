"""Integrated gradients: the gradient, integrated along the straight path from a baseline to the value."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options, Oracle
from gradviz_core.methods.baselines import baseline


def integrated_gradients(
    oracle: Oracle, value: Float[Tensor, "*shape"], options: Options, which: range
) -> Iterator[Float[Tensor, "*shape"]]:
    """(x − b) · ∫₀¹ ∂score/∂x (b + α (x − b)) dα by a rule with ``steps`` points α: each term is one point's, times its
    weight; their sum is the map, in units of the score; signed.

    Raises:
        QuestionError: at a layer output, for a baseline that is a picture.

    Source: Sundararajan et al. 2017 (arXiv:1703.01365), equation 1.
    """
    start = baseline(oracle, value, options)
    way = value - start
    shares, weights = points(str(options["rule"]), int(options["steps"]))
    on_the_way = (start + float(shares[step]) * way for step in which)
    asked = oracle.each(on_the_way)
    return (float(weights[step]) * way * here.gradient for step, here in zip(which, asked, strict=True))


def total(oracle: Oracle, value: Float[Tensor, "*shape"], options: Options) -> float:
    """The score less that of the baseline: what the attribution sums to with ever more steps.

    Raises:
        QuestionError: as the method does.
    """
    return oracle.score(value) - oracle.score(baseline(oracle, value, options))


@lru_cache(maxsize=8)
def points(rule: str, steps: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The points of a rule in 0..1, and their weights, which sum to 1: the middles of equal parts; equally far apart
    from one end to the other, counted from the value; or those of Gauss and Legendre. Nobody writes to them."""
    match rule:
        case "midpoint":
            return (np.arange(steps) + 0.5) / steps, np.full(steps, 1 / steps)
        case "trapezoid":
            weights = np.ones(steps)
            weights[[0, -1]] = 0.5
            return np.linspace(1, 0, steps), weights / weights.sum()
        case "gauss":
            nodes, halves = np.polynomial.legendre.leggauss(steps)
            return (1 + nodes) / 2, halves / 2
        case _:
            raise ValueError(f"There is no rule {rule!r}.")
