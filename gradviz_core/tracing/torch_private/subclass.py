"""A tensor over the memory of another, of any class that a parameter may have.

Without PyTorch's own way the public one is taken, which asks the class itself.
"""

from __future__ import annotations

from torch import Tensor

from gradviz_core.tracing.torch_private.names import found

_make = found("torch", "Tensor._make_subclass")


def same_memory(kind: type[Tensor], values: Tensor, trains: bool) -> Tensor:
    """``values`` as a leaf of class ``kind``."""
    made: Tensor = values.as_subclass(kind).requires_grad_(trains) if _make is None else _make(kind, values, trains)
    return made
