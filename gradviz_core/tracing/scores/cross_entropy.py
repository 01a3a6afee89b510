"""The loss for a label."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gradviz_core.errors import BadTarget
from gradviz_core.tracing.scores import by_kind, heads
from gradviz_core.tracing.scores.rows import read_at, the_class
from gradviz_core.types import CrossEntropy

if TYPE_CHECKING:
    from torch import Tensor

    from gradviz_core.tracing.watch import Trace


def score(target: CrossEntropy, trace: Trace) -> tuple[CrossEntropy, Tensor]:
    """The loss for a label: minus its log-probability.

    Raises:
        BadTarget: the model returns no row of scores, has no such class, or its numbers are no probabilities.
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
