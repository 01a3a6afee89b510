"""A model in float64: what can be made wide, and what narrows its values all the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gradviz_core.tracing.nested import map_tensors, tensors
from gradviz_core.tracing.torch_private.dispatch import TorchDispatchMode, is_mutable
from gradviz_core.tracing.torch_private.parts import HELD
from gradviz_core.tracing.twin import twin


def in_float64(module: nn.Module) -> nn.Module:
    """A twin whose parameters, buffers and other tensors are float64 where they were real numbers; on the CPU where the
    module's device has no float64."""
    copied = twin(module, trainable=None)
    if any(parameter.device.type == "mps" for parameter in copied.parameters()):
        copied = copied.cpu()
    for part in copied.modules():
        for name, value in vars(part).items():
            if name not in HELD and tensors(value):
                vars(part)[name] = map_tensors(value, lambda _, tensor: wide(tensor))
    return copied.double()


def size_in_float64(module: nn.Module) -> int:
    """Bytes that the parameters and buffers of ``in_float64(module)`` take."""
    return 8 * sum(one.numel() for one in (*module.parameters(), *module.buffers()) if one.is_floating_point())


def wide(tensor: Tensor) -> Tensor:
    """Real numbers as float64; anything else as it is."""
    if tensor.device.type == "mps":
        tensor = tensor.cpu()
    return tensor.double() if tensor.is_floating_point() else tensor


class Narrowing(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """``with Narrowing() as seen:`` notices operations that return real numbers of a narrower type than they are given;
    ``seen.narrowest`` is the narrowest of these types, such as ``float32``, and empty where there is none."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._coarsest = 0.0
        self.narrowest = ""

    def __torch_dispatch__(
        self, func: object, types: object, args: Sequence[object] = (), kwargs: Mapping[str, object] | None = None
    ) -> object:
        result = func(*args, **(kwargs or {}))  # type: ignore[operator]
        given = min((_eps(tensor) for tensor in _real([*args, *(kwargs or {}).values()])), default=0.0)
        for tensor in _real(result):
            if given and _eps(tensor) > max(given, self._coarsest):
                self._coarsest, self.narrowest = _eps(tensor), str(tensor.dtype).removeprefix("torch.")
        return result


class SameDraws(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within it, random numbers of float64 are drawn as ``dtype`` and made wide: a copy in float64 then sees the very
    numbers that the model itself draws, which from the same seed would be others."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._dtype = dtype

    def __torch_dispatch__(
        self, func: Any, types: object, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if torch.Tag.nondeterministic_seeded not in func.tags or "dropout" in str(func) or "attention" in str(func):
            return func(*args, **kwargs)
        wide_ones = [arg for arg in args if isinstance(arg, Tensor) and arg.dtype == torch.float64]
        if not wide_ones and kwargs.get("dtype") != torch.float64:
            return func(*args, **kwargs)
        if "dtype" in kwargs and kwargs["dtype"] == torch.float64:
            kwargs["dtype"] = self._dtype
        narrow = [arg.to(self._dtype) if any(arg is one for one in wide_ones) else arg for arg in args]
        drawn = wide(func(*narrow, **kwargs))
        return args[0].copy_(drawn) if is_mutable(func) else drawn


def _real(value: object) -> list[Tensor]:
    return [tensor for tensor in tensors(value).values() if tensor.is_floating_point()]


def _eps(tensor: Tensor) -> float:
    return torch.finfo(tensor.dtype).eps
