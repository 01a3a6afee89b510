"""Which architectures a file's tensors fit, told from names, shapes and dtypes alone: nothing is allocated."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import nn

from gradviz_core.errors import BadModel
from gradviz_core.models import architectures, catalogue, torchvision_models
from gradviz_core.models.on_meta import OnMeta
from gradviz_core.types import keys
from gradviz_core.types.cards import Fit, Preprocessing
from gradviz_core.uploads.weights_files.tensors import StoredTensor, shape_text

MOST_FITS = 5
MOST_SHOWN = 10

MARKER = 1_000_003
"""A number of classes that no other dimension has, so that it marks the dimensions that count classes."""
_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
_OLD_DENSENET = re.compile(r"^(.*denselayer\d+\.(?:norm|conv))\.([12]\..*)")
_EXPORT = "For another architecture, upload an exported program (torch.export.save)."


@dataclass(frozen=True, slots=True)
class Plan:
    """What an architecture needs: names and shapes, ``MARKER`` standing for the number of classes."""

    shapes: dict[str, tuple[int, ...]]
    floating: frozenset[str]
    classes: int
    """As many as its own weights have."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A file's tensors against one architecture with the file's number of classes."""

    architecture: str
    classes: int
    image_size: int | None
    matching: int
    differences: tuple[str, ...]
    """What is missing, left over or different, each in a few words."""


def fits(tensors: Mapping[str, StoredTensor]) -> tuple[Fit, ...]:
    """The five architectures that the tensors fit best, best first; none where no tensor fits any."""
    return tuple(_fit(found) for found in _ranked(tensors) if found.matching)[:MOST_FITS]


def compare(architecture: str, tensors: Mapping[str, StoredTensor]) -> Comparison:
    """The tensors against the architecture called ``torchvision/<name>`` or ``preset/<name>``.

    Raises:
        BadModel: there is no such architecture.
    """
    image_size = _image_size(architecture, tensors)
    needs = plan(architecture, image_size)
    has = prepared(architecture, tensors)
    classes = _classes_in(needs, has)
    differences: list[str] = []
    for name, shape in needs.shapes.items():
        wanted = tuple(classes if n == MARKER else n for n in shape)
        if name not in has:
            differences.append(f"{name!r} is missing")
        elif has[name].shape != wanted:
            differences.append(f"{name!r} is {shape_text(has[name].shape)} instead of {shape_text(wanted)}")
        elif has[name].dtype.is_floating_point != (name in needs.floating):
            kind = "floating-point" if name in needs.floating else "whole"
            dtype = str(has[name].dtype).removeprefix("torch.")
            differences.append(f"{name!r} holds {dtype} instead of {kind} numbers")
    matching = len(needs.shapes) - len(differences)
    differences += [f"{name[:80]!r} is not used" for name in has if name not in needs.shapes]
    return Comparison(architecture, classes, image_size, matching, tuple(differences))


def mismatch(found: Comparison, tensors: Mapping[str, StoredTensor]) -> BadModel:
    """The error that lists the first differences, and names the architecture that would fit better."""
    best = next(iter(_ranked(tensors)), found)
    shown = "; ".join(found.differences[:MOST_SHOWN])
    count = len(found.differences)
    more = f"; and {count - MOST_SHOWN:,} more" if count > MOST_SHOWN else ""
    differences = "one difference" if count == 1 else f"{count:,} differences"
    if best.architecture == found.architecture:
        advice = f"No other architecture here fits better. {_EXPORT}"
    elif not best.differences:
        advice = f"They fit {best.architecture} with {best.classes:,} classes: choose that."
    else:
        advice = f"{best.architecture} fits best, with {len(best.differences):,} differences. {_EXPORT}"
    return BadModel(f"The weights do not fit {found.architecture}, {differences}: {shown}{more}. {advice}")


def no_fit(tensors: Mapping[str, StoredTensor]) -> BadModel:
    """The error for weights of which no tensor is in any architecture."""
    names = ", ".join(repr(name[:80]) for name in list(tensors)[:3])
    return BadModel(f"No known architecture has tensors like those in the file, such as {names}. {_EXPORT}")


def prepared(architecture: str, tensors: Mapping[str, StoredTensor]) -> dict[str, StoredTensor]:
    """The tensors that evaluation needs, under the names that the architecture has today."""
    kept: dict[str, StoredTensor] = {}
    for name, tensor in tensors.items():
        if name.endswith("num_batches_tracked") or (_has_auxiliary(architecture) and name.startswith(_AUXILIARY)):
            continue
        if architecture.startswith(keys.torchvision("densenet")):  # names as they were before torch 0.4
            name = _OLD_DENSENET.sub(r"\1\2", name)
        kept[name] = tensor
    return kept


