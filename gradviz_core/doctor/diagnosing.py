"""From one pass, forward and back, to the findings."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from gradviz_core.doctor import depth, notes, reasons, recurrence, words
from gradviz_core.doctor.cuts import Cut, cuts
from gradviz_core.doctor.examination import Pass, run
from gradviz_core.doctor.flow import Event, Place, any_edge, is_open
from gradviz_core.doctor.report import Found, above, explained, finding, in_order, of_layers, of_leaves, owner
from gradviz_core.doctor.reruns import Effects, link_numbers
from gradviz_core.doctor.saved import Overwritten
from gradviz_core.doctor.subject import Loss, Model
from gradviz_core.doctor.way_back import Slopes, norm, way_back
from gradviz_core.doctor.words import RAISES, UNNOTICED, listed
from gradviz_core.tracing.trace import Inputs
from gradviz_core.types.findings import Cause, Diagnosis, Finding, Level

_ALWAYS_BROKEN: frozenset[Cause] = frozenset({"not_finite", "in_place_needed"})
"""Whoever loses a gradient by it."""


def diagnose(model: Model, x: Inputs, loss: Loss | None = None) -> Diagnosis:
    """Why a gradient of ``loss(model(x))`` is missing, zero or not finite; in order of execution, with the line.

    ``model`` is any module, or a plain function. ``x`` is what it takes, as in ``trace.gradients``, and is given a
    gradient to require; several inputs go into a tuple. ``loss`` takes what the model returns and gives a tensor with
    one number; without it, all that the model returns is summed up, with weights from 1/2 to 3/2. The model runs in the
    mode it is in, on a copy. What cannot be copied runs itself: a plain function, a loss, a module that one of them or
    a hook leads back to. The weights, buffers, flags, ``.grad``, modes and random numbers that they reach are put back;
    what they write elsewhere (a list in a closure, an attribute of a plain object, a file) is not.

    Raises:
        QuestionError: the model cannot be copied, or fails on ``x``; the loss is no single number; PyTorch has no
            derivative for an operation.
    """
    rerun = partial(run, model, x, loss)
    done = rerun()
    if done.loss is None:
        return Diagnosis(_ordered(done, _refused(done)), (), (), math.nan, len(done.record.events))
    link_numbers(done, rerun)
    back = way_back(done)
    flat = reasons.flat(done, back)
    found = [
        *_refused(done),
        *_cuts_and_overwritten(done, back, Effects(done, rerun).matter),
        *flat,
        *_units(done, back, explained(flat)),
        *_exploding_or_not_finite(done, back),
        *_frozen(done),
        *notes.of_what_is_given(done),
        *notes.unregistered(done, back),
    ]
    for more in (_unused, reasons.missing, reasons.zeros, _vanishing):
        found += more(done, back, found)
    return Diagnosis(
        findings=_ordered(done, found),
        leaves=of_leaves(done, back),
        layers=of_layers(done),
        loss=float(done.loss.detach()),
        operations=len(done.record.events),
    )


def _ordered(done: Pass, found: Sequence[Found]) -> tuple[Finding, ...]:
    """In order of execution; nothing need be wrong where all that is lost are inputs that no one asked about."""
    return tuple(_unless_unasked(done, one) for _, one in sorted(found, key=lambda pair: pair[0]))


def _unless_unasked(done: Pass, one: Finding) -> Finding:
    if one.level != "broken" or not one.lost or done.asked.intersection(one.lost) or one.cause in _ALWAYS_BROKEN:
        return one
    said = f"{one.sentence} No gradient of {listed(one.lost)} was requested, so this may be intended."
    return replace(one, level="partial" if one.weakened else "note", sentence=said)


def _refused(done: Pass) -> list[Found]:
    return [finding("in_place_leaf", "broken", event, [name] if name else []) for event, name in done.record.refused]


def _cuts_and_overwritten(done: Pass, back: Slopes, check: Callable[[Collection[int]], bool]) -> list[Found]:
    """A write through ``.data`` may be both, and is one finding."""
    cut, spoilt = _cuts(done, back, check), done.saved.overwritten()
    alone = [reported for way, reported in cut if not any(_cuts_too(done, one.writer, way) for one in spoilt)]
    return [*alone, *_overwritten(done, spoilt, cut)]


def _cuts_too(done: Pass, writer: Event, way: Cut) -> bool:
    """Whether a write, or the ``.detach()`` on its line that it writes through, is what detaches a value."""
    through = done.record.flow.values[writer.inputs[0]].event if writer.inputs else None
    on_its_line = through is not None and through.place == writer.place and through in way.events
    return way.cause == "detach" and (writer in way.events or on_its_line)


def _cuts(done: Pass, back: Slopes, check: Callable[[Collection[int]], bool]) -> list[tuple[Cut, Found]]:
    """A name whose gradient came all the same is not lost: then there is a way that was not seen."""
    found = []
    taken = {one.number: one.event for one in done.record.taken}
    for cut in cuts(done.record.flow, done.loss_number, taken, check):
        lost = [name for name in cut.lost if back.states[name] != "finite"]
        if lost or not cut.lost:
            level: Level = "broken" if lost else "partial"
            trip = cut.out[0] if cut.cause == "detach" and cut.out else None
            more = words.round_trip(trip) if trip else cut.events[0].switch if cut.cause == "no_grad" else ""
            fix = words.repair("rewrapped", "") if trip else ""
            said = finding(cut.cause, level, cut.events[0], lost, cut.weakened, more=more, repair=fix)
            found.append((cut, said))
    return found


def _overwritten(done: Pass, spoilt: Sequence[Overwritten], cut: Sequence[tuple[Cut, Found]]) -> list[Found]:
    found: dict[Place, Found] = {}
    for one in spoilt:
        also = [reported for way, (_, reported) in cut if _cuts_too(done, one.writer, way)]
        more = " ".join([RAISES if one.noticed else UNNOTICED, *([words.WRITTEN] if also else [])])
        by = one.saved_by
        if by is not None and by.place.line:
            more = f"It was saved by {by.name} at {Path(by.place.file).name}:{by.place.line}. {more}".strip()
        lost = [*above(done, by.outputs if by else ()), *(name for reported in also for name in reported.lost)]
        weakened = [name for reported in also for name in reported.weakened if name not in lost]
        said = finding("in_place_needed", "broken", one.writer, lost, weakened, more=more)
        found.setdefault(one.writer.place, said)
    return list(found.values())


def _units(done: Pass, back: Slopes, known: Collection[str]) -> list[Found]:
    """``known`` are those whose gradient is zero by a reason nearer to the loss; only what is all dead adds another."""
    open_way = done.record.flow.before([done.loss_number], is_open)
    found = []
    for event, share in done.activations:
        if not share.too_much or open_way.isdisjoint(event.outputs):
            continue
        before = above(done, event.outputs)
        lost = [name for name in before if back.states[name] == "zero"]
        lost += reasons.zero_after(done, back, event) if share.cause == "dead" else []
        all_dead = share.cause == "dead" and share.share == 1
        lost = lost if all_dead else [name for name in lost if name not in known]
        weakened = [name for name in before if back.states[name] == "finite"]
        if not lost and (share.by_chance or not weakened):
            continue
        more = f"That is {share.share:.0%} of {share.units}."
        if share.by_chance:
            more += " They are so few that they may be active for another batch."
        level: Level = "broken" if lost and not share.by_chance else "partial"
        found.append(finding(share.cause, level, event, lost, weakened, more=more))
    return found


def _frozen(done: Pass) -> list[Found]:
    goes_in = done.record.flow.before([done.loss_number], any_edge)
    names = [
        name
        for name in in_order(done)
        if not done.trains[name] and name in done.parameters and done.numbers[name] in goes_in
    ]
    if not names:
        return []
    first = done.record.first_use.get(done.numbers[names[0]])
    return [finding("frozen", "note", first, names, where=owner(names[0]))]


def _unused(done: Pass, back: Slopes, found: Sequence[Found]) -> list[Found]:
    """What nothing of any kind leads from to the loss."""
    goes_in = done.record.flow.before([done.loss_number], any_edge)
    known = explained(found)
    idle = [
        name
        for name in done.leaves
        if done.trains[name]
        and back.gradients[name] is None
        and done.numbers[name] not in goes_in
        and name not in known
    ]
    alive = set(done.leaves).difference(idle)
    groups: dict[str, list[str]] = {}
    for name in idle:
        groups.setdefault(_idle_part(name, alive), []).append(name)
    uses = {part: [done.record.first_use.get(done.numbers[name]) for name in names] for part, names in groups.items()}
    return [
        finding("unused", "note", next((event for event in uses[part] if event is not None), None), names, where=part)
        for part, names in groups.items()
    ]


def _idle_part(name: str, alive: Collection[str]) -> str:
    """The largest module that a parameter belongs to in which no parameter is alive."""
    parts = name.split(".")
    paths = [".".join(parts[:count]) for count in range(1, len(parts))]
    return next((path for path in paths if not any(one.startswith(f"{path}.") for one in alive)), owner(name))


# ------------------------------------------------------------------------------------------- how sizes go along the way


def _exploding_or_not_finite(done: Pass, back: Slopes) -> list[Found]:
    """Gradients that overflow because they explode have one reason, and not two."""
    bad = reasons.not_finite(done, back)
    layers = sorted(back.sizes, key=lambda event: event.number)
    growth = depth.ratio([back.sizes[event] for event in layers])
    if not depth.explodes(growth) or not done.record.flow.values[done.loss_number].finite:
        return bad
    lost = [name for name in in_order(done) if back.states[name] == "not_finite"]
    more = f"At the outputs of the first layers they are {growth:.0e} times as large as at the last."
    if lost:
        more = f"From the last layers on they grow {growth:.0e} times as large and then overflow their dtype."
    level: Level = "broken" if lost else "partial"
    first = {number for event in layers[: max(1, len(layers) // 4)] for number in event.inputs}
    weakened = [name for name in _weights(done) if done.numbers[name] in first and back.states[name] == "finite"]
    return [finding("exploding", level, layers[0], lost, weakened, more=more)]


def _vanishing(done: Pass, back: Slopes, found: Sequence[Found]) -> list[Found]:
    if any(one.cause in ("not_finite", "exploding", "vanishing") for _, one in found):
        return []
    sizes = {
        name: norm(slope) for name in _weights(done) if (slope := back.gradients[name]) is not None and slope.numel()
    }
    sizes = {name: size / math.sqrt(done.leaves[name].numel()) for name, size in sizes.items() if size}
    share = depth.ratio(list(sizes.values()))
    if not depth.vanishes(share):
        return recurrence.vanishing(done, back, _weights(done))
    first = list(sizes)[: len(sizes) // 4]
    more = f"At the first weights they are {share:.0e} times as large as at the last."
    return [finding("vanishing", "partial", done.record.first_use.get(done.numbers[first[0]]), (), first, more=more)]


def _weights(done: Pass) -> list[str]:
    """The parameters that are no biases, in order of first use."""
    return [name for name in in_order(done) if done.leaves[name].dim() > 1 and name in done.parameters]
