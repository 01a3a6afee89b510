"""The arrays in questions and answers, and a 2-D array ready to draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gradviz_core.types.blocks import Blocks

FloatArray = npt.NDArray[np.floating]
Pixels = npt.NDArray[np.uint8]
"""Raw pixels, shape (height, width, 3), red-green-blue, 0 to 255."""
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Field:
    """A 2-D array ready to draw."""

    values: FloatArray
    """Shape (height, width); NaN is drawn as a gap."""
    signed: bool
    """Signed fields are drawn with a diverging map, symmetric round zero; others from zero up."""
    unit: str
    limit: float
    """The colour scale runs from -limit (or 0) to +limit."""
    clipped: float = 0.0
    """Share of the values whose magnitude exceeds the limit."""
    blocks: Blocks | None = None
    """What each cell stands for, where there are fewer cells than positions; limit and clipped share are those of all
    positions."""


def not_finite(arrays: Arrays) -> list[str]:
    """A note for each array with values that are not finite."""
    return [
        f"{int((~np.isfinite(array)).sum())} of {array.size} values of {name} are not finite; they are drawn as gaps."
        for name, array in arrays.items()
        if array.dtype.kind == "f" and not np.isfinite(array).all()
    ]
