"""Gradients checked against finite differences, on a copy in float64."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn

from gradviz_core import targets, verdicts
from gradviz_core.errors import QuestionError
from gradviz_core.findings import DirectionProof, Proof, Step
from gradviz_core.nested import map_tensors
from gradviz_core.trace import Trace, differentiate, forward, reached, recording
from gradviz_core.twin import twin
from gradviz_core.types import INPUT, Site, Target

STEPS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
MOST_DIRECTIONS = 20


def prove(
    module: nn.Module,
    x: Tensor,
    target: Target,
    sites: Collection[Site] = (INPUT,),
    directions: int = 3,
    seed: int = 0,
) -> Proof:
    """Check ∂target/∂site along random directions.

    For a value v with root mean square r, and d drawn from a normal distribution with r for its standard deviation,
    ⟨∂f/∂v, d⟩ is compared with (f(v + h d) - f(v - h d)) / 2h for h from 1e-3 to 1e-9. The error of such a difference
    is h²·f‴/6 from what is left out and about 1e-16·f/h from rounding, so that one of the steps suits; where f has a
    kink (ReLU, max) within the step it is of the order of the jump in the slope, and goes when the step is short.

    ``x`` is used as it is, with a first dimension of 1 for targets that name a class or a unit. The change is made to
    what the module returned, after its call; a module that uses a value before it returns it, and changes nothing in
    place, is compared for the uses after its call only.

    Raises:
        QuestionError: a site is no floating-point value, the directions are none or more than 20, or the model does
            not run in float64.
        BadTarget, UnknownSite, Unreachable: as ``trace.gradients`` does.

    Source: J. Nocedal, S. Wright, Numerical Optimization, 2006, section 8.1; ``torch.autograd.gradcheck`` does the same
    along every axis, or along one direction in its fast mode.
    """
    if not 1 <= directions <= MOST_DIRECTIONS:
        raise QuestionError(f"{directions} directions; from 1 to {MOST_DIRECTIONS} can be checked.")
    wide, x = _in_float64(module), _on_cpu_if_needed(x).double()
    needed = {*sites, *([at] if (at := targets.site_of(target)) else ())}
    watched = forward(wide, x, keep=needed)
    with recording():
        target, score = targets.select(target, watched)
    slopes = differentiate(watched, score, tuple(sites), keep_graph=False)
    generator = torch.Generator().manual_seed(seed)
    found = []
    for site in sites:
        slope = reached(site, slopes[site], target)
        value = watched.value(site).detach()
        for _ in range(directions):
            direction = _direction(value, generator)
            derivative = float((slope * direction).sum())
            steps = _steps(wide, x, site, direction, target, derivative, score.item())
            found.append(DirectionProof(str(site), derivative, steps))
    return verdicts.proof(found, score.item())


def _in_float64(module: nn.Module) -> nn.Module:
    copied = twin(module)
    if any(parameter.device.type == "mps" for parameter in copied.parameters()):
        copied = copied.cpu()
    return copied.double()


def _on_cpu_if_needed(x: Tensor) -> Tensor:
    return x.cpu() if x.device.type == "mps" else x


def _direction(value: Tensor, generator: torch.Generator) -> Tensor:
    """A random change, as large as the value."""
    size = value.pow(2).mean().sqrt()
    drawn = torch.randn(value.shape, dtype=torch.float64, generator=generator).to(value.device)
    return drawn * (size if size > 0 else 1.0)


def _steps(
    module: nn.Module, x: Tensor, site: Site, direction: Tensor, target: Target, derivative: float, score: float
) -> tuple[Step, ...]:
    found = []
    for h in STEPS:
        up, down = (_moved(module, x, site, sign * h * direction, target) for sign in (1, -1))
        difference = (up - down) / (2 * h)
        scale = max(abs(derivative), abs(difference), 1e-9 * max(abs(score), 1e-9))
        found.append(Step(h, difference, abs(derivative - difference) / scale))
    return tuple(found)


def _moved(module: nn.Module, x: Tensor, site: Site, change: Tensor, target: Target) -> float:
    """The target where the value at ``site`` is changed."""
    if site == INPUT:
        return _score(forward(module, x + change, keep=_read(target)), target)
    moved = twin(module)
    calls = 0

    def hook(_part: nn.Module, _inputs: object, output: object) -> object:
        nonlocal calls
        calls += 1
        if calls - 1 != site.call:
            return output
        return map_tensors(output, lambda item, tensor: tensor + change if item == site.item else tensor)

    moved.get_submodule(site.path).register_forward_hook(hook)
    return _score(forward(moved, x, keep=_read(target)), target)


def _read(target: Target) -> set[Site]:
    at = targets.site_of(target)
    return {at} if at else {INPUT}


def _score(trace: Trace, target: Target) -> float:
    with recording():
        return float(targets.select(target, trace)[1].detach())
