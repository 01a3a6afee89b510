"""The most active channels at one position of a site, and the input gradient of each."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gradviz_core.answers.complex_numbers import check_real
from gradviz_core.answers.needs import Needs
from gradviz_core.answers.scene import Clock, Scene, as_numpy
from gradviz_core.answers.sizes import Known, Size
from gradviz_core.errors import BadTarget, QuestionError
from gradviz_core.tracing.scores import targets
from gradviz_core.tracing.trace import differentiate, reached
from gradviz_core.types import INPUT, Unit, UnitsAnswer, UnitsQuestion, sites
from gradviz_core.types.arrays import not_finite

MOST_UNITS = 64


def needs(question: UnitsQuestion) -> Needs:
    """The site and the input."""
    return Needs(frozenset({question.site, INPUT}))


def size(question: UnitsQuestion, known: Known) -> Size:
    """The input gradient of each unit. Asking for more than there may be is an error."""
    total = min(question.count, MOST_UNITS) * known.of(INPUT)
    if question.count > 1:
        return Size(total, "Ask for fewer channels, or export the model for a smaller input.")
    return Size(total)


def answer(scene: Scene, question: UnitsQuestion, notes: tuple[str, ...], clock: Clock) -> UnitsAnswer:
    """The most active channels at the question's position, and the input gradient of each.

    Raises:
        BadTarget, QuestionError: as ``strongest`` does; or the site gives complex numbers.
        Unreachable: no path leads from the input to one of them.
    """
    check_real(scene.trace, (question.site,))
    value = scene.trace.value(question.site)
    indices = strongest(question, value, targets.channel_axis(scene.trace, question.site, question.axis))
    slopes = [
        reached(INPUT, differentiate(scene.trace, value[0][index], (INPUT,))[INPUT], Unit(question.site, index))
        for index in indices.values()
    ]
    arrays: dict[str, np.ndarray] = {
        "channels": np.array(list(indices), np.int64),
        "values": np.array([value[0][index].item() for index in indices.values()], np.float32),
        "gradients": as_numpy(torch.cat(slopes)),
    }
    return UnitsAnswer(
        question=question,
        notes=(*notes, *scene.remarks(), *not_finite(arrays)),
        receipt=clock.receipt(),
        arrays=arrays,
    )


def strongest(question: UnitsQuestion, value: Tensor, axis: int) -> dict[int, tuple[int, ...]]:
    """Channel -> index of its unit at the question's position, for the most active channels there, strongest first.

    Raises:
        BadTarget: there is no such place, or several images went in.
        QuestionError: too many channels are asked for.
    """
    targets.of_one_image(value, question.site)
    shape = tuple(value.shape[1:])
    places = (*shape[: axis - 1], *shape[axis:])
    if len(question.place) != len(places) or any(not 0 <= i < n for i, n in zip(question.place, places, strict=False)):
        limit = ", ".join(f"0 to {n - 1}" for n in places) or "none: it has no positions"
        raise BadTarget(
            f"Position {question.place} does not exist at {sites.site_name(question.site)}: its positions are "
            f"({limit}). Choose one of them."
        )
    if not 1 <= question.count <= MOST_UNITS:
        raise QuestionError(f"The number of channels is {question.count}; choose 1 to {MOST_UNITS}.")
    before, after = question.place[: axis - 1], question.place[axis - 1 :]
    everywhere: tuple[int | slice, ...] = (*before, slice(None), *after)
    here = value[0][everywhere]
    strongest = here.detach().topk(min(question.count, len(here))).indices.tolist()
    return {channel: (*before, channel, *after) for channel in strongest}
