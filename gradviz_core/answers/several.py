"""The plain input gradient of several images, as the rows of one pass."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn

from gradviz_core.answers import pictures, predictions
from gradviz_core.answers.load import Model
from gradviz_core.answers.oracle import AGREEMENT
from gradviz_core.answers.scene import as_numpy
from gradviz_core.errors import BadTarget, QuestionError, Unreachable
from gradviz_core.tracing import batch
from gradviz_core.tracing.kernel_guards import noting
from gradviz_core.tracing.quick_kernels import QuickKernels
from gradviz_core.tracing.row_rules import Mixes
from gradviz_core.tracing.rows_apart import check_way_back
from gradviz_core.tracing.scores import targets
from gradviz_core.tracing.trace import differentiate_each, forward, reached, recording
from gradviz_core.types import INPUT, ClassProbability, FloatArray, GradientAnswer, GradientQuestion, Target
from gradviz_core.types.methods import PLAIN

_NOT_ROWS = (RuntimeError, ValueError, TypeError, IndexError, BadTarget, QuestionError, Unreachable, Mixes)
"""What a model raises that takes one image alone, or whose images might change one another."""

_APART: WeakKeyDictionary[nn.Module, set[tuple[Target, torch.Size]]] = WeakKeyDictionary()
"""Targets and shapes of inputs whose passes showed that images stay apart: that holds whatever the numbers are, so the
operations of later passes are not looked at again, and give the same bits."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is found of one image."""

    target: Target
    """With the predicted class filled in."""
    score: float
    prediction: tuple[ClassProbability, ...]
    gradient: FloatArray
    """∂score/∂input, (1, C, H, W); score unit per normalised-pixel unit; signed."""


def may_be_rows(question: GradientQuestion) -> bool:
    """Whether a question is of the kind that is answered for several images at once: the plain gradient at the input,
    of a score that is read from what the model returns."""
    target = question.target
    plain = question.method == PLAIN and question.wrt == (INPUT,) and question.part is None
    return plain and target.at is None and not target.needs_axes and not batch.names_a_row(target)


def first_input(model: Model, image: str) -> torch.Tensor:
    """What the network receives for an image, by its key; on the model's device.

    Raises:
        UnknownImage, BadImage: as ``pictures.as_seen`` does.
    """
    return torch.tensor(pictures.as_seen(image, model.card.preprocessing).numbers, device=_device(model))


def rows(model: Model, question: GradientQuestion, images: Sequence[str]) -> tuple[Row, ...] | None:
    """The answers to the question about each of two or more images, by their keys; None where the operations of the
    pass do not show that each image has its own gradient, and for volumes and clips, which take the memory of many
    images. The last bits differ from those of an image alone.

    Raises:
        UnknownImage, BadImage: as ``pictures.as_seen`` does.
    """
    steps, many = model.card.preprocessing, len(images)
    if steps.slices:
        return None
    seen = np.concatenate([pictures.as_seen(image, steps).numbers for image in images])
    with suppress(*_NOT_ROWS), recording(), noting():
        x = torch.tensor(seen, device=_device(model))
        shown = _APART.setdefault(model.module, set())
        apart = 0 if (question.target, x.shape) in shown else many
        with QuickKernels():
            trace = forward(model.module, x, keep={INPUT}, seed=question.seed, axes=False, apart=apart)
        if trace.random:
            return None
        wanted = targets.read_as(question.target, model.card.reading)
        chosen, scores = batch.select((wanted,) * many, trace)
        if apart:
            check_way_back(scores)
            shown.add((question.target, x.shape))
        with QuickKernels():
            found = differentiate_each(trace, scores, torch.ones_like(scores), (INPUT,), keep_graph=False)
        numbers = scores.tolist()
        slopes = as_numpy(reached(INPUT, found[INPUT], wanted))
        each = [
            predictions.of_trace(batch.of_image(trace, wanted, i, many), model.card, chosen[i]) for i in range(many)
        ]
        return tuple(Row(chosen[i], numbers[i], each[i], slopes[i : i + 1]) for i in range(many))
    return None


def _device(model: Model) -> torch.device:
    return next((one.device for one in model.module.parameters()), torch.device("cpu"))


def agrees(row: Row, alone: GradientAnswer) -> bool:
    """Whether a row is its image's own answer, to rounding: score and gradient, relative to the largest number."""
    true = alone.gradients.get(INPUT)
    if true is None or true.shape != row.gradient.shape or row.target != alone.target:
        return False
    near = abs(row.score - alone.score) <= AGREEMENT * abs(alone.score)
    return near and bool(np.abs(row.gradient - true).max() <= AGREEMENT * np.abs(true).max())
