"""A linear combination of numbers of one value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gradviz_core.errors import BadTarget
from gradviz_core.tracing.scores.at_sites import exists
from gradviz_core.types import Combination, sites

if TYPE_CHECKING:
    from gradviz_core.tracing.watch import Trace


def score(target: Combination, trace: Trace) -> tuple[Combination, Tensor]:
    """Σ weight · value[index].

    Raises:
        BadTarget: a number does not exist, or a weight is not finite, or all are zero.
        UnknownSite: the site never ran.
    """
    return target, _combined(target, trace.value(target.site))


def _combined(target: Combination, value: Tensor) -> Tensor:
    weights: dict[tuple[int, ...], float] = {}
    for term in target.terms:
        weights[term.index] = weights.get(term.index, 0.0) + term.weight
    wrong = [index for index in weights if not exists(index, tuple(value.shape))]
    if wrong:
        limit = ", ".join(f"0 to {n - 1}" for n in value.shape)
        raise BadTarget(
            f"There is no value {wrong[0]} in {sites.site_name(target.site)}, whose shape is {tuple(value.shape)}. "
            f"Choose an index within ({limit}); the first is the batch axis."
        )
    if not all(map(math.isfinite, weights.values())):
        raise BadTarget("A weight of the combination is infinite or NaN. Give each value a finite weight.")
    if not any(weights.values()):
        raise BadTarget(
            "All weights of the combination are zero, so it is 0 for every image. Give at least one value a weight "
            "that is not zero."
        )
    if not value.is_floating_point():
        return value
    at = [torch.tensor(axis, device=value.device) for axis in zip(*weights, strict=True)]
    picked = value[tuple(at)] if at else value.reshape(1)
    return (picked * torch.tensor(list(weights.values()), dtype=value.dtype, device=value.device)).sum()
