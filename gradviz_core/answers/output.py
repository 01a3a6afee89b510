"""A whole output: the map that a model predicts, or its strongest boxes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import Tensor

from gradviz_core.answers import predictions
from gradviz_core.answers.needs import Needs
from gradviz_core.answers.scene import Clock, Scene, as_numpy
from gradviz_core.answers.sizes import Known, Size
from gradviz_core.tracing.scores import heads, region_score
from gradviz_core.tracing.scores.heads import Numbers
from gradviz_core.types import INPUT, OUTPUT, OutputAnswer, OutputQuestion
from gradviz_core.types.arrays import not_finite
from gradviz_core.types.heads import HeadForm, HeadInfo, KnownFrom

MOST_BOXES = 100
"""How many of the strongest boxes an answer holds."""


def needs(question: OutputQuestion) -> Needs:
    """The input; what the model returned is there anyway."""
    return Needs(frozenset({INPUT}))


def size(question: OutputQuestion, known: Known) -> Size:
    """At most three numbers for each that the model returned."""
    returned = (site for site in known.sites if (site.path, site.call) == (OUTPUT.path, OUTPUT.call))
    return Size(3 * known.of(*returned))


def answer(scene: Scene, question: OutputQuestion, notes: tuple[str, ...], clock: Clock) -> OutputAnswer:
    """The classes on a map and their scores, or the strongest boxes.

    Raises:
        BadTarget: the model returns neither a map nor boxes, or not at the head that was named.
    """
    returned = predictions.returned(scene)
    head = replace(question.head, reading=question.head.reading or scene.model.card.reading)
    form = _form(question, returned)
    if form == "map":
        numbers = heads.score_map(scene.trace, head)
        arrays = _map(numbers)
    else:
        numbers, places, _ = heads.boxes(scene.trace, head, question.skip, question.boxes_last)
        arrays = _boxes(numbers, places)
    info = next(info for info in returned if info.item == numbers.item)
    known: KnownFrom = numbers.known_from if question.head.reading or not head.reading else info.known_from
    return OutputAnswer(
        question=question,
        head=HeadInfo(info.item, info.shape, form, numbers.kind, known, len(numbers.values)),
        notes=(*notes, *scene.remarks(), *not_finite(arrays)),
        receipt=clock.receipt(),
        arrays=arrays,
    )


def _form(question: OutputQuestion, returned: tuple[HeadInfo, ...]) -> HeadForm:
    """Whether to answer with a map or boxes: the form that was named, else a map where there is one."""
    named = [info for info in returned if info.item == question.head.item] or list(returned)
    return "map" if any(info.form == "map" for info in named) else "boxes"


def _map(numbers: Numbers) -> dict[str, np.ndarray]:
    values = numbers.values.detach()
    if len(values) == 1:
        return {
            "classes": as_numpy(region_score.positive(values, numbers.kind).long()),
            "scores": as_numpy(values[0]),
        }
    return {"classes": as_numpy(region_score.predicted(values)), "scores": as_numpy(values.amax(0))}


def _boxes(numbers: Numbers, places: Tensor) -> dict[str, np.ndarray]:
    values = numbers.values.detach()
    strength, classes = values.amax(0), values.argmax(0)
    order = strength.sort(descending=True, stable=True).indices[:MOST_BOXES]
    return {
        "boxes": as_numpy(order),
        "classes": as_numpy(classes[order]),
        "scores": as_numpy(strength[order]),
        "places": as_numpy(places[:, order].T.contiguous()),
    }