def notes(architecture: str, tensors: Mapping[str, StoredTensor]) -> tuple[str, ...]:
    """What ``prepared`` did that a person should know."""
    if _has_auxiliary(architecture) and any(name.startswith(_AUXILIARY) for name in tensors):
        return ("The auxiliary heads were left out: they are used only in training.",)
    return ()


def empty(architecture: str, classes: int, image_size: int | None) -> nn.Module:
    """The architecture with its parameters on the meta device."""
    kind, name = keys.split(architecture)
    with OnMeta():
        if kind == keys.PRESET:
            return architectures.build(name, classes)
        return torchvision_models.untrained(name, classes, image_size)


@lru_cache(maxsize=256)
def plan(architecture: str, image_size: int | None = None) -> Plan:
    """What the architecture needs.

    Raises:
        BadModel: there is no such architecture.
    """
    kind, name = keys.split(architecture)
    known = {keys.PRESET: architectures.PRESET_NAMES, keys.TORCHVISION: tuple(catalogue.TORCHVISION)}
    if name not in known.get(kind, ()):
        raise BadModel(f"Unknown architecture {architecture[:80]!r}. Choose one that fits the file.")
    classes = 1000 if kind == keys.TORCHVISION else len(catalogue.preset(name).labels)
    state: dict[str, torch.Tensor] = empty(architecture, MARKER, image_size).state_dict()
    needed = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    return Plan(
        {name: tuple(value.shape) for name, value in needed.items()},
        frozenset(name for name, value in needed.items() if value.is_floating_point()),
        classes,
    )


def _has_auxiliary(architecture: str) -> bool:
    return keys.name(architecture) in torchvision_models.WITH_AUXILIARY_HEADS


def _classes_in(needs: Plan, has: Mapping[str, StoredTensor]) -> int:
    """Length of the head's dimension that counts classes; the architecture's own where the file has no such head."""
    for name, shape in needs.shapes.items():
        if MARKER in shape and name in has and len(has[name].shape) == len(shape):
            return has[name].shape[shape.index(MARKER)]
    return needs.classes


def _image_size(architecture: str, tensors: Mapping[str, StoredTensor]) -> int | None:
    """Height of the image that a vision transformer's table of positions is for: one place for each patch, and one."""
    vit = re.fullmatch(r"vit_\w_(\d+)", keys.name(architecture))
    positions = tensors.get("encoder.pos_embedding")
    if vit is None or positions is None or len(positions.shape) != 3:
        return None
    side = math.isqrt(positions.shape[1] - 1)
    return side * int(vit[1]) if side**2 == positions.shape[1] - 1 and 1 <= side <= 100 else None


def learn_families() -> None:
    """Build one architecture of each family now, which takes seconds of a worker's first upload otherwise."""
    for members in _families():
        plan(members[0])


def _ranked(tensors: Mapping[str, StoredTensor]) -> list[Comparison]:
    """The presets, and the two of torchvision's families whose names are most like those in the file, best first: to
    build all 80 takes ten times as long. Once one fits wholly, no further family is built."""
    found: list[Comparison] = []
    for members in _groups(tensors):
        found += [compare(architecture, tensors) for architecture in members]
        if any(not one.differences for one in found):
            break
    return sorted(found, key=lambda one: (len(one.differences), -one.matching, one.architecture))


def _groups(tensors: Mapping[str, StoredTensor]) -> Iterator[Iterable[str]]:
    yield [keys.preset(name) for name in architectures.PRESET_NAMES if name != "shapes-shortcut"]
    yield from sorted(_families(), key=lambda members: -_likeness(members[0], tensors))[:2]


def _likeness(architecture: str, tensors: Mapping[str, StoredTensor]) -> float:
    """Share of names that an architecture and a file have in common, 0 to 1."""
    needs, has = plan(architecture).shapes.keys(), prepared(architecture, tensors).keys()
    return len(needs & has) / len(needs | has)


@lru_cache(maxsize=1)
def _families() -> tuple[tuple[str, ...], ...]:
    """Torchvision's architectures, those together that one file of it defines."""
    families: dict[str, list[str]] = {}
    for name in catalogue.TORCHVISION:
        families.setdefault(torchvision_models.family(name), []).append(keys.torchvision(name))
    return tuple(tuple(members) for members in families.values())


def _fit(found: Comparison) -> Fit:
    return Fit(found.architecture, found.classes, found.matching, len(found.differences), proposed_preprocessing(found))


def proposed_preprocessing(found: Comparison) -> Preprocessing:
    """What the architecture's own weights were trained with, at the image size of the file where it has one."""
    kind, name = keys.split(found.architecture)
    if kind == keys.PRESET:
        return catalogue.preset(name).preprocessing
    proposed = torchvision_models.proposed_preprocessing(name)
    size = found.image_size
    return proposed if size in (None, proposed.size[0]) else replace(proposed, size=(size, size), resize=size)
