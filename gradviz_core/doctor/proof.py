"""Gradients checked against finite differences, on a copy in float64."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from gradviz_core.doctor import kinks, verdicts
from gradviz_core.doctor.doubles import Narrowing, SameDraws, in_float64, wide
from gradviz_core.errors import QuestionError
from gradviz_core.tracing.inputs import Inputs, by_site, call_of, explained, map_inputs
from gradviz_core.tracing.scores import targets
from gradviz_core.tracing.trace import Trace, chosen_sites, differentiate, forward, reached, recording
from gradviz_core.types import INPUT, BoxScore, ClassScore, RegionScore, Site, Target
from gradviz_core.types.calls import Call
from gradviz_core.types.findings import Crossed, DirectionProof, Proof, Step
from gradviz_core.types.sites import site_name

STEPS = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
MOST_DIRECTIONS = 20
LITTLE = 1e-6
"""Noise of the first step that is tried, relative to the derivative."""
PREDICTED = ClassScore()
EPS = 2.0**-52
"""Distance from 1 to the next number of float64."""


def prove(
    module: nn.Module,
    x: Inputs,
    target: Target = PREDICTED,
    sites: Collection[Site] | Site | None = None,
    directions: int = 3,
    seed: int = 0,
    every_step: bool = True,
) -> Proof:
    """Check ∂target/∂site along random directions, at each of ``sites``; None stands for all inputs of real numbers.

    For a value v with root mean square r, and d drawn from a normal distribution with r for its standard deviation,
    ⟨∂f/∂v, d⟩ is compared with (f(v + h d) - f(v - h d)) / 2h for h from 1e-3 to 1e-9. The error of such a difference
    is h²·f‴/6 from what is left out, and the noise of rounding, about 4 ε F / h with ε = 2⁻⁵² and F the largest of the
    numbers that f is read from; so one of the steps suits. Where f has a kink (ReLU, max) within the step the error is
    of the order of the jump in the slope, and goes when the step is short. Where the derivative is so small beside f
    that the noise hides it at every step, nothing can be said, and the verdict says that (``verdicts.proof``); so it is
    where values are rounded to float32 or less on the way, whatever the type of the weights.

    All of this is done on a copy in float64. The gradient of the module as it is, which is the one that people see, is
    then compared with that of the copy, as a whole. Where the two differ from the fifth digit on, the values are
    counted that rounding puts on another side of a kink (``kinks.crossed``). Where the module draws random numbers the
    copy sees the same ones, drawn in the module's precision.

    Without ``every_step`` it begins with the shortest step that noise leaves six digits, and the others are tried only
    where that one does not settle it: the verdict is the same, and comes after a third of the passes.

    ``x`` is what the module takes, as for ``trace.gradients``, and one image for targets that name a class or a unit.
    Random numbers begin at ``seed`` in each pass, and so do those that directions are drawn by; the caller's stay as
    they are. The change is made to what the module returned, after its call; a module that uses a value before it
    returns it, and changes nothing in place, is compared for the uses after its call only.

    Raises:
        QuestionError: a site is no floating-point value, its gradient is not finite, the directions are none or more
            than 20, or the model does not run in float64 although it runs as it is.
        BadTarget, UnknownSite, Unreachable: as ``trace.gradients`` does.

    Source: J. Nocedal, S. Wright, Numerical Optimization, 2006, section 8.1; ``torch.autograd.gradcheck`` does the same
    along every axis, or along one direction in its fast mode.
    """
    if not 1 <= directions <= MOST_DIRECTIONS:
        raise QuestionError(f"{directions} directions were requested. Choose from 1 to {MOST_DIRECTIONS}.")
    if isinstance(target, Sequence):
        raise QuestionError(
            "Only one target of one image can be checked at a time. Pass x[i:i+1] and the target of image i."
        )
    targets.check(target)
    call = call_of(module, x)
    chosen = chosen_sites(call, sites)
    with explained(module, call):
        own = _as_it_is(module, call, target, chosen, seed)
    with nullcontext() if own.draws is None else SameDraws(own.draws):
        return _held_against_differences(module, call, own, directions, seed, every_step)


def _held_against_differences(
    module: nn.Module, call: Call, own: _Own, directions: int, seed: int, every_step: bool
) -> Proof:
    target, chosen = own.target, tuple(own.slopes)
    copied, call64 = in_float64(module), map_inputs(call, lambda _, tensor: wide(tensor))
    with Narrowing() as seen:
        watched = _first_pass(copied, call64, {*chosen, *_sites_of(target)}, seed, target.needs_axes)
    with recording():
        score = targets.select(target, watched)[1]
    largest = _largest(watched, target, score)
    here = _Here(copied, call64, target, seed, float(score.detach()), largest, seen.narrowest)
    values = {site: _real(watched, site) for site in chosen}
    slopes = differentiate(watched, score, chosen, keep_graph=False)
    generator = torch.Generator().manual_seed(seed)
    found = []
    for site, value in values.items():
        slope = reached(site, slopes[site], target)
        precision, distance = own.slopes[site].dtype, _distance(own.slopes[site], slope)
        for _ in range(directions):
            direction = _direction(value, generator)
            derivative = float((slope * direction).sum())
            if not math.isfinite(derivative):
                raise QuestionError(
                    f"The gradient at {site_name(site)} is not finite, so it cannot be compared with finite "
                    "differences."
                )
            bare = DirectionProof(str(site), derivative, (), seen.narrowest, _name(precision), distance)
            found.append(_compared(here, site, value, direction, bare, every_step))
    crossed = Crossed()
    if any(one.own > verdicts.AGREES for one in found):
        crossed = kinks.crossed((module, call, own.watched), (copied, call64, watched))
    return verdicts.proof(found, here.score, crossed)


@dataclass(frozen=True, slots=True)
class _Own:
    """What the module gives in its own precision."""

    target: Target
    """With the predicted class filled in."""
    slopes: Mapping[Site, Tensor]
    watched: Trace
    """Its pass."""
    draws: torch.dtype | None
    """The type of the random numbers that it draws; None where it draws none."""


@dataclass(frozen=True, slots=True)
class _Here:
    """What is moved: a model in float64, its input, and the number that is looked at, without any change."""

    module: nn.Module
    call: Call
    target: Target
    seed: int
    score: float
    largest: float
    """The largest of the numbers that it is read from."""
    rounded: str
    """The narrowest type that values are rounded to on the way."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A score, and the largest of the numbers that it is read from."""

    score: float
    largest: float


