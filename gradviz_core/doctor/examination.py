"""One run of the model under examination, forward, with everything recorded."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor

from gradviz_core.doctor import words
from gradviz_core.doctor.arguments import checked
from gradviz_core.doctor.at_the_loss import of_loss
from gradviz_core.doctor.flow import Event, Now
from gradviz_core.doctor.plain import RAISED, Failure, explained, failure, leaf
from gradviz_core.doctor.recorder import Nudge, Record, Recorder, Taken
from gradviz_core.doctor.saved import SavedValues
from gradviz_core.doctor.subject import Loss, Model, examined, same_random_numbers
from gradviz_core.doctor.units import Share
from gradviz_core.errors import GradVizError, QuestionError
from gradviz_core.tracing.inputs import by_site, map_inputs
from gradviz_core.tracing.inputs import run as call_it
from gradviz_core.tracing.nested import tensors
from gradviz_core.tracing.trace import Inputs, recording
from gradviz_core.types import Site
from gradviz_core.types.calls import Call
from gradviz_core.types.sites import site_name


@dataclass(frozen=True, slots=True)
class Given:
    """A tensor that was there before."""

    number: int
    floating: bool
    trains: bool
    kept: bool
    """Whether its gradient lands in its ``.grad``."""
    of_model: bool
    """Whether it is the model that reaches it, and not the loss alone."""


@dataclass(slots=True)
class Pass:
    """What one forward pass left."""

    record: Record
    saved: SavedValues
    leaves: dict[str, Tensor]
    """Inputs and parameters by name, frozen ones among them."""
    loose: tuple[str, ...]
    """Parameters that the model holds and does not list."""
    given: dict[str, Given]
    """Tensors that a plain function, or a loss, reaches beside modules."""
    parameters: frozenset[str]
    """Which of them are parameters."""
    asked: frozenset[str]
    """Parameters that require a gradient, and inputs that did when they were given; all, where there are none."""
    numbers: dict[str, int]
    """The value that each was at the start."""
    plainly: Callable[[], Failure | None]
    """What the model raises when nobody watches."""
    still: Callable[[], AbstractContextManager[None]]
    """Within it, whatever else is run may write to what the model is made of: it is put back."""
    loss: Tensor | None = None
    """None where the model could not go on."""
    loss_number: int = -1
    of_loss: frozenset[Event] = frozenset()
    """The calls that belong to the loss; where none is given and the model returns a single number, its last ones."""
    trains: dict[str, bool] = field(default_factory=dict)
    """Which leaves required a gradient when it ended."""

    @property
    def activations(self) -> list[tuple[Event, Share]]:
        """The activation functions that ran. What a rectifier of the loss leaves out is no unit."""
        return [one for one in self.record.activations if one[1].cause != "dead" or one[0] not in self.of_loss]


def run(model: Model, x: Inputs, loss: Loss | None, nudge: Nudge | None = None) -> Pass:
    """Run the model and the loss once. With ``nudge``, an error ends the pass and says nothing of the model.

    Raises:
        QuestionError: there is no tensor in ``x``; the model cannot be copied, fails, or cannot be followed; the loss
            is no single number.
    """
    given = checked(model, x)
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
    given: Call,
    loss: Loss,
    nudge: Nudge | None,
    plainly: Callable[[], Failure | None],
    keep: bool,
) -> Pass:
    saved = SavedValues(Now())
    with recording(), same_random_numbers(), examined(model, loss, saved.keep) as subject:
        call = map_inputs(given, lambda _, tensor: leaf(tensor))
        inputs, as_given = by_site(call), by_site(given)
        recorder = Recorder(subject.paths, nudge, saved.now)
        named = {_input_name(site, len(inputs)): site for site in inputs}
        leaves = {name: inputs[site] for name, site in named.items()} | subject.parameters
        asked = {name for name, tensor in subject.parameters.items() if tensor.requires_grad}
        asked |= {name for name, site in named.items() if as_given[site].requires_grad}
        numbers = {name: recorder.know(tensor, name) for name, tensor in leaves.items()}
        for name, buffer in subject.others.items():
            recorder.know(buffer, name if buffer.is_leaf else "")
        held = {
            name: _given(tensor, recorder.number(tensor), name in subject.constants)
            for name, tensor in subject.given.items()
        }
        parameters, meant = frozenset(subject.parameters), frozenset(asked or leaves)
        done = Pass(
            recorder.record, saved, leaves, subject.loose, held, parameters, meant, numbers, plainly, subject.still
        )
        try:
            with warnings.catch_warnings(action="ignore"), saved if keep else nullcontext(), recorder:
                output = call_it(subject.call, call)
                start = 0 if _is_a_loss(output, loss) else len(recorder.record.events)
                score = subject.loss(output)
        except RAISED:
            if recorder.record.refused or nudge is not None:
                return done
            raise
        done.loss, done.trains = (
            _one_number(score, recorder.record.taken),
            {name: tensor.requires_grad for name, tensor in leaves.items()},
        )
        done.loss_number = recorder.number(score)
        done.of_loss = of_loss(recorder.record, start, {numbers[name] for name in parameters})
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
        raise QuestionError("The model returns no tensor, so there is nothing to differentiate. Pass a loss.")
    wide = [tensor.to(torch.promote_types(tensor.dtype, torch.float32)) for tensor in floating]
    terms = [
        (tensor.flatten() * torch.linspace(0.5, 1.5, tensor.numel(), dtype=tensor.dtype, device=tensor.device)).sum()
        for tensor in wide
    ]
    return torch.stack([term.to(terms[0].dtype) for term in terms]).sum()


def _is_a_loss(output: object, loss: Loss) -> bool:
    return loss is weighted_sum and isinstance(output, Tensor) and output.dim() == 0


def _input_name(site: Site, count: int) -> str:
    return site_name(site) if count == 1 or site.item else f"input {site.call + 1}"


def _given(tensor: Tensor, number: int, of_model: bool) -> Given:
    floating = tensor.is_floating_point() or tensor.is_complex()
    return Given(number, floating, tensor.requires_grad, tensor.is_leaf or tensor.retains_grad, of_model)


def _one_number(score: object, taken: Sequence[Taken]) -> Tensor:
    if isinstance(score, Tensor) and score.is_complex():
        raise QuestionError("The loss is complex; a gradient needs a real number. Take .real or .abs() of it.")
    if isinstance(score, Tensor) and score.numel() == 1:
        return score
    if isinstance(score, int | float | np.number) and taken:
        raise QuestionError(words.loss_left(type(score).__name__, taken[-1].event))
    what = f"a tensor of {score.numel()} numbers" if isinstance(score, Tensor) else f"of type {type(score).__name__}"
    raise QuestionError(f"The loss is {what}; a gradient needs a tensor with a single number. Sum it.")
