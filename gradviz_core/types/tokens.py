"""Where a model attends, and which token is which patch of the picture: the question and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gradviz_core.types.arrays import Arrays, Pixels
from gradviz_core.types.patches import NO_PATCH, Centres, Grid
from gradviz_core.types.questions import AboutAModel, Answer
from gradviz_core.types.receipts import Receipt
from gradviz_core.types.subjects import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensQuestion(AboutAModel["TokensAnswer"]):
    """Which layers of this model attend, and which of their tokens are which patches of this image?"""

    model: str
    image: str
    seed: int = 0
    kind: Literal["tokens"] = field(default="tokens", repr=False)


@dataclass(frozen=True, slots=True)
class TokenNumbers:
    """A number for each token, and the grid of those that are patches."""

    numbers: np.ndarray
    """(tokens,)."""
    patches: np.ndarray
    """(tokens,): the patch that each token is, row · columns + column; ``NO_PATCH`` for a class token or a register,
    ``PADDING`` for one that the model filled up a window with."""
    rows: int
    columns: int
    centres: Centres

    @property
    def map(self) -> np.ndarray:
        """(rows, columns): the number of each patch; NaN for one that is no token here."""
        picture = np.full(self.rows * self.columns, np.nan, np.float32)
        there = self.patches >= 0
        picture[self.patches[there]] = self.numbers[there]
        return picture.reshape(self.rows, self.columns)

    @property
    def apart(self) -> dict[int, float]:
        """The number of each token that is neither patch nor padding: class token, registers."""
        return {int(at): float(self.numbers[at]) for at in np.flatnonzero(self.patches == NO_PATCH)}


@dataclass(frozen=True, slots=True)
class AttentionLayer:
    """One layer's attention weights, and the grid of its tokens."""

    site: Site
    """Where the weights are values and have gradients."""
    shape: tuple[int, ...]
    """Of the weights: queries and keys last."""
    windows: int = 0
    """How many windows attend each within itself; 1 where all tokens attend to all; 0 where the grid is not known."""
    rows: int = 0
    """Rows and columns of patches, of all windows together; 0 where they are not known."""
    columns: int = 0
    extra: tuple[int, ...] = ()
    """Numbers of the tokens that are neither patch nor padding in any window: class token, registers."""
    guessed: str = ""
    """How the grid was guessed; empty where the operations of the forward pass show it."""
    centres: Centres | None = None
    """Where its patches lie; None where the grid is not known, or they are not evenly spread."""

    @property
    def heads(self) -> int:
        """How many heads attend in each window, or image."""
        return int(np.prod(self.shape[:-2])) // max(1, self.windows)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensAnswer(Answer):
    """Answer to a ``TokensQuestion``: the layers in order of execution; none for a model that does not attend.

    ``arrays`` holds ``pixels``, and for each layer with a grid ``queries/<site>`` and ``keys/<site>``, (windows,
    tokens): the patch of each token, counted row by row from 0; -1 for one that is no patch, and -2 for padding, with
    which the model filled up a window.
    """

    question: TokensQuestion
    layers: tuple[AttentionLayer, ...]
    grids: tuple[tuple[Site, Grid], ...]
    """How the positions of other values lie over the picture, where the pass shows it and they are no rows and columns
    as they come: sequences of tokens, and windows."""
    notes: tuple[str, ...]
    receipt: Receipt
    arrays: Arrays
    kind: Literal["tokens"] = field(default="tokens", repr=False)

    @property
    def pixels(self) -> Pixels:
        """The picture the network sees, shape (H, W, 3)."""
        return self.arrays["pixels"]
