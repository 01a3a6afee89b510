"""Architectures of timm, where that is installed. Nothing is fetched: they are built without weights."""

from __future__ import annotations

import torch
from torch import nn

from gradviz_core.errors import UnknownModel
from gradviz_core.models import timm_shapes
from gradviz_core.models.catalogue import split_timm
from gradviz_core.models.on_meta import OnMeta
from gradviz_core.settings import settings
from gradviz_core.types import ModelCard, keys


def load(rest: str) -> tuple[nn.Module, ModelCard]:
    """The model behind ``timm/<rest>``, with seeded random weights, in evaluation mode.

    Raises:
        UnknownModel: there is no such architecture, timm is not installed, or it has more parameters than this
            installation allows.
    """
    name, tag = split_timm(rest)
    entry = timm_shapes.table()[name]
    limit = settings().max_parameters
    if entry.parameters > limit:
        raise UnknownModel(
            f"{name} has {entry.parameters / 1e6:.0f} million parameters; the limit here is {limit / 1e6:.0f} million. "
            "Choose a smaller model."
        )
    seed = keys.seed(tag)
    assert seed is not None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = _create(name, 1000, None)
    card = ModelCard(
        key=keys.timm(rest),
        title=f"{name} (timm)",
        summary=f"timm's {name}: random weights, seed {seed}.",
        parameters=entry.parameters,
        labels=(),
        preprocessing=entry.preprocessing,
        licence="Apache-2.0 (timm)",
        provenance="Seeded random weights: the gradients are exact, the classes are meaningless.",
        reading="softmax_logits",
    )
    return module.eval(), card


def untrained(name: str, classes: int, image_size: int | None) -> nn.Module:
    """The architecture without weights: where that is possible its parameters are on the meta device. ``classes`` is 0
    for one without a head; ``image_size`` is for those with a table of positions.

    Raises:
        UnknownModel: there is no such architecture, or timm is not installed.
    """
    with OnMeta():
        module = _create(name, classes, image_size)
    kept = module.state_dict().keys()
    if not any(buffer.is_meta for name, buffer in module.named_buffers() if name not in kept):
        return module  # what is in no file was computed
    with torch.random.fork_rng(devices=[]):
        return _create(name, classes, image_size)


def _create(name: str, classes: int, image_size: int | None) -> nn.Module:
    """Only names of the table reach timm, which would look for others on the network or on the disk."""
    if name not in timm_shapes.table():
        raise UnknownModel(f"timm has no architecture {name[:80]!r} that is known here.")
    try:
        import timm
    except ImportError:
        raise UnknownModel(
            f"{name[:80]} is an architecture of timm, which is not installed here. Install it where GradViz "
            "runs (pip install timm), or choose another model."
        ) from None
    if image_size is None or image_size == timm_shapes.table()[name].preprocessing.size[0]:
        module: nn.Module = timm.create_model(name, pretrained=False, num_classes=classes)
        return module
    sized: nn.Module = timm.create_model(name, pretrained=False, num_classes=classes, img_size=image_size)
    return sized
