"""A second oracle, for what a reference by plain autograd cannot see: a backward kernel that is wrong.

Two ways, neither of which runs the kernel that is in question, nor any code of the project: central differences in
double precision along random directions, and the same image twice in one batch, where PyTorch takes other kernels than
for a batch of one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from gradviz_core.types import INPUT, Site

Score = Callable[[Any], Tensor]
"""What the module returns -> the number that is differentiated."""
CLOSE = 1e-5
"""Largest relative error."""
STEPS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-7, 1e-8, 1e-9, 1e-10)
"""In units of the root mean square of the value; the others only where the first disagrees. Rounding wants larger ones,
where a score hardly depends on a value; kinks want smaller ones."""
ONE_SIDED_STEP = 1e-8
USED_BEFORE_RETURNED = {("tuple", Site("body", 0, "1.0")), ("dict", Site("body", 0, "1.0"))}
"""Values in the zoo that their module uses itself before it returns them: moving them afterwards is too late."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a gradient compares with finite differences."""

    error: float
    """√(Σ (difference quotient - ⟨gradient, direction⟩)² / Σ difference quotient²) over the directions."""
    kinks: bool
    """Whether a kink, as of ReLU at zero, lies so near that the first step runs over it. The gradient agrees all the
    same: with a smaller step; or along directions that change each number in proportion to itself, so that zeros and
    signs stay as they are; or it lies between two one-sided quotients that differ."""

    @property
    def agrees(self) -> bool:
        """Whether the gradient is right."""
        return self.error < CLOSE


# -------------------------------------------------------------------------------------------------- finite differences


def differences(
    module: nn.Module, x: Tensor, site: Site, value: Tensor, gradient: Tensor, score: Score, directions: int = 1
) -> Verdict:
    """Central differences of ``score(module(x))`` at ``site``, whose value and claimed gradient these are."""
    generator = torch.Generator().manual_seed(1)
    scale = value.square().mean().sqrt().item() or 1.0
    noise = [torch.randn(value.shape, dtype=value.dtype, generator=generator) for _ in range(directions)]
    everywhere = _Ways(module, x, site, gradient, score, [scale * way for way in noise])
    error, step = everywhere.best()
    if error < CLOSE:
        return Verdict(error, kinks=step < STEPS[0])
    in_proportion = _Ways(module, x, site, gradient, score, [value * way for way in noise])
    other, _ = in_proportion.best()
    if other < CLOSE:
        return Verdict(other, kinks=True)
    sides = everywhere.sides(ONE_SIDED_STEP)
    between = torch.clamp(everywhere.claimed, sides.amin(0), sides.amax(0))
    on_a_kink = _relative(sides[0], sides[1]) > 10 * CLOSE and _relative(everywhere.claimed, between) < CLOSE
    return Verdict(_relative(everywhere.claimed, between), kinks=True) if on_a_kink else Verdict(error, kinks=False)


class _Ways:
    """Difference quotients along some directions."""

    def __init__(
        self, module: nn.Module, x: Tensor, site: Site, gradient: Tensor, score: Score, ways: list[Tensor]
    ) -> None:
        self._score_at: Callable[[Tensor], float] = lambda by: moved(module, x, site, by, score)
        self._ways = ways
        self.claimed = self._numbers((gradient * way).sum().item() for way in ways)

    def best(self) -> tuple[float, float]:
        """The error of the claim against central differences at the first step that is close, else at the first of
        all; and the step."""
        errors: list[tuple[float, float]] = []
        for step in STEPS:
            errors.append((_relative(self.claimed, (self._at(step) - self._at(-step)) / (2 * step)), step))
            if errors[-1][0] < CLOSE:
                return errors[-1]
        return errors[0]

    def sides(self, step: float) -> Tensor:
        """The two one-sided quotients."""
        here = self._at(0.0)
        return torch.stack([(self._at(step) - here) / step, (here - self._at(-step)) / step])

    def _at(self, step: float) -> Tensor:
        return self._numbers(self._score_at(step * way) for way in self._ways)

    @staticmethod
    def _numbers(numbers: Iterable[float]) -> Tensor:
        return torch.tensor([*numbers], dtype=torch.float64)


