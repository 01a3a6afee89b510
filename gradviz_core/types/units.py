"""The most active channels at one position of a layer: the question and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types.arrays import Arrays
from gradviz_core.types.questions import AboutAModel, Answer
from gradviz_core.types.receipts import Receipt
from gradviz_core.types.subjects import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsQuestion(AboutAModel["UnitsAnswer"]):
    """Which ``count`` channels are most active at one position of a site, and how does each change with the input?

    ``place`` is (row, column) for maps, (token,) for tokens, (position,) for a sequence, (slice, row, column) for
    volumes and () for a vector. ``axis`` is the channel axis, where the batch axis is 0; None is the one that the
    forward pass shows.
    """

    model: str
    image: str
    site: Site
    place: tuple[int, ...]
    count: int = 6
    axis: int | None = None
    seed: int = 0
    kind: Literal["units"] = field(default="units", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitsAnswer(Answer):
    """Answer to a ``UnitsQuestion``: ``arrays`` holds ``channels`` (K,), ``values`` (K,), the activation of each, and
    ``gradients`` (K, C, H, W), the input gradient of each, strongest first."""

    question: UnitsQuestion
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    kind: Literal["units"] = field(default="units", repr=False)
