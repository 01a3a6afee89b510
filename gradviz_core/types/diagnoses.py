"""What is asked of the doctor, and how it is answered. Frozen values; nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gradviz_core.types.findings import Diagnosis, Proof
from gradviz_core.types.receipts import Receipt
from gradviz_core.types.subjects import INPUT, ClassScore, Site, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisQuestion:
    """Why is a gradient of ``target`` missing, zero or not finite, at the input or at any parameter?"""

    model: str
    image: str
    target: Target = field(default_factory=ClassScore)
    seed: int = 0
    kind: Literal["diagnosis"] = field(default="diagnosis", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofQuestion:
    """Is the gradient of ``target`` at ``wrt`` what finite differences in float64 give, along so many random
    ``directions``, drawn from ``seed``?"""

    model: str
    image: str
    target: Target = field(default_factory=ClassScore)
    wrt: Site = INPUT
    directions: int = 3
    seed: int = 0
    every_step: bool = True
    """False for as few steps as it takes to settle it."""
    kind: Literal["proof"] = field(default="proof", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagnosisAnswer:
    """Answer to a ``DiagnosisQuestion``; all of it is in ``diagnosis``, and ``arrays`` is empty."""

    question: DiagnosisQuestion
    target: Target
    """The question's target, with the predicted class filled in."""
    diagnosis: Diagnosis
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Mapping[str, np.ndarray]
    kind: Literal["diagnosis"] = field(default="diagnosis", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofAnswer:
    """Answer to a ``ProofQuestion``; all of it is in ``proof``, and ``arrays`` is empty."""

    question: ProofQuestion
    target: Target
    """The question's target, with the predicted class filled in."""
    proof: Proof
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Mapping[str, np.ndarray]
    kind: Literal["proof"] = field(default="proof", repr=False)
