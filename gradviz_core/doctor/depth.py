"""Gradients that vanish or explode on their way back.

Two ratios, each of the medians over the first and the last quarter of the layers, in order of execution:

* *at values*, of ‖∂loss/∂layer(x)‖₂: it says by how much the way back makes a gradient larger, whatever comes forward;
* *at weights*, of the root mean square of ∂loss/∂weight: it says whether the first layers learn as fast as the last.

Weights that are too large make the first ratio large and leave the second alone, because the values grow as the
gradients do. Flat functions make both small. Sizes of exactly zero are left out: they have a reason of their own.
What one weight does, call after call, ``recurrence.py`` compares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import takewhile
from statistics import median

FEWEST_LAYERS = 8
LARGEST_AT_VALUES, SMALLEST_AT_WEIGHTS = 1e4, 1e-4
"""Where it is a finding; docs/doctor.md says how near sound models come."""


def ratio(sizes: Sequence[float]) -> float:
    """First quarter against last quarter; 1 where there are too few to say.

    Where sizes overflow on the way back, which begins with the last, the largest of those before stands for the first
    quarter.
    """
    quarter = len(sizes) // 4
    if len(sizes) < FEWEST_LAYERS:
        return 1.0
    finite = list(takewhile(math.isfinite, reversed(sizes)))
    first = _middle(sizes[:quarter]) if len(finite) == len(sizes) else max(finite, default=0.0)
    last = _middle(finite[:quarter])
    return first / last if first and last else 1.0


def explodes(at_values: float) -> bool:
    """Whether that ratio is a finding."""
    return at_values > LARGEST_AT_VALUES


def vanishes(at_weights: float) -> bool:
    """Whether that ratio is a finding."""
    return at_weights < SMALLEST_AT_WEIGHTS


def _middle(sizes: Sequence[float]) -> float:
    kept = [size for size in sizes if size]
    return median(kept) if kept else 0.0
