"""The map that a method makes of a layer output: at which layer, where none is named, and what it sums to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradviz_core.types import GradientAnswer, SiteInfo, layouts
from pages.shell import sites


def usual(infos: Sequence[SiteInfo], size: tuple[int, int]) -> str:
    """The layer output that is taken where none is named: the last with rows and columns over an image of this
    ``size``. Where layer outputs with tokens come after it, as in a vision transformer, it is the one that a page
    shows first.

    Raises:
        UnknownSite: the model has no layer outputs.
    """
    last = layouts.last_with_rows_and_columns(infos, size)
    spread = [info for info in infos if layouts.has_a_map(info)]
    return str(last.site) if last is not None and spread[-1] == last else sites.default(infos)


def total(answer: GradientAnswer, info: SiteInfo) -> float | None:
    """The sum of all that a method gives; None where the gradient itself is drawn, or a screen takes a part alone."""
    made = answer.arrays.get(f"attribution/{info.site}")
    return float(made.sum(dtype=np.float64)) if made is not None and made.shape == info.shape else None
