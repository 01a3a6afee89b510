"""Why a gradient is missing: the question and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types.arrays import Arrays
from gradviz_core.types.backward import Break
from gradviz_core.types.findings import Diagnosis
from gradviz_core.types.questions import AboutAModel, Answer
from gradviz_core.types.receipts import Receipt
from gradviz_core.types.subjects import INPUT, Site
from gradviz_core.types.targets import ClassScore, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisQuestion(AboutAModel["DiagnosisAnswer"]):
    """Why is a gradient of ``target`` missing, zero or not finite, at the input or at any parameter?

    With ``broken`` the model is broken on purpose at the layer whose output is ``broken_at``.
    """

    model: str
    image: str
    target: Target = field(default_factory=ClassScore)
    broken: Break = field(default="", metadata={"unsaid": True})
    broken_at: Site = field(default=INPUT, metadata={"unsaid": True})
    seed: int = 0
    kind: Literal["diagnosis"] = field(default="diagnosis", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisAnswer(Answer):
    """Answer to a ``DiagnosisQuestion``; all of it is in ``diagnosis``, and ``arrays`` is empty."""

    question: DiagnosisQuestion
    target: Target
    """The question's target, with the predicted class filled in."""
    diagnosis: Diagnosis
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    kind: Literal["diagnosis"] = field(default="diagnosis", repr=False)
