"""The singular values of a Jacobian: the question and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types.arrays import Arrays
from gradviz_core.types.questions import AboutAModel, Answer
from gradviz_core.types.receipts import Receipt
from gradviz_core.types.subjects import INPUT, OUTPUT, Site

MOST_STEPS = 16
"""Most steps of an iteration for singular values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrumQuestion(AboutAModel["SpectrumAnswer"]):
    """Which are the ``count`` largest singular values of that Jacobian, after ``steps`` steps of an iteration?"""

    model: str
    image: str
    of: Site = OUTPUT
    wrt: Site = INPUT
    rows: tuple[int, int] | None = None
    count: int = 8
    steps: int = 4
    seed: int = 0
    kind: Literal["spectrum"] = field(default="spectrum", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrumAnswer(Answer):
    """Answer to a ``SpectrumQuestion``: ``arrays`` holds ``singular_values`` (K,), the largest first, none above the
    true one up to rounding, and their vectors ``left`` (K, rows) and ``right`` (K, columns)."""

    question: SpectrumQuestion
    shape: tuple[int, int]
    """Rows asked for, and columns."""
    settled: int
    """How many values, from the largest on, changed by less than 1e-4 of themselves in the last step; this does not
    bound the error."""
    complete: bool
    """Whether the iteration used all directions, so that its values are exact."""
    frobenius: float
    """‖J‖_F, from Σ σ² of the values found and an estimate of the rest."""
    frobenius_error: float
    """Standard error of that estimate; 0 where ``complete``."""
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    kind: Literal["spectrum"] = field(default="spectrum", repr=False)
