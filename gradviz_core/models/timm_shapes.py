"""timm's architectures of the usual families, recognised by the names and shapes of their tensors, without timm.

``scripts/write_timm_shapes.py`` writes the table from timm itself; a test compares the two.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec

from pydantic import TypeAdapter

from gradviz_core.folders import APP
from gradviz_core.types import Preprocessing

FILE = APP / "assets" / "architectures" / "timm.json.gz"
POSITIONS = "pos_embed"
Shapes = Mapping[str, tuple[int, ...]]
_LARGEST_GRID = 100
_SPECIAL = ("tf_", "deit", "flexivit")
"""How the names begin of networks that have a plainer one beside them: ``efficientnet_*`` or ``vit_*``."""
_SIZE = re.compile(r"_\d+$")
"""Of the image, at the end of a name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one architecture."""

    digest: str
    """Of the names and shapes of all tensors but those of the head."""
    paths: tuple[str, ...]
    """Where its linear layers for the classes are: one, and with distillation two."""
    features: int
    """Numbers that come to the head."""
    parameters: int
    patch: int
    """Side of a patch, where there is a table of positions; else 0."""
    more: int
    """Positions that belong to no patch."""
    preprocessing: Preprocessing
    """What its own weights were trained with."""


@lru_cache(maxsize=1)
def table() -> dict[str, Entry]:
    """All of them, by timm's name."""
    return TypeAdapter(dict[str, Entry]).validate_json(gzip.decompress(FILE.read_bytes()))


@lru_cache(maxsize=1)
def is_installed() -> bool:
    """Whether timm is there. It is not imported."""
    return find_spec("timm") is not None


def digest(shapes: Shapes, paths: tuple[str, ...]) -> str:
    """Of names and shapes, the head at these paths left out, and the number of positions too, which goes with the
    size of the image."""
    lines = sorted(
        f"{name} {(shape[0], *shape[2:]) if name == POSITIONS and len(shape) == 3 else shape}"
        for name, shape in shapes.items()
        if not name.startswith(tuple(f"{path}." for path in paths))
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def with_these(shapes: Shapes) -> tuple[str, ...]:
    """The architectures whose tensors these are, head and size of the image aside, the most likely first.

    That is the plain network rather than one that was trained or padded in a special way, then the one that is
    normalised as most are. Of those that differ in the size of the image alone, only the nearest is there.
    """
    ways = {entry.paths for entry in table().values()}
    found = {paths: digest(shapes, paths) for paths in ways}
    alike = [name for name, entry in table().items() if entry.digest == found[entry.paths]]
    if POSITIONS not in shapes:
        return tuple(sorted(alike, key=_oddness))
    sides = {name: side for name in alike if (side := image_side(name, shapes)) is not None}
    nearest: dict[str, str] = {}
    for name in sorted(sides, key=lambda name: abs(table()[name].preprocessing.size[0] - sides[name])):
        nearest.setdefault(_SIZE.sub("", name), name)
    return tuple(sorted(nearest.values(), key=_oddness))


def _oddness(name: str) -> tuple[bool, int, int, str]:
    return name.startswith(_SPECIAL), -_normalised()[_normalisation(name)], len(name), name


@lru_cache(maxsize=1)
def _normalised() -> Counter[tuple[tuple[float, ...], tuple[float, ...]]]:
    """How many architectures have each mean and standard deviation."""
    return Counter(_normalisation(name) for name in table())


def _normalisation(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    steps = table()[name].preprocessing
    return steps.mean, steps.std


def image_side(name: str, shapes: Shapes) -> int | None:
    """Height of the image that a table of positions is for; None where there is none, or where it is no square."""
    entry, positions = table()[name], shapes.get(POSITIONS, ())
    if not entry.patch or len(positions) != 3:
        return None
    patches = positions[1] - entry.more
    side = math.isqrt(max(0, patches))
    return side * entry.patch if side**2 == patches and 1 <= side <= _LARGEST_GRID else None
