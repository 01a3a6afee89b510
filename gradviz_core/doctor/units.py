"""Units that let no gradient through: a ReLU that gives zero for everything, a sigmoid or tanh that is flat."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

RECTIFIERS = frozenset({"relu", "relu_", "relu6", "threshold", "threshold_"})
SIGMOIDS = frozenset({"sigmoid", "sigmoid_"})
TANHS = frozenset({"tanh", "tanh_"})
ACTIVATIONS = RECTIFIERS | SIGMOIDS | TANHS

MOST = 0.9
"""From this share on it is a finding."""
ENOUGH_PLACES = 8
"""With fewer numbers for each unit, a ReLU is a finding only where every unit is zero: one image says little."""
FLAT = 1e-3
"""A derivative below this is one of a saturated unit; the largest is 1/4 for a sigmoid and 1 for tanh."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many units let no gradient through."""

    units: int
    share: float
    places: int

    @property
    def too_much(self) -> bool:
        """Whether it is a finding."""
        return self.share >= (MOST if self.places >= ENOUGH_PLACES else 1.0)


def measure(name: str, result: Tensor) -> Share:
    """The share of units that give no gradient, from what an activation function returned.

    A unit of a ReLU is a channel of maps (N, C, ...) or the last axis of anything else, and is dead where it is zero
    for the whole batch at every place. For a sigmoid s, whose derivative is s(1 - s), and for tanh t, with 1 - t², each
    number is a unit.
    """
    if name in RECTIFIERS:
        axis = 1 if result.dim() >= 4 else max(result.dim() - 1, 0)
        rows = (result == 0).unsqueeze(-1).transpose(0, axis).flatten(1)
        return Share(len(rows), float(rows.all(1).float().mean()), rows.shape[1])
    slope = result * (1 - result) if name in SIGMOIDS else 1 - result * result
    flat = (slope.abs() if slope.is_complex() else slope) < FLAT
    return Share(result.numel(), float(flat.float().mean()), result.numel())
