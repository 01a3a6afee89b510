"""Runs with one value changed a little, to see what depends on it where no record can: through Python's numbers.

A number that is taken out for a log changes nothing later. One that comes back as data does, and then its way is a path
on which the gradient was lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from gradviz_core.doctor.arguments import map_numbers, tensors_in
from gradviz_core.doctor.examination import Pass
from gradviz_core.doctor.flow import Edge, Event, Place
from gradviz_core.doctor.operations import DETACH
from gradviz_core.doctor.recorder import Nudge
from gradviz_core.tracing.nested import map_tensors
from gradviz_core.tracing.torch_private.versions import viewed

Rerun = Callable[[Nudge | None], Pass]
_MOST_RERUNS = 8
_STEP = 1e-2
_NO_CHANGE = 1e-6
"""Relative to the loss: less is rounding."""
_ABOVE_NOISE = 10.0
_ROUNDED_RUNS, _NOISY_RUNS = 2, 5
"""More where the model draws numbers that cannot be held still: the largest of a few is not small by chance."""


def link_numbers(done: Pass, rerun: Rerun) -> None:
    """Join each number that was taken out to whatever was later computed from it."""
    if not done.record.taken:
        return
    unsteady = _changed(done, rerun(None))
    places = list(dict.fromkeys(taken.event.place for taken in done.record.taken))
    alone, together = places[: _MOST_RERUNS - 1], places[_MOST_RERUNS - 1 :]
    for group in [[place] for place in alone] + ([together] if together else []):
        for number in _changed(done, rerun(_numbers_at(group))) - unsteady:
            _link(done, group, done.record.events[number])


def _numbers_at(places: Collection[Place]) -> Nudge:
    def nudge(event: Event, result: Any) -> Any:
        return map_numbers(result, _a_thousandth_more) if event.place in places else result

    return nudge


def _a_thousandth_more(number: Any) -> Any:
    return number * (1 + 1e-3) + 1e-6


def _changed(done: Pass, other: Pass) -> set[int]:
    """The calls that were given other numbers, as long as both passes take the same way."""
    changed = set()
    for one, two in zip(done.record.events, other.record.events, strict=False):
        if one.name != two.name:
            break
        if one.numbers != two.numbers:
            changed.add(one.number)
    return changed


def _link(done: Pass, places: Collection[Place], event: Event) -> None:
    for taken in done.record.taken:
        if taken.event.place in places and taken.event.number < event.number:
            for output in event.outputs:
                done.record.flow.join(Edge(taken.number, output))


class Effects:
    """Whether the loss depends on what some calls return, beyond rounding and beyond noise of its own."""

    def __init__(self, done: Pass, rerun: Rerun) -> None:
        self._done, self._rerun = done, rerun

    def matter(self, events: Collection[int]) -> bool:
        """Whether the loss changes when what these calls return does by a hundredth or so.

        It does not where the way of a value is without effect: the largest score, detached, that a softmax subtracts.
        """
        return any(self._moves(events, turn) for turn in range(2))

    def _moves(self, events: Collection[int], turn: int) -> bool:
        def nudge(event: Event, result: Any) -> Any:
            if event.number not in events:
                return result
            return map_numbers(_map_floating(result, lambda one: _uneven(one, _STEP, turn)), _a_thousandth_more)

        before = self._loss(self._done)
        change = abs(self._loss(self._rerun(nudge)) - before)
        return not change <= _NO_CHANGE * abs(before) and not change <= _ABOVE_NOISE * self._noise

    @cached_property
    def _noise(self) -> float:
        """How far the loss moves when nothing does, or every result by its own rounding."""
        before = self._loss(self._done)
        alone = abs(self._loss(self._rerun(None)) - before)
        count = _ROUNDED_RUNS if alone == 0 else _NOISY_RUNS
        rounded = [abs(self._loss(self._rerun(_rounded(turn))) - before) for turn in range(count)]
        return max((change for change in (alone, *rounded) if math.isfinite(change)), default=0.0)

    @staticmethod
    def _loss(one: Pass) -> float:
        return math.nan if one.loss is None else one.loss.item()


def _rounded(turn: int) -> Nudge:
    """Every newly made value wrong by one unit in its last place or so; views are left alone, what they share too."""

    def change(tensor: Tensor) -> Tensor:
        return tensor if viewed(tensor) is not None else _uneven(tensor, torch.finfo(tensor.dtype).eps, turn)

    def nudge(event: Event, result: Any) -> Any:
        return result if event.name in DETACH else _map_floating(result, change)

    return nudge


def _map_floating(result: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """What a call returned, with each tensor in it changed that does not hold whole numbers."""
    if not any(tensor.is_floating_point() or tensor.is_complex() for tensor in tensors_in(result)):
        return result
    return map_tensors(result, lambda _, one: change(one) if one.is_floating_point() or one.is_complex() else one)


def _uneven(tensor: Tensor, size: float, turn: int = 0) -> Tensor:
    """Each number changed by up to its ``size``-th part, neighbours differently."""
    flat = tensor.detach().flatten()
    pattern = flat.new_tensor([1.0, -0.6, 0.3, -0.9, 0.7]).roll(turn)
    steps = pattern.repeat(flat.numel() // 5 + 1)[: flat.numel()]
    return (flat + size * steps * flat).reshape(tensor.shape)
