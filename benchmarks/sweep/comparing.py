"""Outputs and input gradients of a module, and whether those of two are the same bits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves


@dataclass(frozen=True, slots=True)
class Answers:
    """What a module returns, and how a weighted sum of it changes with each number of the inputs."""

    outputs: list[Tensor]
    gradients: list[Tensor | None]
    """None for an input that no output depends on."""


def prepared(module: nn.Module) -> None:
    """In evaluation mode, with weights drawn so that numbers neither vanish nor grow from layer to layer, and none all
    zero: through such no gradient passes."""
    for part in module.eval().modules():
        if isinstance(part, nn.BatchNorm2d) and part.affine:
            nn.init.ones_(part.weight)  # of Hugging Face's EfficientNet they are 0.02: fifty of them leave nothing
    for parameter in module.parameters():
        if parameter.dim() > 1 and parameter.numel() and parameter.is_floating_point():
            nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
        elif not parameter.any():
            nn.init.normal_(parameter, std=0.02)


def answers(module: nn.Module, inputs: tuple[Tensor, ...]) -> Answers:
    """One forward pass and one backward pass; each number of the outputs has a weight of its own in the sum."""
    torch.manual_seed(0)
    module.requires_grad_(False)
    leaves = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
    outputs = [leaf for leaf in tree_leaves(module(*leaves)) if isinstance(leaf, Tensor)]
    generator = torch.Generator().manual_seed(2)
    weighted = [
        (out * torch.randn(out.shape, generator=generator)).real.sum()
        for out in outputs
        if out.requires_grad and (out.is_floating_point() or out.is_complex())
    ]
    gradients: list[Tensor | None] = [None] * len(leaves)
    if weighted:
        floats = [leaf for leaf in leaves if leaf.requires_grad]
        found = torch.autograd.grad(torch.stack(weighted).sum(), floats, allow_unused=True)
        gradients = list(found)
    return Answers([out.detach() for out in outputs], gradients)


def difference(true: Answers, mine: Answers) -> str:
    """What differs, in words; empty where nothing does, to the last bit."""
    if len(true.outputs) != len(mine.outputs):
        return f"{len(mine.outputs)} outputs, and {len(true.outputs)} of the module"
    outputs = [_distance(a, b) for a, b in zip(true.outputs, mine.outputs, strict=True)]
    gradients = [_distance(a, b) for a, b in zip(true.gradients, mine.gradients, strict=True)]
    if any(far is not None for far in outputs + gradients):
        where = "outputs" if any(far is not None for far in outputs) else "gradients"
        return f"{where} differ by {max(far or 0.0 for far in outputs + gradients):.1e} of the largest"
    return "" if any(gradient is not None and gradient.any() for gradient in true.gradients) else "no gradient"


def _distance(a: Tensor | None, b: Tensor | None) -> float | None:
    """How far the second is from the first, in parts of its largest number; None where all bits are the same."""
    if a is None or b is None:
        return None if a is b else math.inf
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        return math.inf
    if torch.equal(_bits(a), _bits(b)):
        return None
    return float((a - b).abs().max() / a.abs().max()) if a.is_floating_point() else math.inf


def _bits(x: Tensor) -> Tensor:
    return x.contiguous().reshape(-1).view(torch.uint8)
