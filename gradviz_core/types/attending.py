"""What each head of each attention layer attends to: the question and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gradviz_core.types.arrays import Arrays, Pixels
from gradviz_core.types.patches import spread
from gradviz_core.types.questions import AboutAModel, Answer
from gradviz_core.types.receipts import Receipt
from gradviz_core.types.subjects import Site
from gradviz_core.types.targets import ClassScore, Target
from gradviz_core.types.tokens import AttentionLayer, TokenNumbers

MEAN = -1
"""In place of a token's number: the mean over all tokens of the layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttendingQuestion(AboutAModel["AttendingAnswer"]):
    """Which tokens does one token attend to, in every head of every attention layer, and how does ``target`` change
    with these weights?

    ``token`` is the number of the token that asks, the query, among those of the attention weights ``layer``, the
    windows of that layer one after the other. In another layer the query is the token whose patch has the middle of
    the same patch; or, of one that is no patch, the token with the same number that is none either. Where there is
    none it is the mean over all tokens. Without a ``token`` it is the first class token or register; in windows, and
    in a layer that has none, the mean over all tokens. ``layer`` is the last one where none is named.
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
    of that shape, signed, in the unit of the target, 0 where no path leads to it; ``keys/<site>``, (keys,): the patch
    of each key, row by row from 0, -1 for one that is no patch, or if no grid is known, and -2 for padding, with which
    the model filled up a window; and ``queries/<site>``, (tokens,): the same of all tokens that may ask.

    Keys are those of the query's window; those of all windows where the query is the mean over all tokens. Then both
    are means of the rows of all tokens but padding.
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

    def row(self, number: int, head: int, what: Literal["weights", "products"]) -> TokenNumbers | None:
        """One row of a layer, by the layer's number; None where its grid is not known."""
        layer = self.layers[number]
        if not layer.windows:
            return None
        size = self.pixels.shape[:2]
        centres = layer.centres or spread(layer.rows, layer.columns, (size[0], size[1]))
        numbers, patches = self.arrays[f"{what}/{layer.site}"][head], self.arrays[f"keys/{layer.site}"]
        return TokenNumbers(numbers, patches, layer.rows, layer.columns, centres)

    def token_at(self, number: int, patch: tuple[int, int]) -> int | None:
        """The token of a layer that is a patch, given by row and column; None where there is none."""
        layer = self.layers[number]
        found = np.flatnonzero(self.arrays[f"queries/{layer.site}"] == patch[0] * layer.columns + patch[1])
        return int(found[0]) if len(found) else None

    def patch_of(self, number: int) -> tuple[int, int] | None:
        """Row and column of the patch that asks in a layer; None of a token that is no patch, and of the mean."""
        layer, query = self.layers[number], self.queries[number]
        patch = MEAN if query == MEAN else int(self.arrays[f"queries/{layer.site}"][query])
        return None if patch < 0 else divmod(patch, layer.columns)

    @property
    def pixels(self) -> Pixels:
        """The picture the network sees, shape (H, W, 3)."""
        return self.arrays["pixels"]
