"""A small change of the image along a gradient: the predicted and the actual change of a score.

This serves to understand and to test a model. Everything is measured in *levels*, the values 0 to 255 of an 8-bit
image, because they are what a viewer sees. The network receives x = (r / 255 - mean) / std of the levels r, channel by
channel, so ∂z/∂r = ∂z/∂x / (255 std).

One step of size s goes from r to r + s·d, where d is the sign of the gradient (``max``: no value changes by more than
s; Goodfellow et al. 2015, arXiv:1412.6572) or the gradient divided by its L2 norm (``l2``: the change has L2 norm s);
to decrease the target, -d is used. Values are clipped to 0 to 255. Several steps, each along the gradient at the
current image, follow Kurakin et al. 2017 (arXiv:1607.02533). Each has size epsilon / steps, so together they stay
within epsilon.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor, nn

from gradviz_core import images
from gradviz_core.errors import QuestionError
from gradviz_core.tracing.scores import targets
from gradviz_core.tracing.trace import Trace, differentiate, forward, reached
from gradviz_core.types import INPUT, Norm, PerturbationQuestion, Pixels, Preprocessing, Target

MOST_STEPS = 20
MOST_LEVEL = 255
CURVE = tuple(i / 3 for i in range(7))
"""The sizes at which the curve is computed, in units of epsilon: the fourth is epsilon itself. Each takes one pass."""

NOTHING_TO_FOLLOW = (
    "The gradient of {target} is zero everywhere, so there is no direction to follow and the picture does not change. "
    "Choose another target."
)
TOO_SMALL = (
    "No value changes by more than half a level, which rounds to zero: the picture does not change. Choose a larger "
    "epsilon."
)

Levels = Float[Tensor, "1 c h w"]
"""A picture as the network's channels, 0 to 255."""


@dataclass(frozen=True, slots=True)
class Slope:
    """The target's value and gradient at one picture."""

    value: float
    gradient: Levels
    """Per level."""


@dataclass(frozen=True, slots=True)
class Network:
    """One target of a module, as a function of the picture's levels."""

    module: nn.Module
    target: Target
    """With the predicted class filled in, so that it stays the same class in every step."""
    mean: Tensor
    """Shape (C, 1, 1), as is ``std``."""
    std: Tensor
    seed: int = 0

    @classmethod
    def of(cls, module: nn.Module, target: Target, steps: Preprocessing, like: Tensor, seed: int = 0) -> Network:
        """The network after its preprocessing, for levels of the type and on the device of ``like``."""
        mean, std = (like.new_tensor(numbers)[:, None, None] for numbers in (steps.mean, steps.std))
        return cls(module, target, mean, std, seed)

    def value(self, levels: Levels) -> float:
        """The target at these levels."""
        return float(self._select(self._pass(levels)).item())

    def slope(self, levels: Levels) -> Slope:
        """The target at these levels, and its gradient there.

        Raises:
            Unreachable, QuestionError: as ``slope_of`` does.
        """
        return self.slope_of(self._pass(levels))

    def slope_of(self, trace: Trace) -> Slope:
        """The target in an existing pass, and its gradient at the input.

        Raises:
            Unreachable: no gradient of the target reaches the input.
            QuestionError: the gradient is not finite.
        """
        score = self._select(trace)
        found = differentiate(trace, score, (INPUT,))[INPUT]
        gradient = reached(INPUT, found, self.target) / (MOST_LEVEL * self.std)
        if not torch.isfinite(gradient).all():
            raise QuestionError(
                f"The gradient of {self.target.named()} holds values that are not finite, so it gives no "
                "direction. Choose another target, or find the layer where they first occur on the Gradient flow page."
            )
        return Slope(float(score.item()), gradient)

    def _pass(self, levels: Levels) -> Trace:
        at = self.target.at
        needed = frozenset({INPUT, *([at] if at else ())})
        x = (levels / levels.new_tensor(MOST_LEVEL) - self.mean) / self.std
        until = needed if self.target.may_stop else None
        axes = self.target.needs_axes
        return forward(self.module, x, keep=needed, until=until, seed=self.seed, axes=axes)

    def _select(self, trace: Trace) -> Tensor:
        return targets.select(self.target, trace)[1]