def _as_it_is(module: nn.Module, call: Call, target: Target, sites: tuple[Site, ...], seed: int) -> _Own:
    watched = forward(module, call, keep={*sites, *_sites_of(target)}, seed=seed, axes=target.needs_axes)
    for site in sites:
        _real(watched, site)
    with recording():
        target, score = targets.select(target, watched)
    slopes = differentiate(watched, score, sites, keep_graph=False)
    given = [tensor.dtype for tensor in by_site(call).values() if tensor.is_floating_point()]
    draws = (*given, torch.get_default_dtype())[0] if watched.random else None
    return _Own(target, {site: reached(site, slope, target) for site, slope in slopes.items()}, watched, draws)


def _first_pass(copied: nn.Module, call: Call, keep: set[Site], seed: int, axes: bool) -> Trace:
    """The copy's pass, where the module as it is has run."""
    try:
        return forward(copied, call, keep=keep, seed=seed, axes=axes)
    except RuntimeError as error:
        if "memory" in str(error):
            raise
        raise QuestionError(
            "This model does not run in float64, which the check by finite differences needs. If it casts, cast to "
            "the dtype of its input, x.to(h.dtype), not to a fixed one."
        ) from error


def _real(trace: Trace, site: Site) -> Tensor:
    value = trace.value(site).detach()
    if not value.is_floating_point():
        raise QuestionError(
            f"{site_name(site)} holds {str(value.dtype).removeprefix('torch.')} values, which have no derivative to "
            "check. Choose a site with real numbers, such as the output of the first layer."
        )
    return value


