"""How many parts an operation cuts a tensor into, which is told before it runs: an axis that is expanded costs nothing,
and each million of its parts a minute and two gigabytes, even where they are run dry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

MOST = 10_000
"""Tensors that one operation may give."""
_OF_ONE_SIZE = frozenset({"split.Tensor", "split_copy.Tensor", "unsafe_split.Tensor"})
_SO_MANY = {
    "chunk": "chunks",
    "unsafe_chunk": "chunks",
    "tensor_split": "sections",
    "hsplit": "sections",
    "vsplit": "sections",
    "dsplit": "sections",
}
_UNBOUND = frozenset({"unbind", "unbind_copy"})


def check(target: str, arguments: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` where the operation gives more than ``MOST`` tensors; other operations give few."""
    name = target.removeprefix("aten.")
    packet = name.partition(".")[0]
    tensor = arguments.get("self")
    if not isinstance(tensor, Tensor) or max(tensor.shape, default=0) <= MOST:
        return
    longest = max(tensor.shape)
    if name in _OF_ONE_SIZE:
        parts = _length(tensor, arguments) // max(1, arguments["split_size"])
    elif packet in _SO_MANY:
        parts = min(longest, arguments.get(_SO_MANY[packet], 0))
    elif packet in _UNBOUND:
        parts = _length(tensor, arguments)
    else:
        return
    if parts > MOST:
        raise ValueError(f"it cuts a tensor into {parts:,} parts; the limit is {MOST:,}")


def _length(tensor: Tensor, arguments: Mapping[str, Any]) -> int:
    """Of the axis that is cut; 0 where there is none such, which torch refuses."""
    axis: int = arguments.get("dim", 0)
    return tensor.shape[axis] if -tensor.dim() <= axis < tensor.dim() else 0
