"""What each head of each attention layer attends to: the question and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gradviz_core.types.arrays import Arrays, Pixels
from gradviz_core.types.questions import AboutAModel, Answer
from gradviz_core.types.receipts import Receipt
from gradviz_core.types.subjects import Site
from gradviz_core.types.targets import ClassScore, Target
from gradviz_core.types.tokens import AttentionLayer

MEAN = -1
"""In place of a token's number: the mean over all tokens of the layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendingQuestion(AboutAModel["AttendingAnswer"]):
    """Which tokens does one token attend to, in every head of every attention layer, and how does ``target`` change
    with these weights?

    ``token`` is the number of the token that asks, the query, among those of the attention weights ``layer``, the
    windows of that layer one after the other. In another layer the query is the token whose patch has the middle of
    the same patch; or, of one that is no patch, the token with the same number. Where there is none, and without a
    ``token`` in a layer that has neither class token nor register, it is the mean over all tokens. Without a ``token``
    it is the first one that is no patch. ``layer`` is the last one where none is named.
    """

    model: str
    image: str
    target: Target = field(default_factory=ClassScore)
    layer: Site | None = None
    token: int | None = None
    seed: int = 0
    kind: Literal["attending"] = field(default="attending", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendingAnswer(Answer):
    """Answer to an ``AttendingQuestion``. ``arrays`` holds ``pixels``, and for each layer ``weights/<site>``, (heads,
    keys): one row of attention weights for each head, which sums to 1; ``products/<site>``, weights · ∂target/∂weights,
    of that shape, signed, in the unit of the target, 0 where no path leads to it; and ``keys/<site>``, (keys,): the
    patch of each key, row by row from 0, and -1 for one that is no patch, or if no grid is known.

    Keys are those of the query's window; those of all windows where the query is the mean over all tokens. Then both
    are means of the rows of all tokens.
    """

    question: AttendingQuestion
    target: Target
    """The question's target, with the predicted class filled in."""
    score: float
    layers: tuple[AttentionLayer, ...]
    """In order of execution."""
    queries: tuple[int, ...]
    """The number of the token that asks in each layer; ``MEAN`` for the mean over all."""
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    kind: Literal["attending"] = field(default="attending", repr=False)

    @property
    def pixels(self) -> Pixels:
        """The picture the network sees, shape (H, W, 3)."""
        return self.arrays["pixels"]
