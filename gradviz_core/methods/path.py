"""The straight path from a baseline to the value: score and slope on the way, and what each number adds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Oracle

Doubles = npt.NDArray[np.float64]


class Walk(NamedTuple):
    """What was met on the way, at the ends of all steps."""

    share: Doubles
    """α, from 0 to 1."""
    score: Doubles
    slope: Doubles
    """d score/dα = Σ (x - b) · ∂score/∂x, at b + α (x - b)."""
    added: Doubles
    """(parts, *shape): ∫ (x - b) · ∂score/∂x dα over each part, by the trapezoidal rule; signed."""


def walk(
    oracle: Oracle, value: Float[Tensor, "*shape"], start: Float[Tensor, "*shape"], parts: int, steps: int
) -> Walk:
    """From ``start`` to ``value`` in equal parts, each of so many steps; in units of the score.

    Source: Sundararajan et al. 2017 (arXiv:1703.01365), equation 1.
    """
    way, count = value - start, parts * steps
    share = np.arange(count + 1) / count
    score, slope, added = [], [], np.zeros((parts, *way.shape[1:]))
    for number, asked in enumerate(oracle.each(start + float(at) * way for at in share)):
        product = (way * asked.gradient)[0].double().cpu().numpy()
        score.append(asked.score)
        slope.append(product.sum())
        for step in (number - 1, number):  # half of it counts for each of the two steps that meet here
            if 0 <= step < count:
                added[step // steps] += product / (2 * count)
    return Walk(share, np.array(score), np.array(slope), added)
