"""Units that let no gradient through: a ReLU that gives zero for everything, a sigmoid or tanh that is flat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gradviz_core.doctor.flow import Event, Flow
from gradviz_core.types.findings import Cause

_RECTIFIERS = frozenset({"relu", "relu_", "relu6", "threshold", "threshold_"})
_LOWER_BOUNDS = frozenset({"clamp", "clamp_", "clamp_min", "clamp_min_", "clip", "clip_"})
_LARGER_OF_TWO = frozenset({"maximum", "max"})
_SIGMOIDS, _TANHS = frozenset({"sigmoid", "sigmoid_"}), frozenset({"tanh", "tanh_"})
_HARD = frozenset({"hardtanh", "hardsigmoid"})
ACTIVATIONS = _RECTIFIERS | _LOWER_BOUNDS | _LARGER_OF_TWO | _SIGMOIDS | _TANHS | _HARD
"""Functions that may be one; a clamp or maximum only with a bound of zero, right after a layer."""

_AXES = (
    {"conv1d": -2, "conv_transpose1d": -2, "conv2d": -3, "conv_transpose2d": -3, "conv3d": -4, "conv_transpose3d": -4}
    | dict.fromkeys(("batch_norm", "instance_norm", "group_norm"), 1)
    | dict.fromkeys(("linear", "layer_norm", "matmul", "__matmul__", "__rmatmul__", "mm", "addmm", "bmm"), -1)
)
"""Along which axis the channels or features of what a layer returns lie."""
LAYERS = frozenset(_AXES)
_MOVING = frozenset(
    "transpose transpose_ permute t T mT mH reshape view flatten unflatten squeeze unsqueeze movedim swapaxes einsum "
    "mean sum amax amin max min cat stack __getitem__".split()
)
"""Functions after which an axis may be another one."""
_NEAR = 6

MOST = 0.9
"""From this share on it is a finding."""
ENOUGH_PLACES = 8
"""With fewer numbers for each unit, a ReLU is a finding only where every unit is zero: one image says little."""
ENOUGH_NUMBERS = 8
"""With fewer numbers in all, chance alone may have made them so."""
_FLAT = 1e-3
"""A derivative below this is one of a saturated unit; the largest is 1/4 for a sigmoid and 1 for tanh."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many units let no gradient through."""

    cause: Cause
    units: int
    share: float
    places: int
    numbers: int
    """How many numbers were looked at in all."""

    @property
    def too_much(self) -> bool:
        """Whether it is a finding."""
        return self.share >= (MOST if self.places >= ENOUGH_PLACES else 1.0)

    @property
    def by_chance(self) -> bool:
        """Whether so few numbers may all be zero or flat by chance."""
        return self.numbers < ENOUGH_NUMBERS


def layer_before(flow: Flow, event: Event) -> str | None:
    """The name of the layer right before a call, with nothing but functions of single numbers between."""
    numbers = list(event.inputs)
    for _ in range(_NEAR):
        events = [made for number in numbers if (made := flow.values[number].event) is not None]
        if layer := next((made.name for made in events if made.name in _AXES), None):
            return layer
        numbers = [number for made in events if made.name not in _MOVING for number in made.inputs]
    return None


def measure(
    name: str, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor, layer: str | None
) -> Share | None:
    """The share of units that give no gradient, from how an activation function was called and what it returned; None
    where it is none.

    A unit of a rectifier is a channel or feature, along the axis of the ``layer`` before; where that is unknown, a
    channel of maps (N, C, ...) or the last axis of anything else. It is dead where it is zero for the whole batch at
    every place. For a sigmoid s, whose derivative is s(1 - s), for tanh t, with 1 - t², and for their hard kin, each
    number is a unit.
    """
    ceiling = _ceiling(name, args, kwargs)
    if name in _RECTIFIERS or ceiling is not None or (layer and _bound_is_zero(name, args, kwargs)):
        dim = result.dim()
        axis = _AXES.get(layer or "", 1 if dim >= 4 else -1)
        axis = axis if -dim <= axis < dim else -1
        flat = (result == 0) if ceiling is None else (result == 0) | (result == ceiling)
        flat = flat.reshape(result.shape or (1,))
        rows = flat.movedim(axis, 0).flatten(1) if dim > 1 else flat[:, None]
        return Share("dead", len(rows), float(rows.all(1).float().mean()), rows.shape[1], rows.numel())
    if name in _SIGMOIDS | _TANHS | _HARD:
        share = float(_is_flat(name, args, kwargs, result).float().mean())
        return Share("saturated", result.numel(), share, result.numel(), result.numel())
    return None


def _ceiling(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> float | None:
    """The largest value of a ReLU that has one: ``relu6``, or ``hardtanh`` from zero up, as ``nn.ReLU6`` calls it."""
    if name == "relu6":
        return 6.0
    if name == "hardtanh" and _argument(args, kwargs, 1, "min_val", -1.0) == 0:
        return float(_argument(args, kwargs, 2, "max_val", 1.0))
    return None


def _bound_is_zero(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether a clamp or maximum is a ReLU written another way."""
    if name in _LARGER_OF_TWO:
        other = _argument(args, kwargs, 1, "other")
        return isinstance(other, Tensor) and not other.requires_grad and not bool(other.any())
    bound = _argument(args, kwargs, 1, "min")
    return name in _LOWER_BOUNDS and isinstance(bound, int | float) and bound == 0


def _is_flat(name: str, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> Tensor:
    if name in _HARD:
        low = 0.0 if name == "hardsigmoid" else _argument(args, kwargs, 1, "min_val", -1.0)
        high = 1.0 if name == "hardsigmoid" else _argument(args, kwargs, 2, "max_val", 1.0)
        return (result <= low) | (result >= high)
    slope = result * (1 - result) if name in _SIGMOIDS else 1 - result * result
    return torch.abs(slope) < _FLAT if slope.is_complex() else slope < _FLAT


def _argument(args: Sequence[Any], kwargs: Mapping[str, Any], place: int, name: str, default: object = None) -> Any:
    return args[place] if place < len(args) else kwargs.get(name, default)
