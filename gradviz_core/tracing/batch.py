"""Several images in one pass: a score for each, and the check that no image changes the gradient of another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from gradviz_core.errors import BadTarget, QuestionError
from gradviz_core.tracing.backward import differentiate_each
from gradviz_core.tracing.inputs import by_site, explained, map_inputs
from gradviz_core.tracing.nested import map_tensors, tensors
from gradviz_core.tracing.passes import forward, is_close
from gradviz_core.tracing.scores import targets
from gradviz_core.tracing.watch import Trace
from gradviz_core.types import Combination, Site, Target
from gradviz_core.types.calls import Call
from gradviz_core.types.sites import ordinal, site_name
from gradviz_core.types.targets import OfHead

APART = "Pass the images one at a time."


def count(call: Call) -> int:
    """How many images there are: the length of the first axis of the first input; 1 where that is the only axis, and
    where the input is a list, because detectors take one image after another."""
    first = next(iter(by_site(call).values()), None)
    listed = bool(call.args) and isinstance(call.args[0], list)
    return first.shape[0] if first is not None and first.dim() > 1 and not listed else 1


def is_batch(trace: Trace, many: int) -> bool:
    """Whether what the model returned has an axis of so many images first."""
    return many > 1 and any(_counts(tensor, many) for tensor in tensors(trace.output).values())


def names_a_row(target: object) -> bool:
    """Whether one target says itself which row of all that was handed in is meant, so that it is not one for each."""
    if isinstance(target, Combination):
        return any(term.index[:1] > (0,) for term in target.terms)
    return isinstance(target, OfHead) and target.head.row is not None


def one_for_each(target: Target | Sequence[Target], many: int) -> tuple[Target, ...]:
    """The targets of so many images; one target stands for all.

    Raises:
        QuestionError: there are more or fewer targets than images.
    """
    if not isinstance(target, Sequence):
        return (target,) * many
    if len(target) != many:
        images = "1 image" if many == 1 else f"{many} images"
        raise QuestionError(f"{len(target)} targets for {images}: give one target for each image, or one for all.")
    return tuple(target)


def select(wanted: Sequence[Target], trace: Trace) -> tuple[tuple[Target, ...], Tensor]:
    """Each image's target with its predicted class filled in, and the scores, shape (N,), on the trace's graph.

    Raises:
        BadTarget: as ``targets.select`` does, or a target is read from a value without an axis of images.
    """
    chosen = [targets.select(target, of_image(trace, target, i, len(wanted))) for i, target in enumerate(wanted)]
    return tuple(target for target, _ in chosen), torch.stack([score for _, score in chosen])


def check_apart(trace: Trace, scores: Tensor, found: dict[Site, Tensor | None]) -> None:
    """Check that the gradient of each image's score is its own, at every value of ``found`` that counts images first.

    ``found`` holds Σ_i ∂s_i/∂v. With weights w_i = 2^e_i the sum is Σ_i w_i · ∂s_i/∂v, whose row j is w_j times the row
    above just where no other image's score depends on row j. Powers of two change no digit of a floating-point number,
    so nothing is lost to rounding; every two images differ in e in at least one pass.

    Raises:
        QuestionError: images change one another's scores.
    """
    many = len(scores)
    own = {site: slope for site, slope in found.items() if slope is not None and _counts(slope, many)}
    base = 4 if torch.float16 in {scores.dtype, *(slope.dtype for slope in own.values())} else 24
    place = 1
    while own and place < many:
        exponents = torch.arange(many, device=scores.device) // place % base
        weights = torch.pow(2.0, exponents).to(scores.dtype)
        again = differentiate_each(trace, scores, weights, list(own), keep_graph=True)
        for site, slope in own.items():
            weighted = again[site]
            if weighted is None or not _same_rows(weighted, slope, weights):
                raise QuestionError(
                    "The images of this batch change one another's scores, as they do through batch norm in training "
                    f"mode, so the gradient at {site_name(site)} does not belong to one image. {APART} If the first "
                    "axis counts something else, such as the steps of a sequence, name the row: Head(row=1), or "
                    "gv.Combination."
                )
        place *= base


def check_alone(module: nn.Module, call: Call, trace: Trace, many: int) -> None:
    """Check that each image gives by itself what it gave among the others: values may mix without a gradient.

    Raises:
        QuestionError: it does not, or the model draws random numbers, which are others for each image of a batch.
    """
    if trace.random:
        raise QuestionError(
            "This model draws random numbers, so an image in a batch gets different ones from the same image alone. "
            + APART
        )
    for index in range(many):
        one = _call_of_one(call, index, many)
        with explained(module, one):
            alone = forward(module, one, keep=(), axes=False)
        for item, tensor in tensors(alone.output).items():
            among = tensors(trace.output).get(item)
            if among is not None and _counts(among, many) and not _is_same(_row(among, index, many), tensor):
                raise QuestionError(
                    f"The {ordinal(index)} image gives a different output alone than in the batch. {APART}"
                )


def _call_of_one(call: Call, index: int, many: int) -> Call:
    return map_inputs(call, lambda _, tensor: _row(tensor, index, many))


def _row(tensor: Tensor, index: int, many: int) -> Tensor:
    """What one image has of it."""
    return tensor[index : index + 1] if _counts(tensor, many) else tensor


def _is_same(among: Tensor, alone: Tensor) -> bool:
    """Also where the axis of images is gone once it counts one, as it is after a ``squeeze``."""
    return is_close(among.reshape(alone.shape) if among.numel() == alone.numel() else among, alone)


def _counts(tensor: Tensor, many: int) -> bool:
    return tensor.dim() > 0 and tensor.shape[0] == many


def of_image(trace: Trace, target: Target, index: int, many: int) -> Trace:
    """The trace as one image's, with what the target is read from.

    Raises:
        BadTarget: the target is read from a value without an axis of images.
    """
    at = target.at
    if at is not None and not _counts(trace.value(at), many):
        raise BadTarget(
            f"The value of {site_name(at)}, {tuple(trace.value(at).shape)}, has no axis for the {many} images. {APART}"
        )
    return replace(
        trace,
        values={} if at is None else {at: _row(trace.value(at), index, many)},
        output=map_tensors(trace.output, lambda _, tensor: _row(tensor, index, many)),
    )


def _same_rows(weighted: Tensor, slope: Tensor, weights: Tensor) -> bool:
    info = torch.finfo(slope.dtype)
    by_row = weights.to(slope.dtype).view(-1, *[1] * (slope.dim() - 1))
    expected, found = (rows.cpu().double().reshape(len(rows), -1) for rows in (slope * by_row, weighted))
    scale = expected.nan_to_num().abs().amax(1, keepdim=True)
    smallest = info.tiny * float(weights.max()) * 1e3
    difference = (found - expected).abs()
    return bool(((difference <= info.eps**0.5 * scale + smallest) | difference.isnan()).all())
