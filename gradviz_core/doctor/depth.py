"""Gradients that vanish or explode on their way back.

Two ratios, each of the medians over the first and the last quarter of the layers, in order of execution:

* *at values*, of ‖∂loss/∂layer(x)‖₂: it says by how much the way back makes a gradient larger, whatever comes forward;
* *at weights*, of the root mean square of ∂loss/∂weight: it says whether the first layers learn as fast as the last.

Weights that are too large make the first ratio large and leave the second alone, because the values grow as the
gradients do. Flat functions make both small.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from gradviz_core.findings import Cause

FEWEST_LAYERS = 8
LARGEST_AT_VALUES, SMALLEST_AT_WEIGHTS = 1e4, 1e-4
"""Where it is a finding; docs/doctor.md says how near sound models come."""


def ratio(sizes: Sequence[float]) -> float:
    """First quarter against last quarter; 1 where there are too few to say, or one is zero or not finite."""
    quarter = len(sizes) // 4
    if len(sizes) < FEWEST_LAYERS or not all(0 < size < float("inf") for size in sizes):
        return 1.0
    return median(sizes[:quarter]) / median(sizes[-quarter:])


def trend(at_values: float, at_weights: float) -> Cause | None:
    """``vanishing`` or ``exploding``, where the ratios say so."""
    if at_weights < SMALLEST_AT_WEIGHTS:
        return "vanishing"
    return "exploding" if at_values > LARGEST_AT_VALUES else None
