"""A model's key -> the module and its card; recent models stay in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import nn

from gradviz_core.errors import UnknownModel
from gradviz_core.models import architectures, catalogue, preset_weights, timm_models, torchvision_models
from gradviz_core.types import ModelCard, keys
from gradviz_core.uploads import model_files

BESIDES = 25_000_000
"""Bytes that a model takes besides its parameters: the graph of an exported program takes up to 60 MB."""


@dataclass(frozen=True, slots=True)
class Model:
    """A module in evaluation mode, with frozen parameters, on its device; and what is known of it."""

    module: nn.Module
    card: ModelCard


def load(key: str) -> Model:
    """The model behind a key, on the CPU.

    Raises:
        UnknownModel: no model has this key.
        WeightsMissing: its weights are not on this machine and cannot be downloaded, or the file there holds others.
        BadModel: an uploaded file and the recipe for it do not go together.
    """
    kind, rest = keys.split(key)
    if kind == keys.PRESET:
        module, card = _preset(rest)
    elif kind == keys.TORCHVISION:
        module, card = torchvision_models.load(rest)
    elif kind == keys.TIMM:
        module, card = timm_models.load(rest)
    elif keys.digest(key):
        module, card = model_files.load(rest)
    else:
        raise UnknownModel(f"There is no model {key[:80]!r}. Choose a preset or a torchvision model from the list.")
    return Model(module.eval().requires_grad_(False), card)


def _preset(rest: str) -> tuple[nn.Module, ModelCard]:
    name, weights = keys.split_weights(rest)
    card = catalogue.preset(name if keys.seed(weights) is not None else rest)
    if (seed := keys.seed(weights)) is not None:
        return _untrained(name, seed), catalogue.untrained(card, seed)
    module = architectures.build(name)
    module.load_state_dict(preset_weights.read(card))
    return module, card


def _untrained(name: str, seed: int) -> nn.Module:
    """The architecture as it is before training: PyTorch's own random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return architectures.build(name)


class RecentModels:
    """The most recently used models, shared by threads: as many as fit into ``most_bytes``, and the latest in any case.
    A model is loaded only once, however many threads ask for it."""

    def __init__(self, most_bytes: float) -> None:
        self._most = most_bytes
        self._models: OrderedDict[tuple[str, str], Model] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, device: torch.device) -> Model:
        """The model on ``device``.

        Raises:
            UnknownModel, WeightsMissing, BadModel: as ``load`` does.
        """
        with self._lock:
            place = (key, str(device))
            if place not in self._models:
                model = load(key)
                self._models[place] = Model(model.module.to(device), model.card)
            self._models.move_to_end(place)
            self._make_room()
            return self._models[place]

    def __len__(self) -> int:
        return len(self._models)

    def forget(self) -> None:
        """Keep none."""
        with self._lock:
            self._models.clear()
        model_files.forget()

    def _make_room(self) -> None:
        """Drop the least recently used models until the rest fits. One file may be several models, with different
        labels, and counts once."""
        sizes = [(place, _bytes(model.module), id(model.module)) for place, model in self._models.items()]
        for place, _, _ in sizes[:-1]:
            if sum({module: size for other, size, module in sizes if other in self._models}.values()) <= self._most:
                return
            del self._models[place]
            if keys.is_upload(place[0]):
                model_files.forget()


def _bytes(module: nn.Module) -> int:
    """Memory of all parameters and buffers, and what a module takes besides."""
    return BESIDES + sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))
