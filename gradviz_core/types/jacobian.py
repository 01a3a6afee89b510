"""The Jacobian of one value with respect to another: the question and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types.arrays import Arrays
from gradviz_core.types.questions import AboutAModel, Answer
from gradviz_core.types.receipts import Receipt
from gradviz_core.types.subjects import INPUT, OUTPUT, Site

MOST_ENTRIES = 4_000_000
"""Most entries of a Jacobian that one answer holds."""
MOST_PASSES = 4_096
"""Most backward passes for one such answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JacobianQuestion(AboutAModel["JacobianAnswer"]):
    """What is ∂of_i / ∂wrt_j, for the ``rows`` i and the ``columns`` j?

    Rows and columns index the two values, flattened; a range is (first, last + 1), and None takes all.
    """

    model: str
    image: str
    of: Site = OUTPUT
    wrt: Site = INPUT
    rows: tuple[int, int] | None = None
    columns: tuple[int, int] | None = None
    seed: int = 0
    kind: Literal["jacobian"] = field(default="jacobian", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class JacobianAnswer(Answer):
    """Answer to a ``JacobianQuestion``: ``arrays`` holds ``row_norms`` (rows,), the L2 norm of each row over the
    columns asked for, and ``matrix`` (rows, columns), unless that has too many entries."""

    question: JacobianQuestion
    shape: tuple[int, int]
    """Rows and columns of the whole Jacobian."""
    mode: Literal["reverse", "forward"]
    """One backward pass for each row, or one double backward pass for each column."""
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    kind: Literal["jacobian"] = field(default="jacobian", repr=False)