def moved(module: nn.Module, x: Tensor, site: Site, by: Tensor, score: Score) -> float:
    """The score when ``by`` is added to the value at ``site``, in memory, so that every later use of it sees that."""
    calls = [0]

    def add(_module: nn.Module, _inputs: Any, output: Any) -> None:
        if calls[0] == site.call:
            element(output, site.item).add_(by)
        calls[0] += 1

    with torch.no_grad(), plain_attention():
        if site == INPUT:
            return score(module(x + by)).item()
        handle = module.get_submodule(site.path).register_forward_hook(add)
        try:
            return score(module(x.clone())).item()
        finally:
            handle.remove()


# ------------------------------------------------------------------------------------------------- twice in one batch


@dataclass(frozen=True, slots=True)
class Twice:
    """Values and gradients for the first of two equal images, where the site has a batch that is cut in two."""

    values: dict[Site, Tensor]
    gradients: dict[Site, Tensor]
    crosstalk: float
    """The largest derivative by a pixel of the second image."""


def twice(module: nn.Module, x: Tensor, score: Score, sites: Iterable[Site]) -> Twice:
    """The same image two times in one batch; ``score`` reads the first row.

    A hook keeps the raw value and passes a clone on, since a later layer may write to what it is handed.
    """
    wanted, calls = set(sites) - {INPUT}, Counter[str]()
    kept: dict[Site, Tensor] = {}

    def keep(path: str) -> Callable[[nn.Module, Any, Any], Any]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> Any:
            call = calls[path]
            calls[path] += 1
            for site in wanted:
                if (site.path, site.call) != (path, call):
                    continue
                value = element(output, site.item)
                value.retain_grad()
                kept[site] = value
                output = value.clone() if not site.item else output
            return output

        return hook

    handles = [module.get_submodule(path).register_forward_hook(keep(path)) for path in {site.path for site in wanted}]
    leaf = x.repeat(2, *[1] * (x.dim() - 1)).requires_grad_()
    try:
        with plain_attention():
            torch.autograd.backward(score(module(leaf.clone())))
    finally:
        for handle in handles:
            handle.remove()
        module.zero_grad()
    assert leaf.grad is not None
    gradients = {site: value.grad for site, value in kept.items() if value.grad is not None}
    return Twice(
        values={site: value.detach() for site, value in kept.items()} | {INPUT: leaf.detach()},
        gradients=gradients | {INPUT: leaf.grad},
        crosstalk=leaf.grad[1].abs().max().item(),
    )


def first_half(both: Tensor, one: Tensor) -> Tensor | None:
    """The part of ``both`` that belongs to the first of two images, where it has the shape of ``one`` but for one axis,
    which is twice as long; None for other shapes."""
    axes = [axis for axis, (long, short) in enumerate(zip(both.shape, one.shape, strict=False)) if long != short]
    if both.dim() != one.dim() or len(axes) != 1 or both.shape[axes[0]] != 2 * one.shape[axes[0]]:
        return None
    return both.narrow(axes[0], 0, one.shape[axes[0]])


# ---------------------------------------------------------------------------------------------------------------------


def element(output: Any, item: str) -> Tensor:
    """The tensor at ``item``, such as ``1.0``, of nested tuples, lists and dictionaries."""
    for part in item.split(".") if item else ():
        output = output[part] if isinstance(output, dict) else output[int(part)]
    assert isinstance(output, Tensor)
    return output


@contextmanager
def plain_attention() -> Iterator[None]:
    """Attention takes other roads through the code where no gradient is recorded, and for large batches; keep it on
    one."""
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(True)


def _relative(found: Tensor, true: Tensor) -> float:
    return float((found - true).norm() / (true.norm() or 1.0))
