"""Whether an attribution sums to what the law of its method says."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gradviz_core.drawing.captions import number_text

CLOSE = 0.01
"""A gap of at most this share of the expected sum is small enough."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """What the values sum to, and what they should sum to."""

    found: float
    expected: float

    @property
    def gap(self) -> float:
        """|found − expected| / |expected|; infinite where nothing is expected and something is found."""
        difference = abs(self.found - self.expected)
        if self.expected == 0.0:
            return 0.0 if difference == 0.0 else float("inf")
        return difference / abs(self.expected)

    @property
    def is_close(self) -> bool:
        """Whether the gap is small enough."""
        return self.gap <= CLOSE

    def words(self) -> str:
        """``The values of the map add up to 7.31; in theory they add up to 7.34 (0.4 % apart).``"""
        apart = f" ({_percent(self.gap)} apart)" if math.isfinite(self.gap) else ""
        found, expected = (number_text(value, self._digits) for value in (self.found, self.expected))
        return f"The values of the map add up to {found}; in theory they add up to {expected}{apart}."

    @property
    def _digits(self) -> int:
        """So many that the two numbers differ where the gap is stated."""
        return 3 if self.gap > 0.05 or self.gap < 0.001 else 4

    def stays(self, most: int) -> str:
        """What is said where such a gap is left with the ``most`` steps that there can be; 0 where there are none."""
        if not most:
            return f"That is more than {100 * CLOSE:g} %, and this method has no steps to refine."
        return f"They stay more than {100 * CLOSE:g} % apart with {most:,} steps, the most that there can be."


def _percent(share: float) -> str:
    """``0.4 %``."""
    percent = 100 * share
    if percent < 0.1:
        return "below 0.1\N{NO-BREAK SPACE}%"
    return f"{percent:.1f}\N{NO-BREAK SPACE}%" if percent < 10 else f"{percent:.0f}\N{NO-BREAK SPACE}%"
