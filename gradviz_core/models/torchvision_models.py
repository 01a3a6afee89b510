"""torchvision's classification models, with pretrained weights or seeded random ones."""

from __future__ import annotations

import hashlib
import os
import pickle
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gradviz_core.errors import UnknownModel, WeightsMissing
from gradviz_core.models.catalogue import split_torchvision
from gradviz_core.models.weights import fetch
from gradviz_core.settings import settings
from gradviz_core.types import Accuracy, ModelCard, Preprocessing, keys


def load(rest: str) -> tuple[nn.Module, ModelCard]:
    """The model behind ``torchvision/<rest>``, in evaluation mode.

    Raises:
        UnknownModel: no such architecture or weights, or it has more parameters than this installation allows.
        WeightsMissing: the weights are not on this machine and cannot be fetched, or the file there is no good.
    """
    import torchvision

    name, tag = split_torchvision(rest)
    weights = torchvision.models.get_model_weights(name)
    described = weights[tag] if tag in weights.__members__ else weights.DEFAULT
    _check_size(name, described.meta["num_params"])
    if (seed := keys.seed(tag)) is not None:
        module = _random(name, seed)
        return module.eval(), _card(rest, name, module, described, f"random weights, seed {seed}")
    file = fetch(described.url)
    module = _pretrained(name, described, file)
    return module.eval(), _card(rest, name, module, described, f"{tag}, {file.name}", file=file)


def untrained(name: str, classes: int, image_size: int | None = None) -> nn.Module:
    """The architecture as it runs in evaluation mode: without the auxiliary heads that only training uses, and without
    a preprocessing of its own. ``image_size`` is for vision transformers, whose weights are for one size.

    Raises ``KeyError`` for a name that torchvision does not have.
    """
    import torchvision

    build: Callable[..., nn.Module] = torchvision.models.get_model_builder(name)
    if name in WITH_AUXILIARY_HEADS:
        return build(weights=None, num_classes=classes, init_weights=False, aux_logits=False)
    if image_size is not None:
        return build(weights=None, num_classes=classes, image_size=image_size)
    return build(weights=None, num_classes=classes)


def family(name: str) -> str:
    """The file of torchvision that defines the architecture; what it defines have names of tensors in common."""
    import torchvision

    return str(torchvision.models.get_model_builder(name).__module__)


def proposed_preprocessing(name: str) -> Preprocessing:
    """What torchvision's own weights of this architecture were trained with.

    Two of them scale their input once more inside; ``untrained`` does not, so that step is in the numbers here.
    """
    import torchvision

    proposed = _preprocessing(torchvision.models.get_model_weights(name).DEFAULT)
    return replace(proposed, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)) if name in WITH_AUXILIARY_HEADS else proposed


WITH_AUXILIARY_HEADS = ("googlenet", "inception_v3")


def _check_size(name: str, parameters: int) -> None:
    limit = settings().max_parameters
    if parameters > limit:
        raise UnknownModel(
            f"{name} has {parameters / 1e6:.0f} million parameters; the limit here is {limit / 1e6:.0f} million. "
            "Choose a smaller model."
        )


def _random(name: str, seed: int) -> nn.Module:
    import torchvision

    build: Callable[..., nn.Module] = torchvision.models.get_model_builder(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if name in WITH_AUXILIARY_HEADS:
            return build(weights=None, init_weights=True, aux_logits=False)
        return build(weights=None)


def _pretrained(name: str, described: Any, file: Path) -> nn.Module:
    """The model with the weights in ``file``, as torchvision itself reads it from there."""
    import torchvision

    try:
        with _weights_only():
            module: nn.Module = torchvision.models.get_model(name, weights=described, progress=False)
    except _UNREADABLE as error:
        raise WeightsMissing(
            f"The file {file.name} in the folder hub/checkpoints under TORCH_HOME does not hold the weights of {name}: "
            "it is damaged, or another file under this name. Delete it, and it will be downloaded again when it "
            "is needed."
        ) from error
    return module


_UNREADABLE = (
    *(pickle.UnpicklingError, zipfile.BadZipFile, RuntimeError, OSError, EOFError),
    *(LookupError, TypeError, ValueError, AttributeError),
)


_READING = threading.Lock()


@contextmanager
def _weights_only() -> Iterator[None]:
    """Torchvision calls ``torch.load`` without ``weights_only``; this makes it read tensors and nothing else.

    One thread at a time: a second one would find the variable taken away in the middle of its reading.
    """
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    with _READING:
        before = os.environ.get(name)
        os.environ[name] = "1"
        try:
            yield
        finally:
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before


def _card(rest: str, name: str, module: nn.Module, described: Any, summary: str, file: Path | None = None) -> ModelCard:
    meta = described.meta
    metrics: dict[str, float] = next(iter(meta.get("_metrics", {}).values()), {})
    top1 = metrics.get("acc@1")
    pretrained = file is not None
    return ModelCard(
        key=keys.torchvision(rest),
        title=name,
        summary=f"torchvision's {name}: {summary}.",
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        labels=tuple(meta["categories"]),
        preprocessing=_preprocessing(described),
        accuracy=(Accuracy(top1 / 100, 50_000, "ImageNet validation images, top-1, as published"),)
        if pretrained and top1
        else (),
        digest=_digest(file) if file else "",
        licence="BSD-3-Clause (torchvision); the weights' own terms apply" if pretrained else "BSD-3-Clause",
        provenance=str(described.url)
        if pretrained
        else "Seeded random weights: the gradients are exact, the classes are meaningless.",
        reading="softmax_logits",
    )


def _digest(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def _preprocessing(described: Any) -> Preprocessing:
    steps = described.transforms()
    return Preprocessing(
        size=(steps.crop_size[0], steps.crop_size[0]),
        resize=steps.resize_size[0],
        mean=tuple(steps.mean),
        std=tuple(steps.std),
        interpolation=steps.interpolation.value,
    )
