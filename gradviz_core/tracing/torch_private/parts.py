"""What a module holds: its own parameters and buffers, and hooks.

Without the names of the hooks it is not known whether an author's hooks would falsify a derivative, so the model is
refused. Without those of the weights no exported file can be built.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from torch import Tensor, nn

from gradviz_core.tracing.torch_private.names import missing

HELD = frozenset({"_parameters", "_buffers", "_modules"})
"""Attributes of a module in which PyTorch keeps its parts."""


def backward_hooks(thing: nn.Module | Tensor) -> Collection[Callable[..., Any]]:
    """Hooks that run on the way back: of a module, or of a tensor."""
    names = ("_backward_hooks", "_backward_pre_hooks") if isinstance(thing, nn.Module) else ("_backward_hooks",)
    return [hook for name in names for hook in (_mapping(thing, name) or {}).values()]


def has_forward_hooks(part: nn.Module) -> bool:
    """Whether a hook of its own runs before or after it."""
    return any(_mapping(part, name) for name in ("_forward_hooks", "_forward_pre_hooks"))


def drop_backward_hooks(part: nn.Module) -> None:
    """Take them off a module."""
    for name in ("_backward_hooks", "_backward_pre_hooks"):
        _mapping(part, name).clear()


def parameters(part: nn.Module) -> list[nn.Parameter]:
    """Its own parameters, those of its parts left out."""
    return [parameter for parameter in _mapping(part, "_parameters").values() if parameter is not None]


def put_weight(layer: nn.Module, name: str, tensor: Tensor) -> None:
    """Give a layer a parameter or a buffer under any name, one of an attribute's too."""
    _mapping(layer, "_parameters" if isinstance(tensor, nn.Parameter) else "_buffers")[name] = tensor


def put_module(layer: nn.Module, name: str, inner: nn.Module) -> None:
    """Give a layer a module under any name."""
    _mapping(layer, "_modules")[name] = inner


def weight(layer: nn.Module, name: str) -> Tensor:
    """The parameter or buffer of that name."""
    parameters = _mapping(layer, "_parameters")
    found: Tensor = parameters[name] if name in parameters else _mapping(layer, "_buffers")[name]
    return found


def own_weights(layer: nn.Module) -> list[tuple[str, Tensor]]:
    """A layer's own parameters and buffers by their names, those of its parts left out."""
    own = [*_mapping(layer, "_parameters").items(), *_mapping(layer, "_buffers").items()]
    return [(name, tensor) for name, tensor in own if tensor is not None]


def has_module(layer: nn.Module, name: str) -> bool:
    """Whether a layer has a module of that name."""
    return name in _mapping(layer, "_modules")


def _mapping(thing: nn.Module | Tensor, name: str) -> Any:
    try:
        return getattr(thing, name)
    except AttributeError as error:
        raise missing(name, "knows what a model holds") from error