def _direction(value: Tensor, generator: torch.Generator) -> Tensor:
    """A random change, as large as the value."""
    size = value.pow(2).mean().sqrt()
    drawn = torch.randn(value.shape, dtype=torch.float64, generator=generator).to(value.device)
    return drawn * (size if size > 0 else 1.0)


def _distance(own: Tensor, slope: Tensor) -> float:
    """‖own - slope‖ / max(‖own‖, ‖slope‖), in float64; 0 for two that are zero."""
    own, slope = wide(own).to(slope.device), wide(slope)
    larger = float(max(own.norm(), slope.norm()))
    return float((own - slope).norm()) / larger if larger else 0.0


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _compared(
    here: _Here, site: Site, value: Tensor, direction: Tensor, bare: DirectionProof, every_step: bool
) -> DirectionProof:
    """The direction with its steps, from the largest to the smallest."""
    found = bare
    for h in STEPS if every_step else _most_likely_first(here, bare.derivative):
        up, down = (_moved(here, {site: value + sign * h * direction}) for sign in (1, -1))
        step = _step(here, bare.derivative, h, up, down)
        found = replace(found, steps=tuple(sorted((*found.steps, step), key=lambda one: -one.h)))
        if not every_step and verdicts.settles(found):
            break
    return found


def _most_likely_first(here: _Here, derivative: float) -> Sequence[float]:
    """The steps, in the order in which they are likely to settle it: the shortest with little noise, for kinks are
    rarest there, then shorter ones, then longer ones. Where values are rounded on the way, the longest first."""
    quiet = [h for h in STEPS if 4 * EPS * here.largest / h <= LITTLE * abs(derivative)]
    first = STEPS.index(quiet[-1]) if quiet and not here.rounded else 0
    return *STEPS[first:], *reversed(STEPS[:first])


def _step(here: _Here, derivative: float, h: float, up: _Read, down: _Read) -> Step:
    difference, bend = (up.score - down.score) / (2 * h), (up.score + down.score - 2 * here.score) / h
    if not math.isfinite(difference):
        return Step(h, difference, math.inf, math.inf)
    larger = max(abs(derivative), abs(difference))
    error = abs(derivative - difference) / larger if larger else 0.0
    return Step(h, difference, error, 4 * EPS * max(up.largest, down.largest) / h, bend)


def _moved(here: _Here, put: Mapping[Site, Tensor]) -> _Read:
    """What is read where these values stand in the place of the model's own."""
    keep, axes = _sites_of(here.target), here.target.needs_axes
    trace = forward(here.module, here.call, keep=keep, seed=here.seed, put=put, axes=axes)
    with recording():
        score = targets.select(here.target, trace)[1].detach()
    return _Read(float(score), _largest(trace, here.target, score))


def _sites_of(target: Target) -> set[Site]:
    at = target.at
    return {at} if at else {INPUT}


def _largest(trace: Trace, target: Target, score: Tensor) -> float:
    """The largest number that the score is read from, by which it is rounded. A probability p of logits z is rounded by
    what it is itself: where z is off by ε max|z|, p is by p times as much, however small it is."""
    largest, size = float(targets.read_from(target, trace).detach().abs().max()), abs(float(score.detach()))
    match target:
        case (
            ClassScore(scale="probability", head=head)
            | RegionScore(scale="probability", head=head)
            | BoxScore(scale="probability", head=head)
        ) if head.reading in ("softmax_logits", "sigmoid_logits"):
            return size * max(1.0, largest)
        case _:
            return max(size, largest)
