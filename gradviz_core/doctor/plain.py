"""The model without the doctor: whether an error is its own, or comes of being watched."""

from __future__ import annotations

import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gradviz_core.doctor.stack import is_authors
from gradviz_core.doctor.subject import Loss, Model, examined, same_random_numbers
from gradviz_core.errors import QuestionError
from gradviz_core.tracing.inputs import by_site, map_inputs, run
from gradviz_core.tracing.trace import recording
from gradviz_core.types.calls import Call

RAISED = (Exception,)
"""What a model raises that cannot go on: it may be of a class of its own."""

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Failure:
    """What a model raises when nobody watches."""

    error: Exception
    forward: bool
    """Whether it came that far only; else it is the backward pass that fails."""


def failure(model: Model, given: Call, loss: Loss) -> Failure | None:
    """Run the model, the loss and the backward pass once, unwatched; None where all goes well."""
    forward = True
    with recording(), same_random_numbers(), examined(model, loss, lambda _: None) as subject:
        try:
            with warnings.catch_warnings(action="ignore"):
                call = map_inputs(given, lambda _, tensor: leaf(tensor))
                inputs = by_site(call).values()
                score = subject.loss(run(subject.call, call))
                forward = False
                wanted = [tensor for tensor in (*inputs, *subject.parameters.values()) if tensor.requires_grad]
                if score.requires_grad and wanted:
                    torch.autograd.grad(score, wanted, allow_unused=True)
        except RAISED as error:
            return Failure(error, forward)
    return None


def explained(watched: Exception, own: Failure | None) -> QuestionError:
    """An error that was raised while the doctor watched: the model's own, with its line, or the doctor's limit."""
    if own is None:
        return QuestionError(
            f"The doctor cannot examine this model{_where(watched)}: {_why(watched)}. The model itself runs. Leave "
            "that part out, or examine the parts before and after it separately."
        )
    if own.forward:
        return QuestionError(
            f"The model fails{_where(own.error)}: {_why(own.error)}. Make the model run on this input first."
        )
    again = (
        "Pass retain_graph=True where the model itself runs a backward pass." if "second time" in str(own.error) else ""
    )
    return QuestionError(
        f"The backward pass of this model fails{_where(own.error)}: {_why(own.error)}. "
        f"{again or 'Make loss.backward() run on this input first.'}"
    )


def leaf(tensor: Tensor) -> Tensor:
    """A copy of an input, which requires a gradient where it can."""
    own = tensor.detach().clone()
    return own.requires_grad_() if own.is_floating_point() or own.is_complex() else own


def _where(error: Exception) -> str:
    """The author's line."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_authors(frame.filename)]
    return f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}  {frames[-1].line}"[:_LONGEST] if frames else ""


def _why(error: Exception) -> str:
    return str(error).partition("\n")[0][:_LONGEST].rstrip(". ") or type(error).__name__
