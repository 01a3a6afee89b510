"""Whether a gradient is correct: the question and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types.arrays import Arrays
from gradviz_core.types.findings import Proof
from gradviz_core.types.questions import AboutAModel, Answer
from gradviz_core.types.receipts import Receipt
from gradviz_core.types.subjects import INPUT, Site
from gradviz_core.types.targets import ClassScore, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofQuestion(AboutAModel["ProofAnswer"]):
    """Does the gradient of ``target`` at ``wrt`` agree with finite differences in float64, along ``directions`` random
    directions, drawn from ``seed``?"""

    model: str
    image: str
    target: Target = field(default_factory=ClassScore)
    wrt: Site = INPUT
    directions: int = 3
    seed: int = 0
    every_step: bool = True
    """False tries only as many step sizes as it needs."""
    kind: Literal["proof"] = field(default="proof", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofAnswer(Answer):
    """Answer to a ``ProofQuestion``; all of it is in ``proof``, and ``arrays`` is empty."""

    question: ProofQuestion
    target: Target
    """The question's target, with the predicted class filled in."""
    proof: Proof
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    kind: Literal["proof"] = field(default="proof", repr=False)
