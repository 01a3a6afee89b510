"""What is asked of every image, and how it is cut into shards: settled when a folder is begun, and the same ever
after."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gradviz_core.batch import tables
from gradviz_core.compute.npz import safe_name
from gradviz_core.errors import QuestionError
from gradviz_core.text.codec import question_from_json, question_to_json
from gradviz_core.types import GradientQuestion

FORM = 1
"""The number of this form of the folder."""
LARGEST_SHARD, MOST_BYTES = 128, 256_000_000
"""Images of a shard, at most, and bytes of its maps."""
GROUP = 4
"""Images of one pass, where they stay apart: larger passes were no faster an image."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file, and what was typed with it; empty for a key."""

    file: str = ""
    architecture: str = ""
    labels: str = ""
    preprocessing: str = ""


@dataclass(frozen=True)
class Asked:
    """One question about every image."""

    text: str
    """The question as JSON, its image empty."""
    weights: str
    """SHA-256 over all parameters and buffers of the model."""
    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    """The shape of the map at each site, without the axis of images."""
    units: tuple[str, ...]
    """The unit of the map at each site, as in captions."""
    in_rows: bool
    """Whether several images go through one pass."""
    model: ModelFile = field(default_factory=ModelFile)

    @cached_property
    def question(self) -> GradientQuestion:
        """About no image."""
        found = question_from_json(self.text)
        assert isinstance(found, GradientQuestion)
        return found

    @cached_property
    def sha256(self) -> str:
        """Of the question without an image."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def name(self) -> str:
        """Of its folders."""
        return self.sha256[:12]

    @property
    def bytes_of_maps(self) -> int:
        """Of one image, in float32."""
        return sum(4 * _product(shape) for _, shape in self.shapes)

    def array(self, site: str) -> str:
        """Where the maps of a site lie in ``maps.zarr``."""
        return f"{self.name}/{safe_name(site).replace('/', '%2F')}"


@dataclass(frozen=True, slots=True)
class Setup:
    """What a folder is about."""

    asked: tuple[Asked, ...]
    shard: int
    """Positions of a shard."""
    float16: bool
    form: int = FORM


_SETUPS = TypeAdapter(Setup)


def unasked(question: GradientQuestion) -> str:
    """The question as JSON, about no image."""
    return question_to_json(replace(question, image=""))


def shard_size(images: int, bytes_of_maps: int) -> int:
    """Positions of a shard: about thirty shards, as far as each has ``GROUP`` images and no more than its limits. A
    multiple of ``GROUP`` where the maps are not huge."""
    wanted = GROUP * max(1, images // (32 * GROUP))
    return max(1, min(wanted, LARGEST_SHARD, MOST_BYTES // max(1, bytes_of_maps)))


def load(folder: Path) -> Setup | None:
    """The setup of a folder; None where it is not begun.

    Raises:
        QuestionError: the file is of another form.
    """
    file = folder / "setup.json"
    if not file.exists():
        return None
    try:
        return _SETUPS.validate_json(file.read_bytes())
    except ValidationError:
        raise QuestionError(
            f"{file} cannot be read: it was written by another version of GradViz, or changed. Choose another folder."
        ) from None


def save(folder: Path, setup: Setup) -> None:
    """Write the setup."""
    said: dict[str, Any] = {
        "form": setup.form,
        "shard": setup.shard,
        "float16": setup.float16,
        "asked": [{name: _plain(getattr(one, name)) for name in one.__dataclass_fields__} for one in setup.asked],
    }
    tables.write_whole(folder / "setup.json", json.dumps(said, indent=1).encode())


def check_same(before: Setup, now: Setup) -> None:
    """Refuse what would mix two things in one folder.

    Raises:
        QuestionError: other questions, another model, or another precision.
    """
    if [one.text for one in before.asked] != [one.text for one in now.asked]:
        differs = "model, or the preprocessing or labels of it," if _but_for_models(before, now) else "question"
        raise QuestionError(
            f"The folder holds the answers to another {differs} than this one. Choose another folder with --out, or "
            f"ask as in its setup.json: {', '.join(one.text for one in before.asked)[:300]}."
        )
    for old, new in zip(before.asked, now.asked, strict=True):
        if old.weights != new.weights:
            raise QuestionError(
                f"The model {old.question.model} has other weights than when the folder was begun (SHA-256 "
                f"{new.weights[:12]}, then {old.weights[:12]}). Choose another folder with --out, or bring those back."
            )
    if before.float16 != now.float16:
        kept = "float16" if before.float16 else "float32"
        raise QuestionError(
            f"The maps of the folder are {kept}. Ask for the same, or choose another folder with --out."
        )


def _but_for_models(before: Setup, now: Setup) -> bool:
    bare = [[replace(one.question, model="") for one in each.asked] for each in (before, now)]
    return bare[0] == bare[1]


def _plain(value: object) -> object:
    return asdict(value) if isinstance(value, ModelFile) else value


def _product(shape: tuple[int, ...]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total
