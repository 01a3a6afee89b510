"""A predicted map or predicted boxes: the question and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types.arrays import Arrays
from gradviz_core.types.heads import USUAL_HEAD, Head, HeadInfo
from gradviz_core.types.questions import AboutAModel, Answer
from gradviz_core.types.receipts import Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputQuestion(AboutAModel["OutputAnswer"]):
    """What does this model predict at each position of a map of scores, or which are its strongest boxes?

    ``skip`` and ``boxes_last`` are as in ``BoxScore``.
    """

    model: str
    image: str
    head: Head = USUAL_HEAD
    skip: int = 4
    boxes_last: bool | None = None
    seed: int = 0
    kind: Literal["output"] = field(default="output", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputAnswer(Answer):
    """Answer to an ``OutputQuestion``.

    For a map, ``arrays`` holds ``classes`` (H, W) int64, the class with the largest score at each position (for a
    single label 1 where its probability is over a half, else 0), and ``scores`` (H, W), that score.

    For boxes it holds, for the strongest boxes, strongest first, ``boxes`` (M,) int64, the number of each,
    ``classes`` (M,) int64, the class with the largest score in it, ``scores`` (M,), that score, and ``places``
    (M, skip), the numbers before its classes.
    """

    question: OutputQuestion
    head: HeadInfo
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    kind: Literal["output"] = field(default="output", repr=False)
