"""How an answer is going to be drawn. It changes nothing about the question; where an answer holds more numbers than a
screen can show, it says which of them the page wants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gradviz_core.types.subjects import Layout

Reduction = Literal["signed_sum", "magnitude_l2", "magnitude_max", "channel"]
"""What is made of the channels of an input gradient."""
MapKind = Literal["activation", "gradient", "product"]
"""What is drawn of a site inside the model."""
Part = tuple[int, int, int, int]
"""First row, last row, first column, last column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a page draws of an answer. What a kind of answer does not have means nothing to it."""

    reduction: Reduction = "signed_sum"
    pixel: tuple[int, int] | None = None
    """Row and column of the pixel whose exact numbers are wanted, with those around it."""
    part: Part | None = None
    """The part of the input that is drawn; None is all of it."""
    maps: MapKind = "activation"
    layout: Layout = "maps"
    """How the site inside the model is read, as ``SiteInfo`` says; ``axis`` and ``shape`` too."""
    axis: int | None = None
    shape: tuple[int, ...] = ()
    """The shape of the site that a Jacobian is taken by."""
    strongest_first: bool = True
    """Whether the channels are in the order of their strength; else in that of their numbers."""
    channel: int | None = None
    """The channel that is drawn by itself; None is the strongest."""
    place: tuple[int, ...] = ()
    """The place of that channel whose exact numbers are wanted."""


USUAL = Look()