@dataclass(frozen=True, slots=True)
class Followed:
    """What ``follow`` found; see ``PerturbationAnswer``."""

    x: Levels
    """The picture after, as the network gets it."""
    predicted_change: float
    size: float
    cut: int
    notes: tuple[str, ...]
    arrays: dict[str, np.ndarray]


def follow(
    question: PerturbationQuestion,
    module: nn.Module,
    target: Target,
    pixels: Pixels,
    preprocessing: Preprocessing,
    trace: Trace,
) -> Followed:
    """The picture after the question's steps, in whole levels, and the predicted and actual change at each step.

    ``target`` is the question's, with the predicted class filled in, ``trace`` a pass of these pixels. The same
    question gives the same arrays.

    Raises:
        QuestionError: epsilon or the number of steps is out of range, or the gradient is not finite.
        Unreachable: no gradient of the target reaches the input.
    """
    if preprocessing.banded:
        raise QuestionError(
            "A change is measured in levels from 0 to 255 of a picture, and the bands of this image have none. Choose "
            "a model that takes a picture in grey or colours."
        )
    device = trace.values[INPUT].device
    start = torch.from_numpy(images.levels(pixels, preprocessing)[None].astype(np.float32)).to(device)
    _check(question, start.numel())
    norm, epsilon, away = question.norm, question.epsilon, question.away
    network = Network.of(module, target, preprocessing, start, question.seed)
    first = network.slope_of(trace)
    walked = walk(network, start, first, norm, epsilon, question.steps, away)
    planes = in_whole_levels(start, walked.levels, norm, epsilon)
    after = images.from_levels(planes, preprocessing)
    change = torch.from_numpy(planes[None].astype(np.float32)).to(device) - start
    sizes = [share * epsilon for share in CURVE[1:]] if first.gradient.any() else []
    predicted, actual = curve(network, start, first, norm, away, sizes)
    return Followed(
        x=torch.from_numpy(images.normalise(after, preprocessing)).to(device),
        predicted_change=dot(first.gradient, change),
        size=size(change, norm),
        cut=walked.cut,
        notes=_notes(question, target, walked, change),
        arrays={
            "pixels": pixels.copy(),
            "after": after,
            "gradient": first.gradient.cpu().numpy(),
            "curve_size": np.array([0.0, *sizes]),
            "curve_predicted": np.array([0.0, *predicted]),
            "curve_actual": np.array([0.0, *actual]),
            "path_size": walked.sizes,
            "path_predicted": walked.predicted,
            "path_actual": walked.actual,
        },
    )


def _check(question: PerturbationQuestion, numbers: int) -> None:
    most = MOST_LEVEL if question.norm == "max" else int(MOST_LEVEL * numbers**0.5)
    if not 1 <= question.epsilon <= most:
        raise QuestionError(
            f"Epsilon is {question.epsilon}; for this picture and norm it is 1 to {most} levels. Choose one of them."
        )
    if not 1 <= question.steps <= MOST_STEPS:
        raise QuestionError(f"The number of steps is {question.steps}; choose 1 to {MOST_STEPS}.")


def _notes(question: PerturbationQuestion, target: Target, walked: Walk, change: Levels) -> tuple[str, ...]:
    made = len(walked.sizes) - 1
    if not made:
        return (NOTHING_TO_FOLLOW.format(target=target.named()),)
    stopped = (f"After step {made} the gradient is zero everywhere, so no further step is made.",)
    return (*(stopped if made < question.steps else ()), *(() if change.any() else (TOO_SMALL,)))


@dataclass(frozen=True, slots=True)
class Walk:
    """One row for the start and one for each step."""

    levels: Levels
    """The last image, not rounded."""
    sizes: npt.NDArray[np.float64]
    """Size of the change so far, in the norm."""
    predicted: npt.NDArray[np.float64]
    """The predicted change so far, each step with its own gradient: Σ gradient · step."""
    actual: npt.NDArray[np.float64]
    """The actual change of the target so far."""
    cut: int
    """How many values a step clipped at 0 or 255."""


