"""Scores that are read from the boxes of a detector."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gradviz_core.errors import BadTarget
from gradviz_core.tracing.scores import by_kind, heads
from gradviz_core.tracing.scores.rows import read_at
from gradviz_core.types import BoxScore

if TYPE_CHECKING:
    from torch import Tensor

    from gradviz_core.tracing.watch import Trace


def score(target: BoxScore, trace: Trace) -> tuple[BoxScore, Tensor]:
    """The score of one class at one box, or its mean or sum over all boxes.

    Raises:
        BadTarget: the model returns no boxes, the class or the box does not exist, the numbers have no such score, or
            it would be the same for all inputs.
    """
    shares = target.scale != "logit"
    numbers, _, last = heads.boxes(trace, target.head, target.skip, target.boxes_last, as_shares=shares)
    classes, count = numbers.values.shape
    if target.box is not None and not 0 <= target.box < count:
        raise BadTarget(f"Box {target.box} does not exist: there are boxes 0 to {count - 1}. Choose one of them.")
    if target.index is not None and not 0 <= target.index < classes:
        raise BadTarget(
            f"Class {target.index} does not exist: each box has classes 0 to {classes - 1}. Choose one of them."
        )
    index = target.index
    if index is None:
        seen = numbers.values.detach()
        index = int((seen.amax(1) if target.box is None else seen[:, target.box]).argmax())
    values = by_kind.score(numbers.values, numbers.kind, target.scale, index)
    if target.box is not None:
        value = values[target.box]
    else:
        numbers.check_whole(target.scale)
        value = values.mean() if target.reduce == "mean" else values.sum()
    return replace(target, index=index, boxes_last=last, head=read_at(target.head, numbers)), value
