"""Faults made on purpose at one layer of a twin, each by one line of code that the doctor finds."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gradviz_core.errors import QuestionError
from gradviz_core.tracing.authors import AuthorsModule
from gradviz_core.tracing.twin import twin
from gradviz_core.types import Site
from gradviz_core.types.backward import Break
from gradviz_core.types.sites import no_such_site, site_name

_FAULT = "gradviz_fault"
RECTIFIERS = (nn.ReLU, nn.ReLU6)
_KEEP_THEIR_OUTPUT = (nn.ReLU, nn.Sigmoid, nn.Tanh, nn.Softmax)
"""Layers whose derivative PyTorch computes from what they returned, and not from what they got."""


def detach(x: Tensor) -> Tensor:
    """The same numbers without a graph."""
    return x.detach()


def die(x: Tensor) -> Tensor:
    """The same numbers, shifted until all are below zero."""
    return x - x.detach().amax() - 1  # all below zero


def overwrite(x: Tensor) -> None:
    """Write other numbers over them."""
    x.mul_(2)


@dataclass
class _Fault:
    """Which call of the layer is broken, and how many there were. A twin of the twin begins to count anew."""

    call: int
    how: Break
    calls: int = 0

    def is_now(self) -> bool:
        self.calls += 1
        return self.calls == self.call + 1


def check(how: Break, at: Site, seen: Collection[Site]) -> None:
    """Refuse a fault at a layer or a call that is not among those that ran.

    Raises:
        UnknownSite: it is not.
    """
    if how and at not in seen:
        raise no_such_site(at, seen)


def broken(module: nn.Module, how: Break, at: Site) -> nn.Module:
    """A twin of the module with one fault at the layer whose output is ``at``; the module itself is not touched.

    ``freeze`` only clears ``requires_grad`` of the layer's own parameters, which a twin has frozen anyway.

    Raises:
        QuestionError: there is no such layer, it is one of an exported program, or it is no rectifier and is to die.
    """
    copied = twin(module, trainable=True)
    layer = layer_at(copied, at)
    if isinstance(layer, AuthorsModule):
        raise QuestionError(
            f"{site_name(at)} is a layer of an exported program, which cannot be broken here: the program computes its "
            "value. Choose a model from the list."
        )
    if how == "freeze":
        for parameter in layer.parameters():
            parameter.requires_grad_(False)
        return copied
    if how == "dead" and not isinstance(layer, RECTIFIERS):
        raise QuestionError(f"{site_name(at)} is no ReLU, so it cannot be dead. Choose a ReLU.")
    setattr(layer, _FAULT, _Fault(at.call, how))
    if how == "in_place":
        layer.register_forward_hook(_overwrite_after)
    else:
        layer.register_forward_pre_hook(_CHANGES[how])
    return copied


def dies(layer: nn.Module) -> bool:
    """Whether the input of a layer of a broken twin is shifted below zero."""
    fault = getattr(layer, _FAULT, None)
    return isinstance(fault, _Fault) and fault.how == "dead"


def layer_at(module: nn.Module, at: Site) -> nn.Module:
    """The layer whose output is ``at``.

    Raises:
        QuestionError: there is none.
    """
    try:
        return module.get_submodule(at.path)
    except AttributeError:
        raise QuestionError(f"There is no layer {site_name(at)!r} to break. Choose one of the steps.") from None


def _before(change: Callable[[Tensor], Tensor]) -> Callable[[nn.Module, tuple[Any, ...]], tuple[Any, ...] | None]:
    def hook(layer: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if not _is_now(layer):
            return None
        if not (args and isinstance(args[0], Tensor)):
            raise QuestionError("This layer gets its input by name, so it cannot be broken here. Choose another step.")
        changed = change(args[0])
        return tuple(changed if one is args[0] else one for one in args)

    return hook


def _is_now(layer: nn.Module) -> bool:
    fault = getattr(layer, _FAULT)
    assert isinstance(fault, _Fault)
    return fault.is_now()


_CHANGES: dict[Break, Any] = {"detach": _before(detach), "dead": _before(die)}


def _overwrite_after(layer: nn.Module, args: tuple[Any, ...], output: object) -> None:
    if not _is_now(layer):
        return
    value = output if isinstance(layer, _KEEP_THEIR_OUTPUT) else args[0] if args else None
    if isinstance(value, Tensor) and not torch.is_inference(value):
        overwrite(value)
