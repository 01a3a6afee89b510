"""Runs with one value changed a little, to see what depends on it where no record can: through Python's numbers.

A number that is taken out for a log changes nothing later. One that comes back as data does, and then its way is a path
on which the gradient was lost.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from torch import Tensor

from gradviz_core.doctor.arguments import map_numbers
from gradviz_core.doctor.examination import Pass
from gradviz_core.doctor.flow import Edge, Event, Place
from gradviz_core.doctor.recorder import Nudge

Rerun = Callable[[Nudge | None], Pass]
_MOST_RERUNS = 8
_STEP = 1e-2
_NO_CHANGE = 1e-5
"""Relative to the largest output: less is rounding."""


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


def matters(done: Pass, rerun: Rerun, events: Collection[int]) -> bool:
    """Whether the loss changes, beyond rounding, when what these calls return does by a hundredth or so.

    It does not where the way of a value is without effect: the largest score, detached, that a softmax subtracts.
    """

    def nudge(event: Event, result: Any) -> Any:
        if event.number in events and isinstance(result, Tensor) and result.is_floating_point():
            return _uneven(result)
        return map_numbers(result, _a_thousandth_more) if event.number in events else result

    other = rerun(nudge)
    if done.loss is None or other.loss is None:
        return True
    before, after = done.loss.item(), other.loss.item()
    return not abs(after - before) <= _NO_CHANGE * max(done.scale, abs(before))


def _uneven(tensor: Tensor) -> Tensor:
    """Each number changed by up to a hundredth, neighbours differently."""
    flat = tensor.detach().flatten()
    steps = flat.new_tensor([1.0, -0.6, 0.3, -0.9, 0.7]).repeat(flat.numel() // 5 + 1)[: flat.numel()]
    return (flat + _STEP * steps * flat).reshape(tensor.shape)
