"""Building a module without its weights: only shapes, in milliseconds, whatever its size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_MADE = frozenset({torch.empty, torch.zeros, torch.ones, torch.randn})
_FILLED = frozenset(
    getattr(torch.Tensor, name) for name in "uniform_ normal_ fill_ zero_ erfinv_ mul_ add_ clamp_ copy_".split()
)
_TIMES = frozenset({torch.Tensor.mul, torch.Tensor.__mul__})


class OnMeta(TorchFunctionMode):
    """Inside it, layers make their weights on the meta device and do not draw them.

    Unlike ``torch.device("meta")`` it leaves tensors that are computed, such as the widths of a RegNet and the tables
    of a Swin transformer, on the CPU, where their values can be read.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = dict(kwargs or {})
        if func in _MADE and named.get("device") is None:
            named["device"] = "meta"
        elif func in _FILLED and args[0].is_meta:
            return args[0]
        elif func in _TIMES and isinstance(args[0], torch.Tensor) and args[0].is_meta and isinstance(args[1], float):
            return args[0]  # torch imports its compiler, for a second, to say the same
        return func(*args, **named)
