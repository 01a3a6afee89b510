"""Norms on a logarithmic scale: where each is drawn, and the words for those that have no place on it. No torch.

A norm may be zero, drawn as an open mark at the bottom; infinite, where its tensor contains NaN or infinity, drawn as a
cross at the top; or NaN, where there is no tensor: a gap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gradviz_core.drawing.captions import number_text
from gradviz_core.types import FloatArray


def norm_text(norm: float, none: str = "no gradient") -> str:
    """The norm in four digits; ``zero``, ``contains NaN or infinity``, and ``none`` for NaN."""
    if math.isnan(norm):
        return none
    if math.isinf(norm):
        return "contains NaN or infinity"
    return number_text(norm, 4) if norm else "zero"


def odd_marks(*norms: FloatArray) -> tuple[str, ...]:
    """What a caption says about the marks that do not stand for a number, if there are any."""
    values = np.concatenate([np.asarray(some, np.float64) for some in norms]) if norms else np.zeros(0)
    found = {
        "open marks at the bottom: zero": bool(np.any(values == 0)),
        "crosses at the top: NaN or infinity": bool(np.any(np.isinf(values))),
    }
    return tuple(words for words, there in found.items() if there)


@dataclass(frozen=True, slots=True)
class LogScale:
    """From the lowest mark to the highest."""

    floor: float
    """Where zeros are drawn: below the smallest norm."""
    largest: float
    """The largest finite norm."""
    top: float
    """Where crosses are drawn, above it; the same where there are none."""

    @classmethod
    def of(cls, norms: FloatArray) -> LogScale:
        """The scale for these norms; zeros, NaN and infinity may be among them."""
        values = np.asarray(norms, np.float64)
        positive = values[np.isfinite(values) & (values > 0)]
        largest = float(positive.max()) if positive.size else 1.0
        return cls(
            floor=float(positive.min()) / 3 if positive.size else 0.1,
            largest=largest,
            top=3 * largest if np.any(np.isinf(values)) else largest,
        )

    def heights(self, norms: FloatArray) -> FloatArray:
        """Where each mark lies; NaN for a gap."""
        values = np.asarray(norms, np.float64)
        return np.where(values == 0, self.floor, np.where(np.isinf(values), self.top, values))

    @property
    def ticks(self) -> list[float]:
        """As ``log_ticks``, for the norms that are numbers."""
        return log_ticks(self.floor, self.largest)

    def ticks_in_sight(self, norms: FloatArray) -> list[float]:
        """The same for an axis that begins at the lowest mark, which is above ``floor`` where no norm is zero."""
        return log_ticks(float(np.nanmin(self.heights(norms), initial=self.largest)), self.largest)


def symbols(norms: FloatArray, plain: str = "circle") -> list[str]:
    """Plotly's mark for each."""
    return ["x" if math.isinf(norm) else f"{plain}-open" if norm == 0 else plain for norm in norms.tolist()]


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers for a logarithmic axis: powers of ten, at most seven of them; their doubles and halves too where
    there would be fewer than three; and where even these are fewer than two, steps that are even."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    step = max(1, math.ceil((last - first) / 6))
    powers = [10.0**e for e in range(first, last + 1, step)]
    inside = [p for p in powers if low <= p <= high]
    if len(inside) >= 3:
        return inside
    fine = [f * 10.0**e for e in range(first - 1, last + 1) for f in (1, 2, 5)]
    inside = [p for p in fine if low <= p <= high]
    if len(inside) >= 2:
        return inside
    for part in (20, 10, 5, 2, 1):
        pace = part * 10.0 ** (first - 1)
        even: list[float] = [pace * n for n in range(math.ceil(low / pace - 1e-9), math.floor(high / pace + 1e-9) + 1)]
        if len(even) >= 2:
            return even
    return [low, high]


def tick_text(tick: float) -> str:
    """``0.01``, ``100``, ``1.2``; from ten thousand on and below a thousandth with a power of ten, as Plotly's HTML."""
    power = math.floor(math.log10(tick) + 1e-9)
    if -3 <= power <= 3:
        return f"{tick:g}"
    front = f"{tick / 10.0**power:g}"
    return ("" if front == "1" else f"{front}·") + f"10<sup>{power}</sup>".replace("-", "−")
