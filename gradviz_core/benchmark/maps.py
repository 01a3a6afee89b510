"""What each method marks on a picture, for a model: as amounts at its pixels."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from gradviz_core import images
from gradviz_core.answers import gradient
from gradviz_core.answers.keeping import over_image
from gradviz_core.answers.load import Model
from gradviz_core.answers.scene import Clock, Place, Scene
from gradviz_core.benchmark.scoring import Amounts
from gradviz_core.errors import QuestionError
from gradviz_core.tracing.trace import describe, differentiate, forward, recording
from gradviz_core.types import INPUT, ClassScore, GradientQuestion, Pixels, Site, layouts
from gradviz_core.types.methods import OptionValues, card_of


class Picture:
    """A picture in a model, asked about a logit: one forward pass, from which every method is answered."""

    def __init__(self, model: Model, pixels: Pixels, label: int) -> None:
        self._model, self._pixels = model, pixels
        self._target, self._size = ClassScore(label), (pixels.shape[0], pixels.shape[1])
        self._scene = self._pass(attention=False)
        self._attending: Scene | None = None

    def _pass(self, *, attention: bool) -> Scene:
        x = torch.from_numpy(images.normalise(self._pixels, self._model.card.preprocessing))
        with recording():
            trace = forward(self._model.module, x, keep=None, seed=0, attention=attention)
        place = Place("", "", "cpu", 0)
        return Scene(
            self._model, self._pixels, trace, place, None, upright=self._size, attention=attention, remembered=True
        )

    def _seen_by(self, method: str) -> Scene:
        """The pass that a method is answered from: attention weights are formed only for those that read them."""
        if card_of(method).where != "attention":
            return self._scene
        if self._attending is None:
            self._attending = self._pass(attention=True)
        return self._attending

    def last_layer(self) -> Site:
        """The last layer output that has positions, more than one of which the logit depends on.

        Raises:
            QuestionError: there is none.
        """
        infos = [info for info in describe(self._scene.trace) if layouts.has_a_map(info)]
        with recording():
            score = self._scene.select(self._target)[1]
            found = differentiate(self._scene.trace, score, [info.site for info in infos], keep_graph=True)
        for info in reversed(infos):
            slope = found[info.site]
            if slope is not None and _spread(slope, layouts.channel_axis(info)) > 1:
                return info.site
        raise QuestionError("No layer output of this model has positions that the score depends on.")

    def amounts(self, method: str, site: Site, options: OptionValues = ()) -> Amounts:
        """How much the map of a method marks each pixel; a smaller one is enlarged bilinearly.

        Raises:
            QuestionError: the method cannot be asked of this model, or its map does not lie over the picture.
        """
        question = GradientQuestion(
            model=self._scene.model.card.key, image="", target=self._target, wrt=(site,), method=method, options=options
        )
        with recording():
            answer = gradient.answer(
                self._seen_by(method), question, (), Clock(torch.device("cpu"), time.perf_counter())
            )
        made: Mapping[Site, np.ndarray] = answer.attributions
        if site not in made:
            raise QuestionError(f"No gradient of the score reaches {site}.")
        axis = self._axis(site)
        marked = marks(method, made[site].astype(np.float64), axis)
        if marked.shape[2:] == self._size:
            return np.asarray(marked[0, 0], np.float64)
        grid = layouts.over_image([n for d, n in enumerate(marked.shape) if d not in (0, axis)], axis, self._size)
        over = None if grid is None else over_image(torch.from_numpy(marked), grid)
        if over is None:
            raise QuestionError(f"The positions of {site} do not lie over the picture.")
        large = nn.functional.interpolate(over[None, None].double(), self._size, mode="bilinear", align_corners=False)
        return np.asarray(large[0, 0].numpy(), np.float64)

    def _axis(self, site: Site) -> int:
        info = next(info for info in describe(self._scene.trace) if info.site == site)
        return 1 if site == INPUT else layouts.channel_axis(info)


NO_ZERO = ("rise",)
"""Methods whose maps are shifted as a whole by the score: they are counted from their smallest number."""


def marks(method: str, attribution: Amounts, axis: int) -> Amounts:
    """An attribution as amounts, with one channel: of contributions to the score, and of class activation maps, what
    speaks for it, max(0, Σ_c a_c); of all others Σ_c |a_c|, because the sign of a slope says nothing of importance."""
    card = card_of(method)
    if method in NO_ZERO:
        summed = attribution.sum(axis=axis, keepdims=True)
        return np.asarray(summed - summed.min())
    if card.one_map or card.unit == "$score":
        return np.asarray(np.maximum(attribution.sum(axis=axis, keepdims=True), 0.0), np.float64)
    return np.asarray(np.abs(attribution).sum(axis=axis, keepdims=True), np.float64)


def _spread(slope: Tensor, axis: int) -> int:
    """At how many positions a gradient is not zero."""
    return int((slope != 0).any(dim=axis).sum())
