"""Random numbers of a method: each draw has a seed of its own, so that any part of a long sum draws the same."""

from __future__ import annotations

import torch

from gradviz_core.methods.attributions import Options
from gradviz_core.types.draws import MOST


def generator(options: Options, number: int = 0) -> torch.Generator:
    """Of the draw with this number, on the CPU, where the numbers are the same whatever the device of the model.

    The options ``seed`` and ``seed`` + 1 share no draw.
    """
    return torch.Generator().manual_seed(MOST * int(options["seed"]) + number)
