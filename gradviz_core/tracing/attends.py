"""Whether a pass attends: told by its operations as PyTorch's dispatcher runs them, without forming any weights."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from gradviz_core.tracing.weighted_sums import carried, weighed

_KERNELS = ("_scaled_dot_product", "_flash_attention", "_efficient_attention", "_native_multi_head_attention")
"""How the names of fused kernels begin."""
_RESHAPED = frozenset("view reshape _unsafe_view unsqueeze squeeze expand".split())
_LEAST_AXES = 3
"""Of attention weights: images (or heads), queries, keys."""


class Attends:
    """``see`` is called with each operation; ``found`` says whether one of them was attention: a fused kernel, or a
    softmax over the last axis that a product of matrices then takes for weights."""

    def __init__(self) -> None:
        self.found = False
        self._softmaxes: dict[int, tuple[weakref.ref[Tensor], int]] = {}

    def see(self, name: str, args: Sequence[Any], returned: Tensor) -> None:
        """An operation was run."""
        if self.found:
            return
        if name.startswith(_KERNELS):
            self.found = True
        elif name in ("_softmax", "_safe_softmax"):
            last = returned.dim() - 1
            if returned.dim() >= _LEAST_AXES and args[1] in (-1, last):
                self._remember(returned, last)
        elif self._softmaxes:
            self._follow(name, args, returned)

    def _follow(self, name: str, args: Sequence[Any], returned: Tensor) -> None:
        operands = [one for one in args if isinstance(one, Tensor)]
        for at, operand in enumerate(operands):
            known = self._softmaxes.get(id(operand))
            if known is None or known[0]() is not operand:
                continue
            if weighed(name, args, operands, at, known[1]) is not None:
                self.found = True
            elif (axis := _carried(name, args, operand, known[1], returned)) is not None:
                self._remember(returned, axis)

    def _remember(self, tensor: Tensor, axis: int) -> None:
        self._softmaxes[id(tensor)] = weakref.ref(tensor), axis


def _carried(name: str, args: Sequence[Any], given: Tensor, axis: int, returned: Tensor) -> int | None:
    """As ``carried``; also where axes are made, merged or drawn out before the one that is followed, as products of
    more than three axes do inside."""
    if (found := carried(name, args, given, axis, returned)) is not None or name not in _RESHAPED:
        return found
    behind = [size for size in given.shape[axis:] if size != 1]
    sizes = [(at, size) for at, size in enumerate(returned.shape) if size != 1]
    if len(behind) == 0 or [size for _, size in sizes[-len(behind) :]] != behind:
        return None
    return sizes[-len(behind)][0]
