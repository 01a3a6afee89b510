"""A method asked about a module of a test's own, in the precision of its input, by the oracle that the app uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from gradviz_core.answers.load import Model, load
from gradviz_core.answers.oracle import SceneOracle
from gradviz_core.answers.scene import Place, Scene
from gradviz_core.methods.attributions import Oracle, function_of, series_of
from gradviz_core.tracing.scores import targets
from gradviz_core.tracing.trace import differentiate, forward, recording
from gradviz_core.types import INPUT, OUTPUT, Combination, Site, Target, Term
from gradviz_core.types.methods import card_of, settled
from gradviz_core.types.series import summed

MEAN, STD = (0.5, 0.4, 0.3), (0.25, 0.2, 0.5)
"""Of the preprocessing: black is (-2, -2, -0.6), white is (2, 3, 1.4)."""


class Formula(nn.Module):
    """A module that is nothing but a function of its input, (1, C, H, W), to scores (1, K)."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self._function = function

    def forward(self, x: Tensor) -> Tensor:
        return self._function(x)


def entry(index: int, weight: float = 1.0) -> Combination:
    """The score: an entry of what the module returns, (1, K)."""
    return Combination((Term((0, index), weight),), OUTPUT)


def scene_of(module: nn.Module, x: Tensor, mean: tuple[float, ...] = MEAN, std: tuple[float, ...] = STD) -> Scene:
    """A scene of the module at ``x``, as large as it is, whose numbers are normalised by ``mean`` and ``std``."""
    card = load("preset/shapes-cnn").card
    card = replace(card, preprocessing=replace(card.preprocessing, size=(x.shape[2], x.shape[3]), mean=mean, std=std))
    with recording():
        trace = forward(module.requires_grad_(False), x, seed=0)
    pixels = np.zeros((*x.shape[2:], 3), np.uint8)
    return Scene(Model(module, card), pixels, trace, Place("", "", "cpu", 0), None, remembered=True)


def oracle_of(scene: Scene, target: Target, site: Site = INPUT) -> SceneOracle:
    """The oracle of a target at a site."""
    with recording():
        there, score = targets.select(target, scene.trace)
        gradient = differentiate(scene.trace, score, (site,), keep_graph=True)[site]
    assert gradient is not None
    return SceneOracle(scene, there, site, gradient)


def attribution(method: str, oracle: Oracle, value: Tensor, **options: float | str) -> Tensor:
    """What a method gives, in float64: its terms are summed as the app sums them. Options are at their defaults."""
    card, values = card_of(method), settled(method, tuple(options.items()))
    with recording():
        if not card.counts:
            return function_of(method)(oracle, value, values).double()
        which = range(int(values[card.counts]))
        terms = (term.detach().numpy() for term in series_of(method)(oracle, value, values, which))
        sums = summed(terms, which, squares=card.gathered == "variance")
    return torch.from_numpy(sums.gathered(card.gathered))
