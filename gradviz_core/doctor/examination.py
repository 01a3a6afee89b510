"""One run of the model under examination: forward with everything recorded, and back with every gradient looked at."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from gradviz_core.doctor.arguments import checked, largest
from gradviz_core.doctor.flow import Event, Now
from gradviz_core.doctor.plain import RAISED, Failure, explained, failure, leaf
from gradviz_core.doctor.recorder import Nudge, Record, Recorder
from gradviz_core.doctor.saved import SavedValues
from gradviz_core.doctor.subject import Loss, Model, examined, same_random_numbers
from gradviz_core.errors import GradVizError, QuestionError
from gradviz_core.findings import Gradient
from gradviz_core.nested import tensors
from gradviz_core.trace import Inputs, Trace, differentiate_all, recording


@dataclass(slots=True)
class Pass:
    """What one forward pass left."""

    record: Record
    saved: SavedValues
    leaves: dict[str, Tensor]
    """Inputs and parameters by name, frozen ones among them."""
    parameters: frozenset[str]
    """Which of them are parameters."""
    numbers: dict[str, int]
    """The value that each was at the start."""
    plainly: Callable[[], Failure | None]
    """What the model raises when nobody watches."""
    still: Callable[[], AbstractContextManager[None]]
    """Within it, whatever else is run may write to what the model is made of: it is put back."""
    loss: Tensor | None = None
    """None where the model could not go on."""
    loss_number: int = -1
    trains: dict[str, bool] = field(default_factory=dict)
    """Which leaves required a gradient when it ended."""


@dataclass(slots=True)
class Slopes:
    """What the backward pass gave."""

    gradients: dict[str, Tensor | None]
    not_finite: list[Event] = field(default_factory=list)
    """Where gradients come in finite and go out as NaN or infinity."""
    zero: list[Event] = field(default_factory=list)
    """Where gradients come in and nothing but zeros go out."""
    states: dict[str, Gradient] = field(default_factory=dict)
    sizes: dict[Event, float] = field(default_factory=dict)
    """2-norm of the gradient at what each call returned, where a weight went in: ‖∂loss/∂layer(x)‖."""


def run(model: Model, x: Inputs, loss: Loss | None, nudge: Nudge | None = None) -> Pass:
    """Run the model and the loss once. With ``nudge``, an error ends the pass and says nothing of the model.

    Raises:
        QuestionError: ``x`` is no tensor; the model cannot be copied, fails, or cannot be followed; the loss is no
            single number.
    """
    given = checked(x)
    own_loss = loss or weighted_sum
    plainly = partial(failure, model, given, own_loss)
    try:
        try:
            return _watched(model, given, own_loss, nudge, plainly, keep=True)
        except RuntimeError as error:
            if "saved tensor hooks" not in str(error):
                raise
        return _watched(model, given, own_loss, nudge, plainly, keep=False)  # within torch.func they are forbidden
    except GradVizError:
        raise
    except RAISED as error:
        raise explained(error, plainly()) from error


def _watched(
    model: Model,
    given: tuple[Tensor, ...],
    loss: Loss,
    nudge: Nudge | None,
    plainly: Callable[[], Failure | None],
    keep: bool,
) -> Pass:
    saved = SavedValues(Now())
    with recording(), same_random_numbers(), examined(model, loss, saved.keep) as subject:
        inputs = [leaf(tensor) for tensor in given]
        recorder = Recorder(subject.paths, nudge, saved.now)
        leaves = {_input_name(i, len(inputs)): tensor for i, tensor in enumerate(inputs)} | subject.parameters
        numbers = {name: recorder.know(tensor, name) for name, tensor in leaves.items()}
        for name, buffer in subject.others.items():
            recorder.know(buffer, name)
        done = Pass(recorder.record, saved, leaves, frozenset(subject.parameters), numbers, plainly, subject.still)
        try:
            with warnings.catch_warnings(action="ignore"), saved if keep else nullcontext(), recorder:
                output = subject.call(*inputs)
                score = subject.loss(output)
        except RAISED:
            if recorder.record.refused or nudge is not None:
                return done
            raise
        done.loss, done.trains = _one_number(score), {name: tensor.requires_grad for name, tensor in leaves.items()}
        done.loss_number = recorder.number(score)
    return done


def weighted_sum(output: object) -> Tensor:
    """The usual loss: all that the model returns, each number times a weight that rises from 1/2 to 3/2.

    A plain sum would be one whatever the input where the model ends in a softmax, and its gradient zero.

    Raises:
        QuestionError: the model returns no tensor.
    """
    found = [tensor for tensor in tensors(output).values() if tensor.numel()]
    found = [torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor for tensor in found]
    floating = [tensor for tensor in found if tensor.is_floating_point()] or [tensor.float() for tensor in found]
    if not floating:
        raise QuestionError("The model returns no tensor, so there is nothing to differentiate. Pass it a loss.")
    terms = [
        (tensor.flatten() * torch.linspace(0.5, 1.5, tensor.numel(), dtype=tensor.dtype, device=tensor.device)).sum()
        for tensor in floating
    ]
    return torch.stack([term.to(terms[0].dtype) for term in terms]).sum()


def way_back(done: Pass) -> Slopes:
    """∂loss/∂leaf for every leaf, and where on the way back gradients turn bad.

    Raises:
        QuestionError: PyTorch has no derivative for an operation; the model uses reentrant checkpointing, or fails.
    """
    found = Slopes(dict.fromkeys(done.leaves), states=dict.fromkeys(done.leaves, "none"))
    assert done.loss is not None
    wanted = {name: leaf for name, leaf in done.leaves.items() if leaf.requires_grad and leaf.is_floating_point()}
    if not done.loss.requires_grad or not wanted:
        return found
    weights = {done.numbers[name] for name in done.parameters if done.leaves[name].dim() > 1}
    layers = {event for event in done.record.events if not weights.isdisjoint(event.inputs)}
    handles = [node.register_hook(_look(found, event, event in layers)) for node, event in _nodes(done)]
    try:
        with done.still(), same_random_numbers():  # hooks of the author's run now
            _, gradients = differentiate_all(Trace(parameters=wanted), done.loss, keep_graph=True)
    except GradVizError:
        raise
    except RAISED as error:
        raise explained(error, done.plainly()) from error
    finally:
        for handle in handles:
            handle.remove()
    found.gradients.update(gradients)
    found.states.update({name: _state(slope) for name, slope in gradients.items()})
    return found


def _nodes(done: Pass) -> Iterator[tuple[Any, Event]]:
    """The nodes of PyTorch's graph that the functions seen have made; leaves are not among them."""
    for node, event in done.record.made_by.items():
        if not hasattr(node, "variable"):
            yield node, event


