"""Score and slope along the straight path from a baseline to the image, and what each number of the image adds."""

from __future__ import annotations

from typing import get_args

import numpy as np

from gradviz_core.answers.needs import Needs, about
from gradviz_core.answers.oracle import SceneOracle
from gradviz_core.answers.scene import Clock, Scene
from gradviz_core.answers.sizes import Known, Size
from gradviz_core.errors import QuestionError
from gradviz_core.methods.baselines import baseline
from gradviz_core.methods.path import walk
from gradviz_core.tracing.trace import differentiate, reached
from gradviz_core.types import INPUT, PathAnswer, PathQuestion
from gradviz_core.types.arrays import not_finite
from gradviz_core.types.draws import MOST
from gradviz_core.types.path import Start


def needs(question: PathQuestion) -> Needs:
    """The input, and the site that the target is read from.

    Raises:
        QuestionError: there is no such baseline, or there are too many steps, or none.
    """
    if question.baseline not in get_args(Start):
        known = ", ".join(get_args(Start))
        raise QuestionError(f"There is no baseline {question.baseline[:60]!r}. Choose one of {known}.")
    count = question.parts * question.steps
    if question.parts < 1 or question.steps < 1 or count > MOST:
        raise QuestionError(
            f"A path of {question.parts} parts with {question.steps} steps each cannot be followed: there must be 1 to "
            f"{MOST} steps in all. Choose other numbers."
        )
    return about(question.target)


def size(question: PathQuestion, known: Known) -> Size:
    """The picture, and what each part adds."""
    return Size(known.picture + question.parts * known.of(INPUT), "Ask for fewer parts.")


def answer(scene: Scene, question: PathQuestion, notes: tuple[str, ...], clock: Clock) -> PathAnswer:
    """From the baseline to the image.

    Raises:
        BadTarget, UnknownSite, Unreachable: as ``trace.gradients`` does.
    """
    target, score = scene.select(question.target)
    found = differentiate(scene.trace, score, (INPUT,), keep_graph=scene.remembered)[INPUT]
    value = scene.trace.value(INPUT).detach().clone()
    oracle = SceneOracle(scene, target, INPUT, reached(INPUT, found, target))
    start = baseline(oracle, value, {"baseline": question.baseline, "seed": 0})
    met = walk(oracle, value, start, question.parts, question.steps)
    arrays: dict[str, np.ndarray] = {
        "pixels": scene.pixels.copy(),
        "share": met.share,
        "score": met.score,
        "slope": met.slope,
        "added": met.added.astype(np.float32),
    }
    return PathAnswer(
        question=question,
        target=target,
        notes=(*notes, *scene.remarks(), *not_finite(arrays)),
        receipt=clock.receipt(),
        arrays=arrays,
    )
