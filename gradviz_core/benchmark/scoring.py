"""How much of a map lies where it should, and how sure that is after a few pictures. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Amounts = npt.NDArray[np.float64]
"""(H, W), none negative: how much a map marks each pixel."""
Mask = npt.NDArray[np.bool_]

Z = 1.96
"""Standard deviations on each side that hold 95 % of a normal distribution."""
RESAMPLES = 2000


class Mean(NamedTuple):
    """A mean over pictures, and the interval of 95 % around it."""

    value: float
    low: float
    high: float
    pictures: int
    """How many pictures."""


def share(amounts: Amounts, mask: Mask) -> float:
    """Σ amounts inside the mask / Σ amounts; 0 for an empty map."""
    whole = float(amounts.sum())
    return float(amounts[mask].sum()) / whole if whole > 0 else 0.0


def hits(amounts: Amounts, mask: Mask) -> bool:
    """The pointing game: whether the largest number, the first of several, lies inside the mask; an empty map misses.

    Source: Zhang et al. 2018 (arXiv:1608.00507), without their margin of 15 pixels: the masks here are exact.
    """
    return bool(amounts.any() and mask.flat[int(amounts.argmax())])


def wilson(hit: Sequence[bool]) -> Mean:
    """The share of hits, with Wilson's interval: (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n).

    Source: Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    n = len(hit)
    p, over = sum(hit) / n, 1 + Z * Z / n
    middle, half = p + Z * Z / (2 * n), Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return Mean(p, max(0.0, (middle - half) / over), min(1.0, (middle + half) / over), n)


def bootstrapped(shares: Sequence[float]) -> Mean:
    """The mean, and between which numbers 95 % of the means of as many pictures lie, drawn from these with putting
    back; always from the same seed."""
    each = np.asarray(shares, np.float64)
    drawn = np.random.default_rng(0).integers(len(each), size=(RESAMPLES, len(each)))
    low, high = np.percentile(each[drawn].mean(axis=1), [2.5, 97.5])
    return Mean(float(each.mean()), float(low), float(high), len(each))
