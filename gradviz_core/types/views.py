"""The views of an input gradient: how its channels are reduced to one picture.

A view is one entry of ``VIEWS``. Its place in the address, its name on the page, the caption, the picture and the
program under it all come from here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradviz_core.types.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One way to look at a gradient g of shape (C, H, W)."""

    name: str
    """In the library: ``signed_sum``."""
    address: str
    """In the address of a page, after ``view=``."""
    label: str
    """On the page."""
    formula: str
    """LaTeX; ``{g}`` stands for the gradient at channel c, row i, column j."""
    words: str
    """Follows "How the score changes with each pixel: "; ``{over}`` stands for "over the 3 channels",
    ``{channel}`` for the channels that are shown: "red only"."""
    reduce: Callable[[FloatArray], FloatArray] | None
    """(C, H, W) to (H, W); None draws each channel by itself."""
    code: str
    """The same in PyTorch, written after a tensor of shape (C, H, W)."""
    signed: bool
    """Whether the result has a sign. One that has none is never negative."""

    @property
    def each_channel(self) -> bool:
        """Whether every channel is a picture of its own."""
        return self.reduce is None


VIEWS = (
    View(
        name="signed_sum",
        address="signed",
        label="Signed",
        formula=r"\sum_c {g}",
        words="signed sum {over}",
        reduce=lambda g: g.sum(axis=0),
        code=".sum(dim=0)",
        signed=True,
    ),
    View(
        name="magnitude_l2",
        address="l2",
        label="Magnitude (L2)",
        formula=r"\sqrt{{\textstyle\sum_c \left({g}\right)^2}}",
        words="L2 norm {over}",
        reduce=lambda g: np.sqrt(np.square(g).sum(axis=0)),
        code=".square().sum(dim=0).sqrt()",
        signed=False,
    ),
    View(
        name="magnitude_max",
        address="max",
        label="Magnitude (max)",
        formula=r"\max_c \left|{g}\right|",
        words="largest magnitude {over}",
        reduce=lambda g: np.abs(g).max(axis=0),
        code=".abs().amax(dim=0)",
        signed=False,
    ),
    View(
        name="channel",
        address="channels",
        label="Channels",
        formula="{g}",
        words="{channel}",
        reduce=None,
        code="",
        signed=True,
    ),
)
"""In the order in which a page offers them; the first is the usual one."""


def view(name: str) -> View:
    """The view with this name. Raises ``ValueError`` if there is none."""
    for one in VIEWS:
        if one.name == name:
            return one
    raise ValueError(f"There is no view {name[:80]!r}. Choose one of {', '.join(one.name for one in VIEWS)}.")
