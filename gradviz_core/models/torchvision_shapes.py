"""Names and shapes of all tensors of torchvision's classification models, from a table, without building any.

``scripts/write_shapes.py`` writes the table from the models themselves; a test compares the two.
"""

from __future__ import annotations

import gzip
import math
import re
from dataclasses import dataclass
from functools import lru_cache

from pydantic import TypeAdapter

from gradviz_core.folders import APP
from gradviz_core.types import Preprocessing

FILE = APP / "assets" / "architectures" / "torchvision.json.gz"
CLASSES = 0
"""Stands in a shape for the number of classes."""
_POSITIONS = "encoder.pos_embedding"
_LARGEST_GRID = 100


@dataclass(frozen=True, slots=True)
class Shapes:
    """The tensors of one architecture that evaluation needs."""

    shapes: dict[str, tuple[int, ...]]
    """By name, ``CLASSES`` standing for the number of classes."""
    whole: frozenset[str]
    """Names of those that hold whole numbers."""
    preprocessing: Preprocessing
    """What the architecture's own weights were trained with."""


@lru_cache(maxsize=1)
def table() -> dict[str, Shapes]:
    """All of them, by the architecture's name."""
    return TypeAdapter(dict[str, Shapes]).validate_json(gzip.decompress(FILE.read_bytes()))


def image_side(name: str, shapes: dict[str, tuple[int, ...]]) -> int | None:
    """Height of the image that a vision transformer's table of positions is for: one place for each patch, and one.
    None for another architecture, and for a table of another form."""
    patch, positions = _patch(name), shapes.get(_POSITIONS, ())
    if patch is None or len(positions) != 3:
        return None
    side = math.isqrt(max(0, positions[1] - 1))
    return side * patch if side**2 == positions[1] - 1 and 1 <= side <= _LARGEST_GRID else None


def for_image(name: str, image_size: int) -> dict[str, tuple[int, ...]]:
    """The shapes of a vision transformer for images of this height."""
    patch, shapes = _patch(name), table()[name].shapes
    assert patch is not None
    first, _, width = shapes[_POSITIONS]
    return {**shapes, _POSITIONS: (first, (image_size // patch) ** 2 + 1, width)}


def _patch(name: str) -> int | None:
    vit = re.fullmatch(r"vit_\w_(\d+)", name)
    return int(vit[1]) if vit else None
