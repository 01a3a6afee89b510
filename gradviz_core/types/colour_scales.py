"""The two colour scales of all pictures, and the words that captions have for their ends. Both can be read with every
common kind of colour blindness."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ColourScale:
    """A scale of Plotly's, and how its ends look."""

    name: str
    """As Plotly calls it."""
    low: str
    """The smallest values, in one word."""
    high: str
    """The largest values, in one word."""


DIVERGING = ColourScale("RdBu_r", low="blue", high="red")
"""For fields with a sign; zero is in the middle, which is white."""
SEQUENTIAL = ColourScale("Viridis", low="dark", high="bright")
"""For magnitudes, from zero up."""
