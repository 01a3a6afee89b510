"""An independent reference: the same model with every in-place operation replaced, plain hooks, and ``backward``.

It shares no code and no idea with ``gradviz_core.tracing``: nothing is cloned, no module tree is copied. Where nothing
is written in place, a plain forward hook holds the true value and ``retain_grad`` the true gradient.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from gradviz_core.types import INPUT, Site


class OutOfPlace(TorchFunctionMode):
    """Runs ``relu_`` as ``relu``, ``+=`` as ``+``, ``inplace=True`` as False, and counts what it replaced."""

    def __init__(self) -> None:
        super().__init__()
        self.replaced: Counter[str] = Counter()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if kwargs.get("inplace"):
            kwargs["inplace"] = False
            self.replaced[name] += 1
        other = _without_writing(name)
        if other is not None and args and isinstance(args[0], Tensor):
            self.replaced[name] += 1
            return other(*args, **kwargs)
        return func(*args, **kwargs)


def _without_writing(name: str) -> Callable[..., Any] | None:
    if not name.endswith("_") or name.startswith("_") or name == "requires_grad_":
        return None
    found: Callable[..., Any] | None = getattr(Tensor, name[:-1], None)
    return found


@contextmanager
def _modules_out_of_place(module: nn.Module) -> Iterator[None]:
    changed = [part for part in module.modules() if getattr(part, "inplace", False)]
    for part in changed:
        part.inplace = False  # type: ignore[assignment]
    try:
        yield
    finally:
        for part in changed:
            part.inplace = True  # type: ignore[assignment]


def reference(
    module: nn.Module, x: Tensor, score: Callable[[Any], Tensor]
) -> tuple[dict[Site, Tensor], dict[Site, Tensor]]:
    """Values and gradients of ``score(module(x))`` at every site with a plain tensor output, and at the input."""
    values: dict[Site, Tensor] = {}
    calls: Counter[str] = Counter()

    def keep(path: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            site = Site(path, calls[path])
            calls[path] += 1
            tensor = output[0] if isinstance(output, tuple) else output
            tensor.retain_grad()
            values[Site(path, site.call, "0") if isinstance(output, tuple) else site] = tensor

        return hook

    leaf = x.detach().clone().requires_grad_()
    handles = [part.register_forward_hook(keep(path)) for path, part in module.named_modules()]
    with _modules_out_of_place(module), OutOfPlace():
        try:
            torch.autograd.backward(score(module(leaf)))
        finally:
            for handle in handles:
                handle.remove()
            module.zero_grad()
    values[INPUT] = leaf
    gradients = {site: value.grad for site, value in values.items()}
    return (
        {site: value.detach() for site, value in values.items()},
        {site: torch.zeros_like(values[site]) if g is None else g for site, g in gradients.items()},
    )


def relative_error(found: Tensor, true: Tensor) -> float:
    """‖found - true‖₂ / ‖true‖₂; absolute where the truth is zero."""
    scale = true.detach().double().norm().item()
    difference = (found.detach().double() - true.detach().double()).norm().item()
    return float(difference / (scale or 1.0))
