"""The score of one class or label."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gradviz_core.tracing.scores import by_kind, heads
from gradviz_core.tracing.scores.rows import read_at, the_class
from gradviz_core.types import ClassScore

if TYPE_CHECKING:
    from torch import Tensor

    from gradviz_core.tracing.watch import Trace


def score(target: ClassScore, trace: Trace) -> tuple[ClassScore, Tensor]:
    """The score of a class or label, or against it.

    Raises:
        BadTarget: the model returns no row of scores, has no such class, or its numbers have no such score.
    """
    row = heads.row(trace, target.head, as_shares=target.scale != "logit")
    index = the_class(target.index, row.values)
    value = by_kind.score(row.values, row.kind, target.scale, index, against=target.against)
    return replace(target, index=index, head=read_at(target.head, row)), value
