"""How large an answer will be, from shapes alone, before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gradviz_core.errors import TooCostly
from gradviz_core.types import INPUT, Site
from gradviz_core.types.blocks import MOST_WHOLE


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a pass before it runs, in bytes."""

    picture: int
    """The picture that the network sees, as whole levels."""
    sites: Mapping[Site, int]
    """The values of the forward pass, the input among them."""

    def of(self, *sites: Site) -> int:
        """Bytes of these values together. A site that is not known counts as nothing: asking for it is an error."""
        return sum(self.sites.get(site, 0) for site in sites)


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of the arrays of an answer, and what to do where they are too many."""

    bytes: int
    advice: str = "Choose a smaller layer output, or export the model for a smaller input."


SMALL = Size(0)
"""A few numbers for each layer, parameter or row, which are not counted."""


def known(shape: tuple[int, ...], sites: Mapping[Site, int]) -> Known:
    """``shape`` is the input's, (1, C, H, W) or of a volume or clip with one axis more; ``sites`` says how many bytes
    each value of the forward pass has."""
    return Known(3 * math.prod(shape[2:] if len(shape) == 4 else shape), {**sites, INPUT: 4 * math.prod(shape)})


def check(size: Size) -> None:
    """Refuse a question about an uploaded model whose answer would hold more than ``MOST_WHOLE`` bytes of arrays.

    Raises:
        TooCostly: it would; the message says how much, and what to do.
    """
    if size.bytes > MOST_WHOLE:
        raise TooCostly(
            f"The answer would take {size.bytes / 1e6:,.0f} MB; the limit for uploaded models is "
            f"{MOST_WHOLE / 1e6:g} MB. {size.advice}"
        )
