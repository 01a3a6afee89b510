"""How often a plain forward hook with ``retain_grad()`` is wrong: the figure that the README names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from gradviz_core.tracing import trace
from gradviz_core.types import ClassScore, Site

MODELS = ("resnet18", "vgg16", "densenet121")


def rows(_rounds: int) -> Iterator[str]:
    for name in MODELS:
        torch.manual_seed(0)
        module = torchvision.models.get_model(name, weights=None).eval()
        x = torch.randn(1, 3, 96, 96)
        wrong, layers = _wrong(module, x)
        yield f"  {name:<16}a plain hook is wrong on {wrong} of {layers} leaf modules"


def _wrong(module: nn.Module, x: Tensor) -> tuple[int, int]:
    """Leaf modules whose kept output or gradient differs from the exact one at their last call."""
    kept: dict[str, Tensor] = {}

    def keep(path: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            output.retain_grad()
            kept[path] = output

        return hook

    leaves = [(path, part) for path, part in module.named_modules() if not list(part.children())]
    handles = [part.register_forward_hook(keep(path)) for path, part in leaves]
    torch.autograd.backward(module(x.clone().requires_grad_())[0, 3])
    for handle in handles:
        handle.remove()
    last = {info.site.path: Site(info.site.path, info.calls - 1) for info in trace.survey(module, x)}
    found = trace.gradients(module, x, target=ClassScore(3), wrt=[last[path] for path in kept])
    wrong = 0
    for path, output in kept.items():
        site = last[path]
        slope = torch.zeros_like(output) if output.grad is None else output.grad
        same = torch.allclose(output.detach(), found.activations[site], rtol=1e-4, atol=1e-6)
        wrong += not (same and torch.allclose(slope, found.gradients[site], rtol=1e-3, atol=1e-8))
    return wrong, len(kept)
