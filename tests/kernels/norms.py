"""Norms, the gradients that they should have, and a small network whose gradient goes wrong without a guard."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor, nn

from gradviz_core.tracing.kernel_guards import guarded
from tests.kernels.layouts import far, laid_out, layouts, numbers

C = 6
Norm = Callable[[Tensor], Tensor]
INPUTS_2D = ((0, 1, 2, 3), (0, 2, 3, 1), (2, 0, 3, 1), (3, 0, 2, 1))
"""Plain, channels last, and two that lie so with the batch elsewhere."""


def slope(norm: Norm, x: Tensor, incoming: Tensor) -> Tensor:
    """Σ incoming · ∂norm(x)/∂x, through the guard."""
    x = x.detach().requires_grad_()
    y = norm(x)
    with guarded(y):
        return torch.autograd.grad(y, x, incoming)[0]


def worst(norm: Norm, x: Tensor, incoming: Tensor, true: Tensor) -> float:
    """The largest relative error over orders of the input and layouts of the gradient that comes in."""
    inputs = [laid_out(x, order) for order in INPUTS_2D] if x.dim() == 4 else list(layouts(x))
    return max(far(slope(norm, given, g), true) for given, g in product(inputs, layouts(incoming)))


class Statistics:
    """What a batch norm of C channels has learnt."""

    def __init__(self, dtype: torch.dtype, affine: bool) -> None:
        self.mean, self.var = numbers(C, seed=1).to(dtype), (numbers(C, seed=2).abs() + 0.5).to(dtype)
        self.weight = (numbers(C, seed=3).abs() + 0.5).to(dtype) if affine else None
        self.bias = numbers(C, seed=4).to(dtype) if affine else None

    def fill(self, module: nn.Module) -> nn.Module:
        state = {"running_mean": self.mean, "running_var": self.var, "num_batches_tracked": torch.tensor(1)}
        if self.weight is not None and self.bias is not None:
            state |= {"weight": self.weight, "bias": self.bias}
        module.to(self.mean.dtype).load_state_dict(state)
        return module.eval()

    def slope(self, incoming: Tensor) -> Tensor:
        """γ_c / √(σ²_c + ε) · incoming."""
        scale = (self.var.double() + 1e-5).rsqrt() * (1.0 if self.weight is None else self.weight.double())
        return incoming.double() * scale.view(1, C, *[1] * (incoming.dim() - 2))


def of_instances(x: Tensor, incoming: Tensor, weight: Tensor) -> Tensor:
    """γ/σ · (g - mean(g) - x̂ · mean(g · x̂)), with means over the places of one channel of one image."""
    axes = tuple(range(2, x.dim()))
    x, g = x.double(), incoming.double() * weight.double().view(1, -1, *[1] * len(axes))
    sigma = (x.var(axes, correction=0, keepdim=True) + 1e-5).sqrt()
    hat = (x - x.mean(axes, keepdim=True)) / sigma
    return (g - g.mean(axes, keepdim=True) - hat * (g * hat).mean(axes, keepdim=True)) / sigma


class Tokens(nn.Module):
    """A patch embedding with batch norm: so begin LeViT, EfficientFormer and XCiT."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, C, 4, 4), norm
        self.mix, self.head = nn.LayerNorm(C), nn.Linear(C, 5)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.norm(self.conv(x)).flatten(2).transpose(1, 2)
        scores: Tensor = self.head((self.mix(tokens).sigmoid() * tokens).mean(1))
        return scores


def tokens(norm: nn.Module | None = None) -> nn.Module:
    torch.manual_seed(0)
    return Tokens(norm or Statistics(torch.float64, True).fill(nn.BatchNorm2d(C))).double().eval()


IMAGE = numbers(1, 3, 20, 24, seed=9)
DIRECTION = numbers(1, 3, 20, 24, seed=10)


def difference(module: nn.Module) -> float:
    """The derivative of the third score along ``DIRECTION``, by a central difference with an error of order 1e-9."""
    with torch.no_grad():
        up, down = (float(module(IMAGE + sign * 1e-5 * DIRECTION)[0, 2]) for sign in (1, -1))
    return (up - down) / 2e-5
