"""The backward pass of a scene's model on its image, one step at a time; with something broken on purpose too."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from gradviz_core.answers.complex_numbers import names, of_complex_numbers
from gradviz_core.answers.needs import Needs, about
from gradviz_core.answers.returned import is_inside, returned
from gradviz_core.answers.scene import Clock, Scene, as_numpy
from gradviz_core.answers.sizes import SMALL, Known, Size
from gradviz_core.errors import QuestionError, TooCostly
from gradviz_core.methods import backward_pass
from gradviz_core.tracing.breaking import broken, check
from gradviz_core.tracing.draws import devices_of, drawing_from
from gradviz_core.tracing.gates import gated
from gradviz_core.tracing.scores import targets
from gradviz_core.tracing.trace import Trace, differentiate_all, forward, recording
from gradviz_core.tracing.twin import twin
from gradviz_core.types import INPUT, BackwardAnswer, BackwardQuestion, Site, Target
from gradviz_core.types.backward import GATE, BackwardStep
from gradviz_core.types.blocks import MOST_WHOLE
from gradviz_core.types.sites import site_name


def needs(question: BackwardQuestion) -> Needs:
    """The input, and the site that the target is read from; all sites where one of them is to be broken."""
    return Needs(None) if question.broken else about(question.target)


def size(question: BackwardQuestion, known: Known) -> Size:
    """Four planes of each step. How large they are, one channel of maps or all tokens, only the pass tells: it is
    checked as they are made."""
    return SMALL


def answer(scene: Scene, question: BackwardQuestion, notes: tuple[str, ...], clock: Clock) -> BackwardAnswer:
    """Every step, or the one that was asked for.

    The class that is predicted is that of the whole model, whatever a broken one would predict.

    Raises:
        UnknownSite: the layer that is to be broken never ran.
        QuestionError: there is no such step or number, or a number without a step; the layer cannot be broken; the pass
            has too many steps.
        TooCostly: the planes of all steps would take more than ``MOST_WHOLE`` bytes.
        BadTarget: as ``targets.select`` does.
    """
    target, _ = scene.select(question.target)
    check(question.broken, question.broken_at, scene.trace.seen)
    module, x = _module(scene.model.module, question), scene.trace.values[INPUT].detach()
    value, refused = 0.0, ""
    if question.broken == "in_place":
        value, refused = _overwritten(module, x, scene.seed, target, question.broken_at)
    layers = gated(module)
    trace = forward(layers, x, seed=scene.seed, axes=target.needs_axes)
    if refused:
        done = backward_pass.without_gradients(layers, trace)
    else:
        _, score = targets.select(target, trace)
        value = score.item()
        done = backward_pass.differentiated(layers, trace, score)
    steps, arrays = _steps(done, question)
    return BackwardAnswer(
        question=question,
        target=target,
        score=value,
        steps=steps,
        refused=refused,
        notes=(*notes, *scene.remarks(), *_note(trace)),
        receipt=clock.receipt(),
        arrays=arrays,
    )


def _note(trace: Trace) -> tuple[str, ...]:
    found = [site for site in of_complex_numbers(trace) if GATE not in site.path.split(".")]
    if not found:
        return ()
    return (
        f"The steps leave out layer outputs of complex numbers: {names(found)}. The step after them goes from "
        "the real numbers before them to the next real ones.",
    )


def _module(module: nn.Module, question: BackwardQuestion) -> nn.Module:
    return broken(module, question.broken, question.broken_at) if question.broken else module


def _overwritten(module: nn.Module, x: Tensor, seed: int, target: Target, at: Site) -> tuple[float, str]:
    """The score of a pass in which a value is overwritten, and what PyTorch raises on its way back.

    Parameters train in it and no gate keeps a copy, as in the author's own loop, which is what the doctor examines.

    Raises:
        QuestionError: no derivative needs what is overwritten.
        BadTarget: as ``targets.select`` does.
    """
    if is_inside(target.at):
        trace = forward(module, x, parameters=True, seed=seed, axes=target.needs_axes)
    else:
        own, leaf = twin(module, trainable=None), x.detach().requires_grad_()
        with recording(), drawing_from(seed, devices_of([x])):
            trace = returned(own(leaf.clone()), target.at)
        trace.parameters = {INPUT.path: leaf, **dict(own.named_parameters())}
    with recording():
        _, score = targets.select(target, trace)
    try:
        differentiate_all(trace, score)
    except QuestionError as error:
        if "overwritten in place" not in str(error):
            raise
        return score.item(), str(error)
    raise QuestionError(
        f"No derivative needs the value that is overwritten at {site_name(at)}, so it would only be another pass. "
        "Choose another step."
    )


def _steps(
    done: backward_pass.Pass, question: BackwardQuestion
) -> tuple[tuple[BackwardStep, ...], dict[str, np.ndarray]]:
    count = len(done.steps)
    if question.step is not None and not 0 <= question.step < count:
        raise QuestionError(f"Step {question.step} does not exist: this pass has steps 0 to {count - 1}. Choose one.")
    if question.step is None and question.index:
        raise QuestionError(
            f"The number {list(question.index)} is one of the input of a step, and no step is named. "
            f"Give the step too, 0 to {count - 1}, or leave out the number."
        )
    numbers = range(count) if question.step is None else [question.step]
    steps: list[BackwardStep] = []
    arrays: dict[str, np.ndarray] = {}
    for number in numbers:
        one = backward_pass.shown(done, number, question.index or None)
        steps.append(one.step)
        arrays |= {f"{name}/{number}": as_numpy(plane) for name, plane in one.planes.items()}
        if (taken := sum(array.nbytes for array in arrays.values())) > MOST_WHOLE:
            raise TooCostly(
                f"The planes of the first {len(steps)} of {count} steps already take {taken / 1e6:,.0f} MB; "
                f"the limit is {MOST_WHOLE / 1e6:g} MB. Ask for one step, or choose a smaller model."
            )
    return tuple(steps), arrays