def _look(found: Slopes, event: Event, is_layer: bool) -> Callable[[Any, Any], None]:
    def hook(into: tuple[Tensor | None, ...], out_of: tuple[Tensor | None, ...]) -> None:
        """PyTorch names them by the function: ``out_of`` comes in from the loss, ``into`` goes on to what is before."""
        comes = [largest(slope) for slope in out_of if slope is not None]
        goes = [largest(slope) for slope in into if slope is not None]
        if is_layer and comes and event not in found.sizes:  # the last of its nodes is the first on the way back
            found.sizes[event] = sum(float(slope.norm()) for slope in out_of if slope is not None)
        if all(map(math.isfinite, comes)) and not all(map(math.isfinite, goes)):
            found.not_finite.append(event)
        if goes and any(comes) and not any(goes):
            found.zero.append(event)

    return hook


def _state(slope: Tensor | None) -> Gradient:
    if slope is None:
        return "none"
    size = largest(slope)
    if not math.isfinite(size):
        return "not_finite"
    return "finite" if size else "zero"


def _input_name(number: int, count: int) -> str:
    return "the input" if count == 1 else f"input {number + 1}"


def _one_number(score: object) -> Tensor:
    if isinstance(score, Tensor) and score.is_complex():
        raise QuestionError("The loss is complex; a gradient needs a real number. Take .real or .abs() of it.")
    if isinstance(score, Tensor) and score.numel() == 1:
        return score
    what = (
        f"a tensor of {score.numel()} numbers" if isinstance(score, Tensor) else f"of the kind {type(score).__name__}"
    )
    raise QuestionError(f"The loss is {what}; a gradient needs a tensor that holds one number. Sum it up.")
