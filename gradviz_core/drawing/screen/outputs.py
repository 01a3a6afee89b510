"""A predicted map with one position for each block, and the strongest boxes with a few numbers each."""

from __future__ import annotations

import numpy as np

from gradviz_core.drawing import fields
from gradviz_core.drawing.fields import Scale
from gradviz_core.drawing.screen.arrays import Made, put_blocks
from gradviz_core.types import Arrays
from gradviz_core.types.blocks import of_largest, side, taken

MOST_OF_A_BOX = 32
"""Values before the class scores that are told of each box; its place is among the first of them."""


def fit_map(arrays: Arrays) -> Made:
    """Classes and scores (H, W), at the position of each block whose score is largest in magnitude."""
    scores = arrays["scores"]
    block = side(*scores.shape)
    if block == 1:
        return dict(arrays)
    found = of_largest(scores, block, block)
    assert found.picked is not None
    made: Made = {name: taken(arrays[name], found.picked) for name in ("classes", "scores")}
    signed = bool(np.nanmin(scores, initial=0.0) < 0)
    put_blocks(made, "scores", found, Scale.of(fields.field(scores, signed=signed)))
    return made


def fit_boxes(arrays: Arrays) -> Made:
    """The boxes with the first of the numbers that stand before their classes."""
    return {**arrays, "places": np.ascontiguousarray(arrays["places"][:, :MOST_OF_A_BOX])}
