"""What answers of every kind may say: how likely a class is, and where the answer was computed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClassProbability:
    """One row of the prediction."""

    index: int
    label: str
    logit: float
    """The number that the model returned, a logit or not."""
    probability: float | None
    """None where the numbers are no scores of classes, as in a regression."""
    against: str = ""
    """The name of the other label, where a single number has two."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where and how an answer was computed."""

    device: str
    versions: tuple[tuple[str, str], ...]
    milliseconds: float
    """Time spent answering, queueing and transport excluded."""
    guarded: tuple[str, ...] = ()
    """Operations whose gradient PyTorch by itself would have got wrong here, such as ``batch norm``; see
    docs/exactness.md."""
