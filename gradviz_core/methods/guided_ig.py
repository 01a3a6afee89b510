"""Guided integrated gradients: the gradient, integrated along a path that goes on where the slope is small."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options, Oracle
from gradviz_core.methods.baselines import baseline


def guided_ig(oracle: Oracle, value: Float[Tensor, "*shape"], options: Options) -> Float[Tensor, "*shape"]:
    """∫ ∂score/∂x · dx along a path from the baseline to the value, in units of the score; signed.

    Each of ``steps`` steps takes the gradient where it begins, and goes on by an equal share of the L1 distance, with
    the numbers whose slope is smallest in magnitude, ``share`` of them at a time. None may be further than ``reach``
    ahead of or behind the straight path; with 0 this is integrated gradients, each gradient taken where a step begins.

    Source: Kapishnikov et al. 2021 (arXiv:2106.09788), algorithm 1.
    """
    start = baseline(oracle, value, options).double()
    way, steps = value.double() - start, int(options["steps"])
    gone, found = torch.zeros_like(way), torch.zeros_like(way)
    for step in range(1, steps + 1):
        slope = oracle((start + gone * way).to(value))
        steepness = slope.abs().nan_to_num(nan=torch.inf, posinf=torch.inf)
        further = _further(gone, way.abs(), steepness, step / steps, options)
        moved = (further - gone) * way
        found += torch.where(moved == 0, 0.0, moved * slope)  # a slope may be infinite where nothing moves
        gone = further
    return found.to(value)


def total(oracle: Oracle, value: Float[Tensor, "*shape"], options: Options) -> float:
    """The score less that of the baseline: what the attribution sums to with ever more steps."""
    return oracle.score(value) - oracle.score(baseline(oracle, value, options))


def _further(gone: Tensor, lengths: Tensor, steepness: Tensor, share: float, options: Options) -> Tensor:
    """Which share of its way each number has gone, when all together have gone ``share`` of theirs."""
    reach, at_a_time = float(options["reach"]), float(options["share"])
    high, count = min(share + reach, 1.0), math.floor(at_a_time * (gone.numel() - 1)) + 1
    gone, aim = gone.clamp(min=share - reach), share * lengths.sum()
    while (free := (gone < high) & (lengths > 0)).any() and (missing := aim - (gone * lengths).sum()) > 0:
        slopes = torch.where(free, steepness, torch.inf)
        chosen = free & (slopes <= slopes.flatten().kthvalue(count).values)
        room = ((high - gone) * lengths)[chosen].sum()
        gone = torch.where(chosen, high if missing >= room else gone + missing / room * (high - gone), gone)
        if missing < room:
            break
    return gone
