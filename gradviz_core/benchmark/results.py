"""What the benchmark found, as a file and as it is read again. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from gradviz_core.benchmark.scoring import Mean
from gradviz_core.folders import APP

FILE = APP / "assets" / "methods" / "benchmark.json"
EVEN, CENTRED = ".even", ".centred"
"""The names of two maps that know nothing of the picture: the same everywhere, and most in the middle."""
BLIND = {EVEN: "*the same everywhere*", CENTRED: "*most in the middle*"}


@dataclass(frozen=True, slots=True)
class Measured:
    """What one method gave on one preset."""

    pointing: Mean
    """Scenes in which the largest number of the map lies inside the shape."""
    inside: Mean
    """Share of the map inside the shape."""
    tag: Mean | None
    """Share of the map on the tag, where another shape carries it; of ``shapes-shortcut``."""
    shared: Mean | None
    """Share of the map in the cell of the class, in a grid that the model takes as one picture."""
    apart: Mean | None
    """The same where each cell goes through the model on its own."""


@dataclass(frozen=True, slots=True)
class Preset:
    """What all methods gave on one preset."""

    key: str
    layer: str
    """At which layer output the methods of layers were asked."""
    methods: Mapping[str, Measured]


@dataclass(frozen=True, slots=True)
class Results:
    """All of it, and what made it."""

    made: str
    """Version, commit and date."""
    scenes: int
    grids: int
    presets: tuple[Preset, ...]


_RESULTS = TypeAdapter(Results)


def write(results: Results, file: Path) -> None:
    """Keep them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_RESULTS.dump_json(_RESULTS.validate_python(results), indent=1) + b"\n")


def read(file: Path) -> Results:
    """Those that were kept."""
    return _RESULTS.validate_json(file.read_bytes())
