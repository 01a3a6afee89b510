"""A model's key -> the module and its card; recent models are kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

import safetensors.torch
import torch
from torch import nn

from gradviz_core import store, uploads
from gradviz_core.errors import UnknownModel
from gradviz_core.models import architectures, catalogue, torchvision_models
from gradviz_core.settings import settings
from gradviz_core.types import ModelCard

KEPT_SHARE = 0.25
"""Share of a confined worker's memory that the uploaded models it keeps may take together."""


@dataclass(frozen=True, slots=True)
class Model:
    """A module in evaluation mode, with frozen parameters, on its device; and what is known of it."""

    module: nn.Module
    card: ModelCard


def load(key: str) -> Model:
    """The model behind a key, on the CPU.

    Raises:
        UnknownModel: no model has this key.
        WeightsMissing: its pretrained weights are not here and cannot be fetched.
        BadModel: an uploaded file and the recipe for it do not go together.
    """
    kind, _, rest = key.partition("/")
    if kind == "preset":
        module, card = _preset(rest)
    elif kind == "torchvision":
        module, card = torchvision_models.load(rest)
    elif store.digest(key):
        module, card = uploads.load(rest)
    else:
        raise UnknownModel(f"There is no model {key[:80]!r}. Choose a preset or a torchvision model from the list.")
    return Model(module.eval().requires_grad_(False), card)


def _preset(name: str) -> tuple[nn.Module, ModelCard]:
    card = catalogue.preset(name)
    module = architectures.build(name)
    module.load_state_dict(safetensors.torch.load_file(catalogue.ASSETS / "models" / f"{name}.safetensors"))
    return module, card


class RecentModels:
    """The ``most`` models used last, shared by threads; a model is loaded once however many ask for it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[str, str], Model] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, device: torch.device) -> Model:
        """The model on ``device``.

        Raises:
            UnknownModel, WeightsMissing, BadModel: as ``load`` does.
        """
        with self._lock:
            place = (key, str(device))
            if place not in self._kept:
                while len(self._kept) >= self._most:
                    self._kept.popitem(last=False)
                model = load(key)
                self._kept[place] = Model(model.module.to(device), model.card)
                self._limit_uploads()
            self._kept.move_to_end(place)
            return self._kept[place]

    def _limit_uploads(self) -> None:
        """Keep uploaded models only while together they take no more than a share of what a worker that runs them may
        take; the latest is kept whatever it takes."""
        uploaded = {
            place: _bytes(model.module) for place, model in self._kept.items() if place[0].startswith("upload/")
        }
        total = sum(uploaded.values())
        for place, size in list(uploaded.items())[:-1]:
            if total > KEPT_SHARE * settings().upload_memory_mb * 1_000_000:
                total -= size
                del self._kept[place]


def _bytes(module: nn.Module) -> int:
    """Memory of all parameters and buffers."""
    return sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))
