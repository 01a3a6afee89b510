"""Which of torchvision's classification models, exported as ``.pt2`` and read back, give the very same numbers."""

from __future__ import annotations

import io
import time
import warnings
from collections.abc import Iterator

import torch
import torchvision
from torch import Tensor, nn

from gradviz_core.errors import GradVizError
from gradviz_core.uploads import exported

LARGEST = 250_000_000
"""Parameters; as many as the app reads."""
SLOW = frozenset({"googlenet", "inception_v3"})
"""Models that take half a minute to draw random weights as in their paper."""


def rows(_rounds: int) -> Iterator[str]:
    counted: dict[str, int] = {}
    for name in torchvision.models.list_models(module=torchvision.models):
        start = time.perf_counter()
        result = _compared(name)
        counted[result] = counted.get(result, 0) + 1
        yield f"  {name:<20}{result}   {time.perf_counter() - start:.0f} s"
    yield "  " + ", ".join(f"{count} {result.strip()}" for result, count in counted.items())


def _compared(name: str) -> str:
    torch.manual_seed(0)
    built = torchvision.models.get_model(name, weights=None, **({"init_weights": False} if name in SLOW else {}))
    for parameter in built.parameters():
        if not parameter.any():  # through zeros no gradient passes
            nn.init.normal_(parameter, std=0.02)
    module = built.eval().requires_grad_(False)
    if sum(parameter.numel() for parameter in module.parameters()) > LARGEST:
        return "too large"
    x = torch.randn(1, 3, size := _size(name), size)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.export(module, (x,))
            torch.export.save(program, file := io.BytesIO())
    except RuntimeError:
        return "cannot be exported"
    try:
        read = exported.read(file.getvalue()).module
    except GradVizError as error:
        return f"refused: {error}"
    (scores, slope), (mine, my_slope) = _answers(module, x), _answers(read, x)
    if torch.equal(scores, mine) and torch.equal(slope, my_slope):
        return "identical"
    far = max(float((b - a).abs().max() / a.abs().max()) for a, b in ((scores, mine), (slope, my_slope)))
    return f"different, {far:.1e} of the largest"


def _size(name: str) -> int:
    """Transformers take no other size than their own; for the others a small one is quicker."""
    return 224 if name.startswith(("vit", "maxvit")) else 96


def _answers(module: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """The scores, and how the seventh changes with each pixel."""
    leaf = x.clone().requires_grad_()
    scores = module(leaf)
    (slope,) = torch.autograd.grad(scores[0, 7], leaf)
    return scores.detach(), slope
