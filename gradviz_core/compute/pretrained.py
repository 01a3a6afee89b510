"""Pretrained weights for workers that cannot download: another worker fetches the file first."""

from __future__ import annotations

from gradviz_core.models import catalogue
from gradviz_core.types import keys


def needs_weights(model: str) -> bool:
    """Whether the model with this key has weights that may have to be downloaded."""
    kind, name = keys.split(model)
    return kind == keys.TORCHVISION and keys.seed(keys.split_weights(name)[1]) is None


def fetch(model: str) -> None:
    """Have the weights of a pretrained torchvision model on the disk, where every worker reads them.

    Raises:
        UnknownModel: there is no such model.
        WeightsMissing: the weights are not on this machine and cannot be downloaded.
    """
    name, tag = catalogue.split_torchvision(keys.name(model))
    import torchvision

    from gradviz_core.models import weights

    weights.fetch(torchvision.models.get_model_weights(name)[tag].url)
