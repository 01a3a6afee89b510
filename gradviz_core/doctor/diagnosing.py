"""From one pass, forward and back, to the findings."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from pathlib import Path

from torch import Tensor

from gradviz_core.doctor import depth, words
from gradviz_core.doctor.arguments import values_of
from gradviz_core.doctor.cuts import cuts
from gradviz_core.doctor.examination import Pass, Slopes, run, way_back
from gradviz_core.doctor.flow import Event, Place, any_edge, is_open
from gradviz_core.doctor.reruns import Effects, link_numbers
from gradviz_core.doctor.subject import Loss, Model
from gradviz_core.doctor.units import RECTIFIERS
from gradviz_core.findings import Cause, Diagnosis, Finding, LayerReport, LeafReport, Level
from gradviz_core.sites import in_words
from gradviz_core.trace import Inputs
from gradviz_core.types import Site

_LAST = 10**9
Found = tuple[int, Finding]
"""When it happened, and what."""


def diagnose(model: Model, x: Inputs, loss: Loss | None = None) -> Diagnosis:
    """Why a gradient of ``loss(model(x))`` is missing, zero or not finite; in order of execution, with the line.

    ``model`` is any module, or a plain function. ``x`` is used as it is, and is given a gradient to require; several
    inputs go into a tuple. ``loss`` takes what the model returns and gives a tensor with one number; without it, all
    that the model returns is summed up, with weights from 1/2 to 3/2. The model runs in the mode it is in, on a copy.
    What cannot be copied runs itself: a plain function, a loss, a module that one of them or a hook leads back to. The
    weights, buffers, flags, ``.grad``, modes and random numbers that they reach are put back; what they write elsewhere
    (a list in a closure, an attribute of a plain object, a file) is not.

    Raises:
        QuestionError: the model cannot be copied, or fails on ``x``; the loss is no single number; PyTorch has no
            derivative for an operation.
    """
    rerun = partial(run, model, x, loss)
    done = rerun()
    if done.loss is None:
        return Diagnosis(tuple(f for _, f in _refused(done)), (), (), math.nan, len(done.record.events))
    link_numbers(done, rerun)
    back = way_back(done)
    found = [
        *_refused(done),
        *_cuts(done, Effects(done, rerun).matter),
        *_overwritten(done),
        *_units(done, back),
        *_not_finite(done, back),
        *_frozen(done),
    ]
    found += _unused(done, back, found)
    found += _zeros(done, back, found)
    found += _trend(done, back, found)
    return Diagnosis(
        findings=tuple(finding for _, finding in sorted(found, key=lambda one: one[0])),
        leaves=_leaves(done, back),
        layers=tuple(_layer(event, share.units, share.share, share.places) for event, share in done.record.activations),
        loss=float(done.loss.detach()),
        operations=len(done.record.events),
    )


# ------------------------------------------------------------------------------------------------------- the findings


def _finding(
    cause: Cause,
    level: Level,
    event: Event | None,
    lost: Iterable[str] = (),
    weakened: Iterable[str] = (),
    where: str = "",
    more: str = "",
) -> Found:
    place = event.place if event is not None else Place()
    lost, weakened = tuple(dict.fromkeys(lost)), tuple(dict.fromkeys(weakened))
    finding = Finding(
        cause=cause,
        level=level,
        where=where or _module(place),
        file=Path(place.file).name,
        line=place.line,
        text=place.text,
        lost=lost,
        weakened=weakened,
        sentence=words.sentence(cause, level, lost, weakened, more),
        repair=words.repair(cause),
    )
    return (event.number if event is not None else _LAST), finding


def _module(place: Place) -> str:
    if place.module is None:
        return "outside any module"
    return in_words(Site(place.module)) if place.module else "the model itself"


def _refused(done: Pass) -> list[Found]:
    return [_finding("in_place_leaf", "broken", event, [name] if name else []) for event, name in done.record.refused]


def _cuts(done: Pass, check: Callable[[Collection[int]], bool]) -> list[Found]:
    found = cuts(done.record.flow, done.loss_number, check)
    return [
        _finding(cut.cause, "broken" if cut.lost else "partial", cut.events[0], cut.lost, cut.weakened) for cut in found
    ]


def _overwritten(done: Pass) -> list[Found]:
    found: dict[Place, Found] = {}
    for one in done.saved.overwritten():
        more = "" if one.noticed else "Through .data PyTorch does not notice: no error, and a wrong gradient."
        by = one.saved_by
        if by is not None and by.place.line:
            more = f"It was kept by {by.name} at {Path(by.place.file).name}:{by.place.line}. {more}".strip()
        lost = _above(done, one.saved_by.outputs if one.saved_by else ())
        found.setdefault(one.writer.place, _finding("in_place_needed", "broken", one.writer, lost, more=more))
    return list(found.values())


def _units(done: Pass, back: Slopes) -> list[Found]:
    goes_in = done.record.flow.before([done.loss_number], any_edge)
    found = []
    for event, share in done.record.activations:
        if not share.too_much or goes_in.isdisjoint(event.outputs):
            continue
        above = _above(done, event.outputs)
        lost = [name for name in above if back.states[name] == "zero"]
        weakened = [name for name in above if back.states[name] == "finite"]
        cause: Cause = "dead" if event.name in RECTIFIERS else "saturated"
        more = f"That is {share.share:.0%} of {share.units}."
        found.append(_finding(cause, "broken", event, lost, weakened, more=more))
    return found


def _not_finite(done: Pass, back: Slopes) -> list[Found]:
    flow = done.record.flow
    reached = [name for name in done.leaves if back.states[name] == "not_finite"]
    if flow.values[done.loss_number].finite and not reached:
        return []
    origins: dict[Event | None, list[str]] = {}
    starts = [done.loss_number] if not flow.values[done.loss_number].finite else []
    for event in [] if starts else back.not_finite:
        bad = [number for number in event.inputs if not flow.values[number].finite]
        starts += bad
        if not bad:
            origins[event] = reached
    for number in flow.before(starts, lambda edge: not flow.values[edge.source].finite):
        sources = [edge.source for edge in flow.into[number] if not flow.values[edge.source].finite]
        if not sources:
            origins[flow.values[number].event] = reached
    held = [name for name, number in done.numbers.items() if not flow.values[number].finite]
    if None in origins and held:
        del origins[None]
        origins_of_leaves = [_finding("not_finite", "broken", None, reached, where=name) for name in held]
    else:
        origins_of_leaves = []
    by_place = {event.place if event else None: (event, names) for event, names in reversed(origins.items())}
    return [*origins_of_leaves, *(_finding("not_finite", "broken", event, names) for event, names in by_place.values())]


def _frozen(done: Pass) -> list[Found]:
    goes_in = done.record.flow.before([done.loss_number], any_edge)
    names = [
        name
        for name in _in_order(done)
        if not done.trains[name] and name in done.parameters and done.numbers[name] in goes_in
    ]
    if not names:
        return []
    first = done.record.first_use.get(done.numbers[names[0]])
    return [_finding("frozen", "note", first, names, where=_owner(names[0]))]


def _unused(done: Pass, back: Slopes, found: Sequence[Found]) -> list[Found]:
    explained = {name for _, finding in found for name in finding.lost}
    alive = {n for n in done.leaves if not (done.trains[n] and back.gradients[n] is None)} | explained
    groups: dict[str, list[str]] = {}
    for name in [name for name in done.leaves if name not in alive]:
        groups.setdefault(_idle_part(name, alive), []).append(name)
    uses = {owner: [done.record.first_use.get(done.numbers[name]) for name in names] for owner, names in groups.items()}
    return [
        _finding("unused", "note", next((e for e in uses[owner] if e is not None), None), names, where=owner)
        for owner, names in groups.items()
    ]


def _zeros(done: Pass, back: Slopes, found: Sequence[Found]) -> list[Found]:
    """Gradients of zero that nothing explains yet, with the function where they became zero."""
    explained = {name for _, finding in found for name in finding.lost}
    zero = {name for name in done.leaves if back.states[name] == "zero"} - explained
    by_place: dict[Place, Found] = {}
    for event in sorted(back.zero, key=lambda event: event.number):
        if lost := [name for name in _above(done, event.outputs) if name in zero]:
            by_place[event.place] = _finding("zero_derivative", "broken", event, lost)
    return list(by_place.values())


def _trend(done: Pass, back: Slopes, found: Sequence[Found]) -> list[Found]:
    if any(finding.cause == "not_finite" for _, finding in found):
        return []
    layers = sorted(back.sizes, key=lambda event: event.number)
    at_values = depth.ratio([back.sizes[event] for event in layers])
    weights = [name for name in _in_order(done) if done.leaves[name].dim() > 1 and name not in _inputs(done)]
    slopes = [(name, slope) for name in weights if (slope := back.gradients[name]) is not None]
    at_weights = depth.ratio([_root_mean_square(slope) for _, slope in slopes])
    cause = depth.trend(at_values, at_weights)
    if cause is None:
        return []
    first = [name for name, _ in slopes[: max(1, len(slopes) // 4)]]
    more = (
        f"At the first weights they are {at_weights:.0e} times as large as at the last."
        if cause == "vanishing"
        else f"At what the first layers return they are {at_values:.0e} times as large as at the last."
    )
    where = done.record.first_use.get(done.numbers[first[0]]) if first else layers[0]
    return [_finding(cause, "partial", where, (), first, more=more)]


# -------------------------------------------------------------------------------------------------------- the figures


def _above(done: Pass, numbers: Collection[int]) -> list[str]:
    """Leaves from which a gradient would come to these values."""
    return done.record.flow.leaves(done.record.flow.before(numbers, is_open))


def _root_mean_square(slope: Tensor) -> float:
    """Of all its numbers, those that a sparse tensor leaves out among them."""
    return float((values_of(slope).pow(2).sum() / slope.numel()).sqrt())


def _owner(name: str) -> str:
    """The module that a parameter belongs to; an input by its own name."""
    owner, _, _ = name.rpartition(".")
    return owner or name


def _idle_part(name: str, alive: Collection[str]) -> str:
    """The largest module that a parameter belongs to in which no parameter is alive."""
    parts = name.split(".")
    paths = [".".join(parts[:count]) for count in range(1, len(parts))]
    return next((path for path in paths if not any(one.startswith(f"{path}.") for one in alive)), _owner(name))


def _in_order(done: Pass) -> list[str]:
    """Names of leaves in order of first use; those never used last."""

    def when(name: str) -> int:
        event = done.record.first_use.get(done.numbers[name])
        return _LAST if event is None else event.number

    return sorted(done.leaves, key=when)


def _leaves(done: Pass, back: Slopes) -> tuple[LeafReport, ...]:
    inputs = _inputs(done)
    names = [*inputs, *(name for name in _in_order(done) if name not in inputs)]
    return tuple(
        LeafReport(
            name=name,
            shape=tuple(done.leaves[name].shape),
            trains=done.trains[name],
            gradient=back.states[name],
            norm=math.nan if (slope := back.gradients[name]) is None else float(slope.norm()),
        )
        for name in names
    )


def _inputs(done: Pass) -> list[str]:
    return [name for name in done.leaves if name not in done.parameters]


def _layer(event: Event, count: int, share: float, places: int) -> LayerReport:
    place = event.place
    return LayerReport(_module(place), event.name, Path(place.file).name, place.line, count, share, places)
