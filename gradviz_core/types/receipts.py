"""What answers of every kind may hold: the probability of a class, and where the answer was computed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClassProbability:
    """One row of the prediction."""

    index: int
    label: str
    logit: float
    """The value that the model returned, a logit or not."""
    probability: float | None
    """None where the values are not class scores, as in a regression."""
    against: str = ""
    """The name of the other label, where a single output has two."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where and how an answer was computed."""

    device: str
    versions: tuple[tuple[str, str], ...]
    milliseconds: float
    """Time to compute the answer, without waiting and transport."""
    guarded: tuple[str, ...] = ()
    """Operations whose gradient PyTorch alone would have computed wrongly here, such as ``batch norm``; see
    docs/exactness.md."""
    arithmetic: str = ""
    """What fast arithmetic changed: ``20 batch norms folded into convolutions, channels last in memory``; empty for
    plain arithmetic."""
