"""Scores that are read from a map: one class at one position, over a region, or over the whole map."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from gradviz_core.errors import BadTarget
from gradviz_core.tracing.scores import by_kind, heads
from gradviz_core.tracing.scores.heads import Numbers
from gradviz_core.tracing.scores.rows import read_at
from gradviz_core.types import OutputKind, Position, PredictedMask, Rectangle, Region, RegionScore, WholeMap

if TYPE_CHECKING:
    from gradviz_core.tracing.watch import Trace

Maps = Float[Tensor, "classes height width"]
Mask = Bool[Tensor, "height width"]


def score(target: RegionScore, trace: Trace) -> tuple[RegionScore, Tensor]:
    """Mean or sum, over the positions of the region, of the score of one class there.

    A predicted mask is taken as it is: the derivative does not count how it would move.

    Raises:
        BadTarget: the model returns no map of scores, the class or the region does not exist there, the numbers have no
            such score, or it would be the same for all inputs.
    """
    shares = target.scale != "logit" or isinstance(target.region, PredictedMask)
    numbers = heads.score_map(trace, target.head, as_shares=shares)
    index = _class(target, numbers)
    inside = _region(target.region, index, numbers)
    if bool(inside.all()):
        numbers.check_whole(target.scale)
    values = by_kind.score(numbers.values, numbers.kind, target.scale, index)[inside]
    value = values.mean() if target.reduce == "mean" else values.sum()
    return replace(target, index=index, head=read_at(target.head, numbers)), value


def predicted(maps: Maps) -> Int[Tensor, "height width"]:
    """The class with the largest score at each position; of equal ones the first."""
    return maps.detach().argmax(0)


def positive(maps: Maps, kind: OutputKind) -> Mask:
    """Where the probability of a single label is over a half; nowhere for plain numbers."""
    shares = by_kind.probabilities(maps.detach(), kind)
    return torch.zeros_like(maps[0], dtype=torch.bool) if shares is None else shares[0] > 0.5


def _class(target: RegionScore, numbers: Numbers) -> int:
    classes = len(numbers.values)
    if target.index is not None:
        if not 0 <= target.index < classes:
            raise BadTarget(
                f"Class {target.index} does not exist: the map has classes 0 to {classes - 1}. Choose one of them."
            )
        return target.index
    if classes == 1:
        return 0
    everywhere = isinstance(target.region, PredictedMask)
    inside = _region(WholeMap() if everywhere else target.region, 0, numbers)
    return int(predicted(numbers.values)[inside].bincount(minlength=classes).argmax())


def _region(region: Region, index: int, numbers: Numbers) -> Mask:
    """The positions that are meant."""
    height, width = numbers.values.shape[1:]
    match region:
        case WholeMap():
            rows, columns = (0, height - 1), (0, width - 1)
        case Position(row=row, column=column):
            rows, columns = _within("Row", (row, row), height), _within("Column", (column, column), width)
        case Rectangle():
            rows, columns = _within("Row", region.rows, height), _within("Column", region.columns, width)
        case PredictedMask():
            return _mask(index, numbers)
        case _:
            assert_never(region)
    inside = torch.zeros(height, width, dtype=torch.bool, device=numbers.values.device)
    inside[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1] = True
    return inside


def _within(name: str, ends: tuple[int, int], length: int) -> tuple[int, int]:
    if outside := [end for end in ends if not 0 <= end < length]:
        raise BadTarget(
            f"{name} {outside[0]} does not exist: the map has {name.lower()}s 0 to {length - 1}. Choose among them."
        )
    if ends[0] > ends[1]:
        raise BadTarget(f"{name}s {ends[0]} to {ends[1]} are empty: the first is after the last. Swap them.")
    return ends


def _mask(index: int, numbers: Numbers) -> Mask:
    if len(numbers.values) > 1:
        inside, rule = predicted(numbers.values) == index, f"class {index} has the largest score at no position"
    elif numbers.kind == "numbers":
        raise BadTarget(
            "This map is read as plain numbers, which predict no mask. Choose a rectangle, or say what it is, "
            'for example Head(reading="sigmoid_logits").'
        )
    else:
        inside, rule = positive(numbers.values, numbers.kind), "the probability is above 0.5 at no position"
    if not bool(inside.any()):
        raise BadTarget(f"The predicted mask is empty: {rule}. Choose another class, or a rectangle.")
    return inside
