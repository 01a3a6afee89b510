"""What can be drawn of a site inside the model: its activation, the gradient there, or their product.

Each is one entry of ``MAP_KINDS``. Its name in the address and on the page, the caption, the picture and the program
under it all come from here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from gradviz_core.types.arrays import FloatArray
from gradviz_core.types.colour_scales import DIVERGING

_RED, _BLUE = DIVERGING.high.capitalize(), DIVERGING.low


@dataclass(frozen=True, slots=True, kw_only=True)
class MapKind:
    """One quantity for every value of a site: a is the activation and g the gradient of the score there, of the same
    shape."""

    name: str
    """In the library, and in the address of a page after ``maps=``."""
    label: str
    """On the page."""
    formula: str
    """LaTeX; ``{a}`` stands for the value and ``{g}`` for the gradient."""
    words: str
    """``{score}`` stands for the score, ``{of}`` for the site or the channel that is shown, and ``{each}`` for each
    channel of the site, or that one."""
    of: Callable[[FloatArray, FloatArray], FloatArray]
    """From activation and gradient."""
    code: str
    """The same in PyTorch: of ``value``, which is part of a graph, and ``gradient``."""
    unit: Literal["activation", "slope", "score"]
    """The unit of a value, of the score per unit of activation, or of the score itself."""

    how_to_read: tuple[str, str, str]
    """What each mark is; what the colours mean or what to look for; what it does not show: one sentence each."""

    @property
    def needs_gradient(self) -> bool:
        """Whether it needs the gradient of the score."""
        return self.unit != "activation"


MAP_KINDS = (
    MapKind(
        name="activation",
        label="Activation",
        formula="{a}",
        words="Activation of {each}.",
        of=lambda a, g: a,
        code="value.detach()",
        unit="activation",
        how_to_read=(
            "Each tile is one channel: what this layer computed at each place of the image.",
            "Look for tiles that respond to the same thing, such as an edge, or the background.",
            "It does not show which channels matter to the answer: a strong response may count for nothing.",
        ),
    ),
    MapKind(
        name="gradient",
        label="Gradient",
        formula="{g}",
        words="How {score} changes with each value of {of}.",
        of=lambda a, g: g,
        code="gradient",
        unit="slope",
        how_to_read=(
            "Each tile is one channel: how the score would change with each of its values.",
            f"{_RED}: a larger value there raises the score; {_BLUE}: a larger value lowers it.",
            "It does not show how large the values are: a channel that is silent here can have a large gradient.",
        ),
    ),
    MapKind(
        name="product",
        label="Product",
        formula=r"{a}\,{g}",
        words="Each value of {of}, times the derivative of {score} with respect to it.",
        of=lambda a, g: a * g,
        code="value.detach() * gradient",
        unit="score",
        how_to_read=(
            "Each tile is one channel: each value times the derivative of the score with respect to it.",
            f"{_RED}: to first order the value adds to the score; {_BLUE}: it lowers the score.",
            "It does not show what the score would be without the value: that is a large change.",
        ),
    ),
)
"""In the order in which a page offers them; the first is the usual one."""


def map_kind(name: str) -> MapKind:
    """The kind with this name. Raises ``ValueError`` if there is none."""
    for one in MAP_KINDS:
        if one.name == name:
            return one
    raise ValueError(f"There is no map {name[:80]!r}. Choose one of {', '.join(one.name for one in MAP_KINDS)}.")
