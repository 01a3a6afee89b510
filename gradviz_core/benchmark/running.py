"""The benchmark itself: every method on every preset that takes the scenes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from gradviz_core import images
from gradviz_core.answers.load import Model, load
from gradviz_core.benchmark import cells, pictures, scoring
from gradviz_core.benchmark.maps import Picture
from gradviz_core.benchmark.pictures import Case
from gradviz_core.benchmark.results import CENTRED, EVEN, Measured, Preset
from gradviz_core.benchmark.scoring import Amounts, Mean
from gradviz_core.errors import QuestionError, Unreachable
from gradviz_core.scenes import scenes
from gradviz_core.types import INPUT, Site
from gradviz_core.types.methods import METHODS

SHORTCUT = "preset/shapes-shortcut"
PRESETS = ("preset/shapes-cnn", "preset/shapes-resnet", "preset/shapes-vit", SHORTCUT)
"""Those that were trained on scenes."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured."""

    presets: tuple[str, ...] = PRESETS
    methods: tuple[str, ...] = tuple(METHODS)
    scenes: int = 10
    grids: int = 2

    @property
    def parts(self) -> int:
        """How many times ``measure`` reports."""
        return len(self.presets) * (len(self.methods) + 2)


Made = Callable[[Picture, Case], Amounts]
"""A map of a picture, as amounts."""


def measure(plan: Plan, done: Callable[[str], None]) -> Iterator[Preset]:
    """What each preset gave; ``done`` is told what was measured, ``plan.parts`` times."""
    for key in plan.presets:
        sets = Sets(load(key), plan)
        found: dict[str, Measured] = {}
        for name, made in _maps(sets, plan.methods):
            measured = sets.measured(made)
            if measured is not None:
                found[name] = measured
            done(f"{key}, {name}")
        yield Preset(key, str(sets.layer), found)


def _maps(sets: Sets, methods: Sequence[str]) -> Iterator[tuple[str, Made]]:
    """The methods, and two maps that know nothing of the picture."""
    yield EVEN, lambda _picture, case: np.ones(case.mask.shape)
    yield CENTRED, lambda _picture, case: centred(case.mask.shape)
    for name in methods:
        yield name, sets.asked(name)


class Sets:
    """The pictures of a preset, each with its forward pass, made once for all methods."""

    def __init__(self, model: Model, plan: Plan) -> None:
        ones = [pictures.scene(number) for number in range(plan.scenes)]
        tags = [pictures.tagged(number) for number in range(plan.scenes if model.card.key == SHORTCUT else 0)]
        grids = [pictures.grid(number) for number in range(plan.grids)]
        apart = Model(cells.Disconnected(model.module).eval().requires_grad_(False), model.card)
        logits = pictures.CELLS * len(scenes.LABELS)
        self.scenes = [(Picture(model, case.pixels, case.label), case) for case in ones]
        self.tags = [(Picture(model, case.pixels, case.label), case) for case in tags]
        x = torch.from_numpy(images.normalise(grids[0].pixels, model.card.preprocessing))
        takes = cells.takes(model.module, x)
        self.shared = [(Picture(model, case.pixels, case.label), case) for case in grids if takes]
        self.apart = [
            (Picture(apart, case.pixels, cells.class_in(case.cell, case.label, logits)), case) for case in grids
        ]
        self.layer = self.scenes[0][0].last_layer()
        self._together = Site("together") if cells.parts(model.module)[1] is not model.module else None

    def asked(self, method: str) -> Made:
        """The map of a method: at the input, or where it is one of layer outputs at the last layer with positions."""
        where = METHODS[method].where

        def made(picture: Picture, case: Case) -> Amounts:
            apart = any(picture is one for one, _ in self.apart)
            if apart and (where == "attention" or (where == "layer" and self._together is None)):
                raise QuestionError("Nothing of this model is one map of all cells.")
            layer = self._together if apart and self._together is not None else self.layer
            return picture.amounts(method, layer if where == "layer" else INPUT)

        return made

    def measured(self, made: Made) -> Measured | None:
        """What a method gives on all pictures; None where this model has no such map."""
        found = _scored(made, self.scenes)
        if found is None:
            return None
        inside, hits = found
        return Measured(
            pointing=scoring.wilson(hits),
            inside=scoring.bootstrapped(inside),
            tag=_share(made, self.tags),
            shared=_share(made, self.shared),
            apart=_share(made, self.apart),
        )


def centred(shape: tuple[int, ...]) -> Amounts:
    """A normal distribution around the middle, a quarter of the picture wide."""
    rows, columns = (np.exp(-0.5 * (4 * (np.arange(n) - (n - 1) / 2) / n) ** 2) for n in shape)
    return np.asarray(np.outer(rows, columns))


def _share(made: Made, cases: Sequence[tuple[Picture, Case]]) -> Mean | None:
    found = _scored(made, cases)
    return None if found is None else scoring.bootstrapped(found[0])


def _scored(made: Made, cases: Sequence[tuple[Picture, Case]]) -> tuple[list[float], list[bool]] | None:
    """Share inside and hit of each case; None where there are none, or the method cannot be asked there."""
    try:
        maps = [(made(picture, case), case.mask) for picture, case in cases]
    except (QuestionError, Unreachable):
        return None
    if not maps:
        return None
    return [scoring.share(found, mask) for found, mask in maps], [scoring.hits(found, mask) for found, mask in maps]
