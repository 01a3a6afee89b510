"""The classes that are most like one: those whose logits are nearest to its own."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from gradviz_core.errors import QuestionError
from gradviz_core.tracing.scores import heads, targets
from gradviz_core.tracing.trace import Trace
from gradviz_core.types import ClassScore, Target


def mean_logit(target: Target, trace: Trace, count: int) -> Tensor:
    """The mean logit of the ``count`` other classes whose logits are nearest to that of the target's class, or of all
    others where there are fewer; of two that are equally near the one with the smaller number.

    Raises:
        QuestionError: the target is not the logit of a class, or there is no other class.
    """
    if not isinstance(target, ClassScore) or target.scale != "logit" or target.against:
        raise QuestionError(
            f"This method compares logits of classes, and the score is {target.named()}. Choose the logit of one."
        )
    logits = heads.row(trace, target.head).values.detach()
    nearest = (logits - logits[target.index]).abs().argsort(stable=True).tolist()
    others = [index for index in nearest if index != target.index]
    if not others:
        raise QuestionError("This method compares classes, and the model has one. Choose another method.")
    return torch.stack([targets.select(replace(target, index=index), trace)[1] for index in others[:count]]).mean()
