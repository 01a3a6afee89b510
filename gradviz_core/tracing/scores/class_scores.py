"""Scores that are read from one row of classes, labels or plain numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor

from gradviz_core.errors import BadTarget
from gradviz_core.tracing.scores import by_kind, heads
from gradviz_core.tracing.scores.heads import Numbers
from gradviz_core.types import ClassDifference, ClassScore, CrossEntropy, Head

if TYPE_CHECKING:
    from gradviz_core.tracing.watch import Trace

Row = Float[Tensor, " classes"]


def score(target: ClassScore, trace: Trace) -> tuple[ClassScore, Tensor]:
    """The score of a class or label, or against it.

    Raises:
        BadTarget: the model returns no row of scores, has no such class, or its numbers have no such score.
    """
    row = heads.row(trace, target.head, as_shares=target.scale != "logit")
    index = the_class(target.index, row.values)
    value = by_kind.score(row.values, row.kind, target.scale, index, against=target.against)
    return replace(target, index=index, head=read_at(target.head, row)), value


def difference(target: ClassDifference, trace: Trace) -> tuple[ClassDifference, Tensor]:
    """The number of one class minus that of another.

    Raises:
        BadTarget: as ``score`` does, or both classes are the same.
    """
    row = heads.row(trace, target.head)
    index, other = the_class(target.index, row.values), the_class(target.other, row.values)
    if index == other:
        raise BadTarget(f"Class {index} minus itself is 0 whatever the image is. Choose another class to take off.")
    value = row.values[index] - row.values[other]
    return replace(target, index=index, other=other, head=read_at(target.head, row)), value


def cross_entropy(target: CrossEntropy, trace: Trace) -> tuple[CrossEntropy, Tensor]:
    """The loss for a label: minus its log-probability.

    Raises:
        BadTarget: as ``score`` does.
    """
    row = heads.row(trace, target.head, as_shares=True)
    if len(row.values) == 1 and row.kind != "softmax_logits":
        if target.label not in (0, 1):
            raise BadTarget(
                f"Label {target.label} does not exist: an output of one number has label 1 for the positive class and "
                "0 for the negative one."
            )
        index, against = 0, target.label == 0
    else:
        index, against = the_class(target.label, row.values), False
    value = -by_kind.score(row.values, row.kind, "log_probability", index, against=against)
    return replace(target, head=read_at(target.head, row)), value


def ranked(row: Row) -> list[int]:
    """Classes from the highest score to the lowest; of equal ones the first comes first."""
    order: list[int] = row.detach().sort(descending=True, stable=True).indices.tolist()
    return order


def the_class(index: int | None, row: Row) -> int:
    """The class that is meant: the one with the highest score where none is named.

    Raises:
        BadTarget: it does not exist.
    """
    if index is None:
        return ranked(row)[0]
    if not 0 <= index < row.numel():
        raise BadTarget(
            f"Class {index} does not exist: the model has classes 0 to {row.numel() - 1}. Choose one of them."
        )
    return index


def read_at(head: Head, numbers: Numbers) -> Head:
    """The head, with where the numbers were found and what they are filled in."""
    return replace(head, item=numbers.item, reading=numbers.kind)
