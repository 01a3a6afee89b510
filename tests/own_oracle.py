"""What a method gives for any module and tensor, without a question: an oracle as an answer makes it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from gradviz_core.answers.load import Model
from gradviz_core.answers.oracle import SceneOracle
from gradviz_core.answers.scene import Place, Scene
from gradviz_core.methods.attributions import function_of, series_of
from gradviz_core.tracing.trace import differentiate, forward, reached
from gradviz_core.types import INPUT, ClassScore, Site, Target
from gradviz_core.types.methods import card_of, settled


def oracle_of(module: nn.Module, x: Tensor, target: Target | None = None, site: Site = INPUT) -> SceneOracle:
    """The oracle of a target, by default of the first class, at a site."""
    trace = forward(module, x)
    colours = SimpleNamespace(mean=(0.5,) * x.shape[1], std=(0.25,) * x.shape[1], banded=False, channel_axis=1)
    model = Model(module, cast(Any, SimpleNamespace(reading=None, preprocessing=colours)))
    scene = Scene(model, np.zeros((1, 1, 3), np.uint8), trace, Place("", "", "cpu", 0), None)
    resolved, score = scene.select(target or ClassScore(0))
    slope = reached(site, differentiate(trace, score, (site,))[site], resolved)
    return SceneOracle(scene, resolved, site, slope)


def attributed(
    method: str, module: nn.Module, x: Tensor, target: Target | None = None, site: Site = INPUT, **options: float | str
) -> tuple[Tensor, tuple[str, ...]]:
    """What a method gives, terms gathered, and what it notes."""
    oracle = oracle_of(module, x, target, site)
    value = forward(module, x).value(site).detach()
    values, card = settled(method, tuple(options.items())), card_of(method)
    if not card.counts:
        return function_of(method)(oracle, value, values), tuple(oracle.notes)
    count = values[card.counts]
    assert isinstance(count, int)
    each = torch.stack(list(series_of(method)(oracle, value, values, range(count))))
    return (each.sum(0) if card.gathered == "sum" else each.mean(0)), tuple(oracle.notes)
