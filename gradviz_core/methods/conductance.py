"""Conductance: what flows through a layer output while the input comes out of a baseline."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options, Oracle
from gradviz_core.methods.baselines import of_the_input
from gradviz_core.types.series import GRID


def conductance(
    oracle: Oracle, value: Float[Tensor, "*shape"], options: Options, which: range
) -> Iterator[Float[Tensor, "*shape"]]:
    """∫ ∂score/∂a · da at the layer output a, along the straight path from a baseline to the input, in ``steps`` equal
    steps: each term is one step's, the change of the layer output times its gradient at the step's beginning, or the
    mean of those at both ends. Their sum is the map, in units of the score; signed.

    Where every path to the score leads through the layer, the map sums to the score less that of the baseline, with
    ever more steps.

    Source: Dhamdhere et al. 2018 (arXiv:1805.12233), equation 3, over all inputs.
    """
    start, steps = of_the_input(oracle, options), int(options["steps"])
    last = min(steps, which.stop + GRID - 1)  # the end of the last step comes with those after it, as in the whole sum
    asked = oracle.along(start + end / steps * (oracle.input - start) for end in range(which.start, last + 1))
    for _, (before, after) in zip(which, pairwise(asked), strict=False):
        slope = before.gradient if options["ends"] == "first" else (before.gradient + after.gradient) / 2
        yield slope * (after.value - before.value)
