"""What is asked about the Jacobian of one value by another, and how it is answered. Frozen values; nothing here
computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gradviz_core.types.receipts import Receipt
from gradviz_core.types.subjects import INPUT, OUTPUT, Site

MOST_ENTRIES = 4_000_000
"""Largest part of a Jacobian that is answered entry by entry."""
MOST_PASSES = 4_096
"""Most backward passes that one such part may take."""
MOST_STEPS = 16
"""Most steps of an iteration for singular values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JacobianQuestion:
    """What is ∂of_i / ∂wrt_j, for the ``rows`` i and the ``columns`` j?

    Rows and columns are the numbers of the two values, laid flat; a part is the first and the one after the last, None
    takes all.
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
class SpectrumQuestion:
    """Which are the ``count`` largest singular values of that Jacobian, after so many ``steps`` of an iteration?"""

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
class JacobianAnswer:
    """Answer to a ``JacobianQuestion``: ``arrays`` holds ``row_norms`` (rows,), the L2 norm of each row over the
    columns asked for, and ``matrix`` (rows, columns), unless that has too many entries."""

    question: JacobianQuestion
    shape: tuple[int, int]
    """Rows and columns of the whole Jacobian."""
    mode: Literal["reverse", "forward"]
    """One backward pass a row, or one double backward pass a column."""
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Mapping[str, np.ndarray]
    kind: Literal["jacobian"] = field(default="jacobian", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrumAnswer:
    """Answer to a ``SpectrumQuestion``: ``arrays`` holds ``singular_values`` (K,), the largest first, none above the
    true one up to rounding, and their vectors ``left`` (K, rows) and ``right`` (K, columns)."""

    question: SpectrumQuestion
    shape: tuple[int, int]
    """Rows asked for, and columns."""
    settled: int
    """How many values, from the largest on, the last step changed by less than 1e-4 of each; no bound on the error."""
    complete: bool
    """Whether the iteration went through all directions there are, so that its values are the true ones."""
    frobenius: float
    """‖J‖_F: Σ σ² of all that was found, and an estimate of the rest."""
    frobenius_error: float
    """Standard error of that estimate; 0 where ``complete``."""
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Mapping[str, np.ndarray]
    kind: Literal["spectrum"] = field(default="spectrum", repr=False)
