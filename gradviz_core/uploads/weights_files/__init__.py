"""Files of weights: ``.safetensors``, and state dicts in ``.pt`` and ``.pth``. Read as data; no code in them runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from gradviz_core.errors import BadModel
from gradviz_core.settings import settings
from gradviz_core.uploads.weights_files import safetensors_files, state_dicts
from gradviz_core.uploads.weights_files.building import build as build
from gradviz_core.uploads.weights_files.building import findings as findings
from gradviz_core.uploads.weights_files.fitting import fits as fits
from gradviz_core.uploads.weights_files.tensors import StoredTensor as StoredTensor
from gradviz_core.uploads.weights_files.tensors import check_total
from gradviz_core.uploads.weights_files.unwrapping import without_prefixes


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """What a file of weights holds; the tensors are views of its bytes."""

    format: Literal["state_dict", "safetensors"]
    tensors: dict[str, StoredTensor]
    notes: tuple[str, ...]
    """What was unwrapped and left out, each a sentence."""

    @property
    def parameters(self) -> int:
        """Floating-point numbers in the file, running statistics of batch norm left out."""
        return sum(
            math.prod(tensor.shape)
            for name, tensor in self.tensors.items()
            if tensor.dtype.is_floating_point and not name.endswith(("running_mean", "running_var"))
        )


def read(data: bytes | memoryview) -> WeightsFile:
    """The tensors of a file of weights by name, wrappers and prefixes taken off. Nothing is allocated.

    Raises:
        BadModel: it is no such file, damaged, or breaks a limit; the message says which.
    """
    form: Literal["state_dict", "safetensors"] = "state_dict"
    notes: tuple[str, ...] = ()
    if safetensors_files.looks_like(data):
        form, named = "safetensors", safetensors_files.read(data)
    else:
        named, notes = state_dicts.read(data)
    check_total(named.values(), len(data))
    tensors, more_notes = without_prefixes(named)
    if "n_averaged" in tensors:  # of torch.optim.swa_utils.AveragedModel
        del tensors["n_averaged"]
        more_notes = (*more_notes, "Left out: 'n_averaged', the count of an averaged model.")
    found = WeightsFile(form, tensors, (*notes, *more_notes))
    numbers = sum(math.prod(tensor.shape) for tensor in tensors.values())
    limit = settings().max_parameters
    if numbers > limit:
        raise BadModel(
            f"The file holds {numbers / 1e6:,.0f} million numbers; the limit is {limit / 1e6:,.0f} million. "
            "Choose a smaller model."
        )
    return found
