"""Gradients checked against finite differences, on a copy in float64."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor, nn

from gradviz_core import targets, verdicts
from gradviz_core.doubles import Narrowing, in_float64, wide
from gradviz_core.errors import QuestionError
from gradviz_core.findings import DirectionProof, Proof, Step
from gradviz_core.nested import map_tensors
from gradviz_core.sites import in_words
from gradviz_core.trace import Trace, differentiate, forward, reached, recording
from gradviz_core.twin import twin
from gradviz_core.types import INPUT, Site, Target

STEPS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
MOST_DIRECTIONS = 20
EPS = 2.0**-52
"""Distance from 1 to the next number of float64."""


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
    is h²·f‴/6 from what is left out, and the noise of rounding, about 4 ε F / h with ε = 2⁻⁵² and F the largest of the
    numbers that f is read from; so one of the steps suits. Where f has a kink (ReLU, max) within the step the error is
    of the order of the jump in the slope, and goes when the step is short. Where the derivative is so small beside f
    that the noise hides it at every step, nothing can be said, and the verdict says that (``verdicts.proof``); so it is
    where values are rounded to float32 or less on the way, whatever the type of the weights.

    ``x`` is used as it is, with a first dimension of 1 for targets that name a class or a unit. Each pass begins with
    the same random numbers, those of the caller, which stay as they are. The change is made to what the module
    returned, after its call; a module that uses a value before it returns it, and changes nothing in place, is compared
    for the uses after its call only.

    Raises:
        QuestionError: a site is no floating-point value, the directions are none or more than 20, or the model does
            not run in float64 although it runs as it is.
        BadTarget, UnknownSite, Unreachable: as ``trace.gradients`` does.

    Source: J. Nocedal, S. Wright, Numerical Optimization, 2006, section 8.1; ``torch.autograd.gradcheck`` does the same
    along every axis, or along one direction in its fast mode.
    """
    if not 1 <= directions <= MOST_DIRECTIONS:
        raise QuestionError(f"{directions} directions; from 1 to {MOST_DIRECTIONS} can be checked.")
    copied, x64 = in_float64(module), wide(x)
    needed = {*sites, *([at] if (at := targets.site_of(target)) else ())}
    with Narrowing() as seen:
        watched = _first_pass(module, x, copied, x64, needed)
    with recording():
        target, score = targets.select(target, watched)
    values = [_real(watched, site) for site in sites]
    slopes = differentiate(watched, score, tuple(sites), keep_graph=False)
    generator = torch.Generator().manual_seed(seed)
    found = []
    for site, value in zip(sites, values, strict=True):
        slope = reached(site, slopes[site], target)
        for _ in range(directions):
            direction = _direction(value, generator)
            derivative = float((slope * direction).sum())
            steps = _steps(copied, x64, site, direction, target, derivative)
            found.append(DirectionProof(str(site), derivative, steps, seen.narrowest))
    return verdicts.proof(found, score.item())


def _first_pass(module: nn.Module, x: Tensor, copied: nn.Module, x64: Tensor, keep: set[Site]) -> Trace:
    try:
        return _pass(copied, x64, keep)
    except RuntimeError as error:
        if "memory" in str(error):
            raise
        _pass(module, x, keep)
        raise QuestionError(
            "This model runs as it is, and not in float64, which the check by differences needs. Cast inside it to the "
            "type of what comes in, x.to(h.dtype), and not to one that is written down."
        ) from error


def _pass(module: nn.Module, x: Tensor, keep: set[Site]) -> Trace:
    """A pass from the random numbers as they are, which stay so."""
    devices = {tensor.device.index for tensor in (x, *module.parameters()) if tensor.device.type == "cuda"}
    with torch.random.fork_rng(devices=sorted(devices)):
        return forward(module, x, keep=keep)


def _real(trace: Trace, site: Site) -> Tensor:
    value = trace.value(site).detach()
    if not value.is_floating_point():
        raise QuestionError(
            f"{in_words(site)} holds {str(value.dtype).removeprefix('torch.')} values, which have no derivative to "
            "check. Choose a site of real numbers, such as what the first layer makes of them."
        )
    return value


def _direction(value: Tensor, generator: torch.Generator) -> Tensor:
    """A random change, as large as the value."""
    size = value.pow(2).mean().sqrt()
    drawn = torch.randn(value.shape, dtype=torch.float64, generator=generator).to(value.device)
    return drawn * (size if size > 0 else 1.0)


def _steps(
    module: nn.Module, x: Tensor, site: Site, direction: Tensor, target: Target, derivative: float
) -> tuple[Step, ...]:
    found = []
    for h in STEPS:
        (up, one), (down, other) = (_moved(module, x, site, sign * h * direction, target) for sign in (1, -1))
        difference = (up - down) / (2 * h)
        larger = max(abs(derivative), abs(difference))
        error = abs(derivative - difference) / larger if larger else 0.0
        found.append(Step(h, difference, error, 4 * EPS * max(one, other) / h))
    return tuple(found)


def _moved(module: nn.Module, x: Tensor, site: Site, change: Tensor, target: Target) -> tuple[float, float]:
    """The target where the value at ``site`` is changed, and the largest number that it is read from."""
    if site == INPUT:
        return _score(_pass(module, x + change, _read(target)), target)
    moved = twin(module)
    calls = 0

    def hook(_part: nn.Module, _inputs: object, output: object) -> object:
        nonlocal calls
        calls += 1
        if calls - 1 != site.call:
            return output
        return map_tensors(output, lambda item, tensor: tensor + change if item == site.item else tensor)

    moved.get_submodule(site.path).register_forward_hook(hook)
    return _score(_pass(moved, x, _read(target)), target)


def _read(target: Target) -> set[Site]:
    at = targets.site_of(target)
    return {at} if at else {INPUT}


def _score(trace: Trace, target: Target) -> tuple[float, float]:
    at = targets.site_of(target)
    with recording():
        score = float(targets.select(target, trace)[1].detach())
    read_from = trace.value(at) if at else targets.class_logits(trace.output)
    return score, max(abs(score), float(read_from.detach().abs().max()))
