"""What each architecture needs: names and shapes of its tensors, and the architecture itself, still without numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import nn

from gradviz_core.errors import BadModel
from gradviz_core.models import (
    architectures,
    catalogue,
    timm_models,
    timm_shapes,
    torchvision_models,
    torchvision_shapes,
)
from gradviz_core.models.on_meta import OnMeta
from gradviz_core.models.torchvision_shapes import CLASSES
from gradviz_core.types import keys
from gradviz_core.uploads.weights_files import dialects, first_layers
from gradviz_core.uploads.weights_files.heads import Head
from gradviz_core.uploads.weights_files.tensors import Loadable

_MARKER = 1_000_003
"""A number of classes that no other dimension of a preset has."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an architecture needs: names and shapes, ``CLASSES`` standing for the number of classes."""

    shapes: dict[str, tuple[int, ...]]
    whole: frozenset[str]
    """Names of those that hold whole numbers."""
    classes: int
    """As many as its own weights have."""


def empty(
    architecture: str, classes: int, image_size: int | None, head: Head | None = None, channels: int = 3
) -> nn.Module:
    """The architecture with its parameters on the meta device, with this head in the place of its own, and for images
    of so many channels."""
    kind, name = keys.split(first_layers.plain(architecture))
    with OnMeta():
        if kind == keys.PRESET:
            return architectures.build(name, classes)
        if kind == keys.TORCHVISION:
            module = torchvision_models.untrained(name, classes, image_size)
    if kind == keys.TIMM:
        module = timm_models.untrained(name, classes, image_size)
    with OnMeta():
        if head is not None:
            module.set_submodule(head.path, head.module())
        first_layers.make_small(architecture, module)
        first_layers.take(module, channels)
        return module


def of_timm(name: str, has: Mapping[str, Loadable]) -> Plan:
    """What timm's architecture of this name needs: all that the file has but the head, where the file is its own.

    Raises:
        BadModel: there is no such architecture, or the file is another one's.
    """
    entry = timm_shapes.table().get(name)
    shapes = {key: tensor.shape for key, tensor in has.items()}
    if entry is None or timm_shapes.digest(shapes, entry.paths) != entry.digest:
        raise BadModel(f"The weights are not those of timm's {name[:80]!r}. Choose an architecture that fits the file.")
    inside = tuple(f"{path}." for path in entry.paths)
    needed = {key: shape for key, shape in shapes.items() if not key.startswith(inside)}
    for path in entry.paths:
        needed |= {f"{path}.weight": (CLASSES, entry.features), f"{path}.bias": (CLASSES,)}
    return Plan(needed, frozenset(key for key, one in has.items() if not one.dtype.is_floating_point), 1000)


@lru_cache(maxsize=256)
def plan(architecture: str, image_size: int | None = None) -> Plan:
    """What the architecture needs.

    Raises:
        BadModel: there is no such architecture.
    """
    kind, name = keys.split(first_layers.plain(architecture))
    known = {keys.PRESET: architectures.PRESET_NAMES, keys.TORCHVISION: tuple(catalogue.TORCHVISION)}
    if name not in known.get(kind, ()):
        raise BadModel(f"Unknown architecture {architecture[:80]!r}. Choose one that fits the file.")
    if kind == keys.PRESET:
        return _preset_plan(name)
    entry = torchvision_shapes.table()[name]
    shapes = entry.shapes if image_size is None else torchvision_shapes.for_image(name, image_size)
    return Plan(first_layers.with_small_kernel(architecture, shapes), entry.whole, 1000)


def _preset_plan(name: str) -> Plan:
    state: dict[str, torch.Tensor] = empty(f"{keys.PRESET}/{name}", _MARKER, None).state_dict()
    needed = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    return Plan(
        {key: tuple(CLASSES if n == _MARKER else n for n in value.shape) for key, value in needed.items()},
        frozenset(key for key, value in needed.items() if not value.is_floating_point()),
        len(catalogue.preset(name).labels),
    )


@lru_cache(maxsize=1)
def every() -> tuple[str, ...]:
    """All presets and all of torchvision."""
    presets = [keys.preset(name) for name in architectures.PRESET_NAMES if name != "shapes-shortcut"]
    return (*presets, *(keys.torchvision(name) for name in catalogue.TORCHVISION))


@lru_cache(maxsize=1)
def known_names() -> frozenset[str]:
    """Names of the tensors of all architectures."""
    return frozenset(name for architecture in every() for name in plan(architecture).shapes)


def is_known(name: str) -> bool:
    """Whether some architecture has a tensor of this name, or of one that stands for it in another library."""
    return name in known_names() or dialects.knows(name)