def walk(network: Network, start: Levels, first: Slope, norm: Norm, epsilon: float, steps: int, away: bool) -> Walk:
    """``steps`` steps of size ``epsilon / steps``; fewer where the gradient becomes zero everywhere. ``first`` is the
    slope at ``start``.

    Raises:
        Unreachable, QuestionError: as ``Network.slope`` does.
    """
    levels, cut = start, torch.zeros_like(start, dtype=torch.bool)
    slope, rows = first, [(0.0, 0.0, 0.0)]
    for left in reversed(range(steps)):
        if (way := direction(slope.gradient, norm, away)) is None:
            break
        wanted = levels + (epsilon / steps) * way
        moved = wanted.clamp(0, MOST_LEVEL)
        cut |= wanted != moved
        predicted = rows[-1][1] + dot(slope.gradient, moved - levels)
        levels = moved
        slope = network.slope(levels) if left else Slope(network.value(levels), slope.gradient)
        rows.append((size(levels - start, norm), predicted, slope.value - first.value))
    sizes, predicted_changes, actual_changes = np.array(rows).T
    return Walk(levels, sizes, predicted_changes, actual_changes, int(cut.sum()))


def curve(
    network: Network, start: Levels, first: Slope, norm: Norm, away: bool, sizes: Sequence[float]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """For one step of each size: the change of the target that the gradient predicts, and the actual one.

    The predicted change is gradient · (change after clipping), so the curve bends as more and more values reach 0 or
    255.
    """
    way = direction(first.gradient, norm, away)
    if way is None:
        return np.zeros(len(sizes)), np.zeros(len(sizes))
    moved = [(start + step * way).clamp(0, MOST_LEVEL) for step in sizes]
    predicted = [dot(first.gradient, levels - start) for levels in moved]
    return np.array(predicted), np.array([network.value(levels) - first.value for levels in moved])


def direction(gradient: Levels, norm: Norm, away: bool) -> Levels | None:
    """The change of size 1 in the norm along which the target increases fastest, or decreases fastest with ``away``;
    None for a gradient that is zero everywhere."""
    largest = gradient.abs().max()
    if largest == 0:
        return None
    uphill = gradient.sign() if norm == "max" else _of_length_one(gradient / largest)
    return -uphill if away else uphill


def _of_length_one(gradient: Levels) -> Levels:
    length: Tensor = torch.linalg.vector_norm(gradient)
    return gradient / length


def in_whole_levels(start: Levels, end: Levels, norm: Norm, epsilon: float) -> npt.NDArray[np.uint8]:
    """An 8-bit image near ``end`` whose change from ``start``, itself in whole levels, is at most ``epsilon``. Planes
    of shape (C, H, W).

    Each change is rounded to the nearest whole number. Where that makes an ``l2`` change too long, values that were
    rounded up are rounded down instead, those with the smallest fraction first, until it fits. Where nothing is rounded
    down this is the nearest such image; else a nearer one may exist. No value is off by 1 or more.
    """
    change = _doubles(end - start)[0]
    whole = np.rint(change)
    if norm == "l2":
        excess = np.square(whole).sum() - epsilon**2
        larger = np.flatnonzero(np.abs(whole) > np.abs(change))
        larger = larger[np.argsort(np.abs(change).flat[larger] % 1, kind="stable")]
        saved = np.cumsum(2 * np.abs(whole).flat[larger] - 1)
        back = larger[: np.searchsorted(saved, excess) + 1] if excess > 0 else larger[:0]
        whole.flat[back] -= np.sign(whole.flat[back])
    planes: npt.NDArray[np.uint8] = (_doubles(start)[0] + whole).astype(np.uint8)
    return planes


def size(change: Tensor, norm: Norm) -> float:
    """The largest change of any value (``max``), or the L2 norm of the change (``l2``)."""
    numbers = _doubles(change)
    return float(np.abs(numbers).max() if norm == "max" else np.sqrt(np.square(numbers).sum()))


def dot(gradient: Tensor, change: Tensor) -> float:
    """Gradient · change, in double precision: the first-order prediction of the target's change."""
    return float((_doubles(gradient) * _doubles(change)).sum())


def _doubles(tensor: Tensor) -> npt.NDArray[np.float64]:
    return tensor.detach().cpu().numpy().astype(np.float64)
