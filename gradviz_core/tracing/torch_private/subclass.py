"""A tensor over the memory of another, of any class that a parameter may have.

Without PyTorch's own way the public one is taken, which asks the class itself.
"""

from __future__ import annotations

import torch
from torch import Tensor


def same_memory(kind: type[Tensor], values: Tensor, trains: bool) -> Tensor:
    """``values`` as a leaf of class ``kind``."""
    make = getattr(torch.Tensor, "_make_subclass", None)
    made: Tensor = values.as_subclass(kind).requires_grad_(trains) if make is None else make(kind, values, trains)
    return made
