"""The score of one class minus that of another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gradviz_core.errors import BadTarget
from gradviz_core.tracing.scores import heads
from gradviz_core.tracing.scores.rows import read_at, the_class
from gradviz_core.types import ClassDifference

if TYPE_CHECKING:
    from torch import Tensor

    from gradviz_core.tracing.watch import Trace


def score(target: ClassDifference, trace: Trace) -> tuple[ClassDifference, Tensor]:
    """The score of one class minus that of another.

    Raises:
        BadTarget: the model returns no row of scores, has no such class, or both classes are the same.
    """
    row = heads.row(trace, target.head)
    index, other = the_class(target.index, row.values), the_class(target.other, row.values)
    if index == other:
        raise BadTarget(f"Class {index} minus itself is 0 for every image. Choose another class to subtract.")
    value = row.values[index] - row.values[other]
    return replace(target, index=index, other=other, head=read_at(target.head, row)), value
