"""The backward pass of a scene's model on its image, one step at a time; with something broken on purpose too."""

from __future__ import annotations

import numpy as np
from torch import nn

from gradviz_core.answers.needs import Needs, about
from gradviz_core.answers.scene import Clock, Scene, as_numpy
from gradviz_core.answers.sizes import SMALL, Known, Size
from gradviz_core.errors import QuestionError
from gradviz_core.methods import backward_pass
from gradviz_core.tracing.breaking import broken, check
from gradviz_core.tracing.gates import gated
from gradviz_core.tracing.scores import targets
from gradviz_core.tracing.trace import forward
from gradviz_core.types import INPUT, BackwardAnswer, BackwardQuestion
from gradviz_core.types.backward import BackwardStep

_OVERWRITTEN = "overwritten in place"


def needs(question: BackwardQuestion) -> Needs:
    """The input, and the site that the target is read from; all sites where one of them is to be broken."""
    return Needs(None) if question.broken else about(question.target)


def size(question: BackwardQuestion, known: Known) -> Size:
    """A plane or four of each step: less than the values of the pass, whose memory was counted."""
    return SMALL


def answer(scene: Scene, question: BackwardQuestion, notes: tuple[str, ...], clock: Clock) -> BackwardAnswer:
    """Every step, or the one that was asked for.

    The class that is predicted is that of the whole model, whatever a broken one would predict.

    Raises:
        UnknownSite: the layer that is to be broken never ran.
        QuestionError: there is no such step or number; the layer cannot be broken; the pass has too many steps.
        BadTarget: as ``targets.select`` does.
    """
    target, score = scene.select(question.target)
    check(question.broken, question.broken_at, scene.trace.seen)
    layers = gated(_module(scene.model.module, question))
    trace = forward(layers, scene.trace.values[INPUT].detach(), seed=scene.seed, axes=target.needs_axes)
    _, score = targets.select(target, trace)
    refused = ""
    try:
        done = backward_pass.differentiated(layers, trace, score)
    except QuestionError as error:
        if question.broken != "in_place" or _OVERWRITTEN not in str(error):
            raise
        done, refused = backward_pass.without_gradients(layers, trace), str(error)
    steps, arrays = _steps(done, question)
    return BackwardAnswer(
        question=question,
        target=target,
        score=score.item(),
        steps=steps,
        refused=refused,
        notes=(*notes, *scene.remarks()),
        receipt=clock.receipt(),
        arrays=arrays,
    )


def _module(module: nn.Module, question: BackwardQuestion) -> nn.Module:
    return broken(module, question.broken, question.broken_at) if question.broken else module


def _steps(
    done: backward_pass.Pass, question: BackwardQuestion
) -> tuple[tuple[BackwardStep, ...], dict[str, np.ndarray]]:
    count = len(done.steps)
    if question.step is not None and question.step >= count:
        raise QuestionError(f"Step {question.step} does not exist: this pass has steps 0 to {count - 1}. Choose one.")
    numbers = range(count) if question.step is None else [question.step]
    index = question.index if question.step is not None and question.index else None
    found = {number: backward_pass.shown(done, number, index) for number in numbers}
    arrays = {
        f"{name}/{number}": as_numpy(plane) for number, one in found.items() for name, plane in one.planes.items()
    }
    return tuple(one.step for one in found.values()), arrays
