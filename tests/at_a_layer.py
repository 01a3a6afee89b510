"""A method at a layer output of any module, asked as an answer asks it; and a layer whose numbers are known."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.answers.load import Model, load
from gradviz_core.answers.oracle import SceneOracle
from gradviz_core.answers.scene import Place, Scene
from gradviz_core.methods.attributions import function_of
from gradviz_core.tracing.trace import differentiate, forward, reached
from gradviz_core.types.methods import OptionValues, settled


def scene_of(module: nn.Module, x: Tensor) -> Scene:
    """A module and an input as what questions are answered from."""
    model = Model(module.eval(), load("preset/shapes-cnn").card)
    pixels = np.zeros((1, 1, 3), np.uint8)
    return Scene(model, pixels, forward(module, x), Place("model", "image", "cpu", 0), None, remembered=True)


def oracle_at(scene: Scene, site: gv.Site, target: gv.Target, axis: int | None = None) -> SceneOracle:
    """What a method is handed there."""
    resolved, score = scene.select(target)
    slope = reached(site, differentiate(scene.trace, score, (site,))[site], resolved)
    return SceneOracle(scene, resolved, site, slope, axis)


def mapped(
    scene: Scene, site: gv.Site, method: str, options: OptionValues = (), target: gv.Target | None = None
) -> Tensor:
    """What the method gives at a site of a scene."""
    oracle = oracle_at(scene, site, target or gv.ClassScore(1))
    return function_of(method)(oracle, scene.trace.value(site).detach().clone(), settled(method, options))


@dataclass(frozen=True)
class Known:
    """A layer whose gradient, and that of similar classes, is known."""

    slope: Tensor
    axis: int = 1
    similar: float = 0.0
    notes: list[str] = field(default_factory=list)

    def __call__(self, value: Tensor) -> Tensor:
        return self.slope

    def of_similar(self, count: int) -> Tensor:
        return torch.full_like(self.slope, self.similar)

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)
