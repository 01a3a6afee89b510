"""The class activation map of every layer output, from one forward and one backward pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from gradviz_core.answers import sizes
from gradviz_core.answers.needs import Needs
from gradviz_core.answers.scene import Clock, Scene, as_numpy
from gradviz_core.answers.similar import mean_logit
from gradviz_core.answers.sizes import SMALL, Known, Size
from gradviz_core.methods.class_activation import cam_of
from gradviz_core.tracing.trace import describe, differentiate, parted, reached
from gradviz_core.types import CamsAnswer, CamsQuestion, Site, SiteInfo, Target, layouts
from gradviz_core.types.arrays import not_finite
from gradviz_core.types.methods import settled


def needs(question: CamsQuestion) -> Needs:
    """All sites.

    Raises:
        QuestionError: the method or one of its options does not exist, or it gives more than one map.
    """
    cam_of(question.method), settled(question.method, question.options)
    return Needs(None)


def size(question: CamsQuestion, known: Known) -> Size:
    """One channel of each site: too many are refused once their shapes are known."""
    return SMALL


def answer(scene: Scene, question: CamsQuestion, notes: tuple[str, ...], clock: Clock) -> CamsAnswer:
    """The map of every site that has positions, and that a gradient of the target reaches.

    Raises:
        BadTarget, UnknownSite, Unreachable: as ``trace.gradients`` does.
        TooCostly: the maps would take too much memory.
        QuestionError: the method compares logits, and the target is none.
    """
    target, score = scene.select(question.target)
    infos = {info.site: info for info in describe(scene.trace) if layouts.has_a_map(info)}
    sizes.check(Size(4 * sum(math.prod(layouts.places(info)) for info in infos.values())))
    found = differentiate(scene.trace, score, list(infos), keep_graph=True)
    slopes = parted(scene.trace, found, target)[0]
    said: dict[str, None] = {}
    maps = dict(_maps(scene, question, target, infos, slopes, said))
    arrays: dict[str, np.ndarray] = {f"map/{site}": as_numpy(array) for site, array in maps.items()}
    return CamsAnswer(
        question=question,
        target=target,
        score=score.item(),
        sites=tuple(infos[site] for site in maps),
        notes=(*notes, *scene.remarks(), *said, *not_finite(arrays)),
        receipt=clock.receipt(),
        arrays=arrays,
    )


def _maps(
    scene: Scene,
    question: CamsQuestion,
    target: Target,
    infos: Mapping[Site, SiteInfo],
    slopes: Mapping[Site, Tensor],
    said: dict[str, None],
) -> Iterator[tuple[Site, Tensor]]:
    cam, options = cam_of(question.method), settled(question.method, question.options)
    similar: dict[int, Mapping[Site, Tensor | None]] = {}

    def of_similar(site: Site, count: int) -> Tensor:
        if count not in similar:
            similar[count] = differentiate(scene.trace, mean_logit(target, scene.trace, count), list(slopes))
        return reached(site, similar[count][site], target)

    for site, slope in slopes.items():
        axis = layouts.channel_axis(infos[site])
        yield site, cam(_Here(site, slope, axis, of_similar, said), scene.trace.value(site).detach(), options)


@dataclass(frozen=True, slots=True)
class _Here:
    """What a map is made from, at the value that the pass has."""

    site: Site
    slope: Tensor
    axis: int
    similar: Callable[[Site, int], Tensor]
    said: dict[str, None]
    """What methods want the answer to say, each sentence once."""

    def __call__(self, value: Tensor) -> Tensor:
        return self.slope

    def of_similar(self, count: int) -> Tensor:
        return self.similar(self.site, count)

    def note(self, sentence: str) -> None:
        self.said[sentence] = None
