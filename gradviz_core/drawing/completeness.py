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
        """``Sum 7.31, expected 7.34: gap 0.4 %.``"""
        gap = f"gap {_percent(self.gap)}" if math.isfinite(self.gap) else "a gap"
        return f"Sum {number_text(self.found)}, expected {number_text(self.expected)}: {gap}."

    def stays(self, most: int) -> str:
        """What is said where such a gap is left with the ``most`` steps that there can be; 0 where there are none."""
        if not most:
            return f"The gap exceeds {100 * CLOSE:g} %; this method has no steps to refine."
        return f"It stays above {100 * CLOSE:g} % with {most:,} steps, the most that there can be."


def _percent(share: float) -> str:
    """``0.4 %``."""
    percent = 100 * share
    if percent < 0.1:
        return "below 0.1 %"
    return f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"
