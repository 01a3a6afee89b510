"""Pretrained weights for workers that cannot download: another worker fetches the file first."""

from __future__ import annotations

from gradviz_core.models import catalogue


def needs_weights(model: str) -> bool:
    """Whether the model with this key has weights that may have to be downloaded."""
    return model.startswith("torchvision/") and "@random-" not in model


def fetch(model: str) -> None:
    """Have the weights of a pretrained torchvision model on the disk, where every worker reads them.

    Raises:
        UnknownModel: there is no such model.
        WeightsMissing: the weights are not here and cannot be fetched.
    """
    name, tag = catalogue.split_torchvision(model.removeprefix("torchvision/"))
    import torchvision

    from gradviz_core.models import weights

    weights.fetch(torchvision.models.get_model_weights(name)[tag].url)
