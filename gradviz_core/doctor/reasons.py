"""Why a gradient that came back is zero or not finite, and where the way of one that did not come back ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable

from gradviz_core.doctor import operations as names
from gradviz_core.doctor.at_the_loss import is_flat
from gradviz_core.doctor.examination import Pass
from gradviz_core.doctor.flow import Event, Value, any_edge, is_open
from gradviz_core.doctor.report import Found, explained, finding
from gradviz_core.doctor.way_back import MISSING, NOT_FINITE, ZERO, Origin, Slopes
from gradviz_core.doctor.words import listed
from gradviz_core.types.findings import Cause, Gradient, Level

Reason = tuple[Cause, Level, Event | None, str]
"""Cause, level, the call to blame, and what is to be said beyond the cause."""

_UNSEEN = Origin("hook", None, 0.0, 0.0)
_UNDERFLOW = 100
"""A gradient below so many times the smallest normal number may become zero by rounding alone."""


# ---------------------------------------------------------------------------------------------------------------- zero


def zeros(done: Pass, back: Slopes, found: Collection[Found]) -> list[Found]:
    """Gradients of zero that nothing explains yet: the function, the factor or the hook that makes them so."""
    groups: defaultdict[Reason, list[str]] = defaultdict(list)
    for name in _left(done, back, "zero", found):
        for origin in back.graph.origins(done.leaves[name], ZERO) or [_UNSEEN]:
            groups[_why_zero(done, back, origin)].append(name)
    return _one_for_each_place(groups)


def flat(done: Pass, back: Slopes) -> list[Found]:
    """Gradients that are zero for no other reason than that the loss is flat."""
    groups: defaultdict[Reason, list[str]] = defaultdict(list)
    for name in _left(done, back, "zero", ()):
        origins = back.graph.origins(done.leaves[name], ZERO)
        if origins and all(_is_flat(done, origin) for origin in origins):
            for origin in origins:
                groups[_why_zero(done, back, origin)].append(name)
    return _one_for_each_place(groups)


def _is_flat(done: Pass, origin: Origin) -> bool:
    event = origin.event
    return origin.kind == "operation" and event in done.of_loss and is_flat(event, done.record.flow)


def _why_zero(done: Pass, back: Slopes, origin: Origin) -> Reason:
    event = origin.event
    if origin.kind != "operation" or event is None:
        return _between_operations(done, origin)
    if _is_flat(done, origin):
        return "flat_loss", "note", event, ""
    if event.name in names.FLATTENING:
        return "zero_derivative", "broken", event, ""
    if _zero_inputs(done, event) or any(done.record.flow.values[number].zero for number in event.outputs):
        return _zero_factor(done, back, event)
    if origin.incoming < _UNDERFLOW * origin.smallest:
        return "vanishing", "broken", event, "From here on they are too small for their dtype and become zero."
    if event.name in names.SUMMING:
        return "cancels", "note", event, ""
    return "zero_derivative", "broken", event, ""


def zero_after(done: Pass, back: Slopes, event: Event) -> list[str]:
    """Leaves whose gradient is zero because all that ``event`` returned is: what a dead layer feeds learns nothing."""
    found = []
    for name in _left(done, back, "zero", ()):
        origins = back.graph.origins(done.leaves[name], ZERO)
        factors = [_zeros_before(done, origin.event) if origin.event else set() for origin in origins]
        if factors and not any(zero.isdisjoint(event.outputs) for zero in factors):
            found.append(name)
    return found


def _zeros_before(done: Pass, event: Event) -> set[int]:
    """What goes into a call and is zero, and the zeros that it comes from."""
    values = done.record.flow.values
    return done.record.flow.before(_zero_inputs(done, event), lambda edge: values[edge.source].zero)


def _zero_inputs(done: Pass, event: Event) -> list[int]:
    """Of what a call was given, what is zero and may have been multiplied by."""
    values = done.record.flow.values
    zero = [number for number in event.inputs if values[number].zero]
    if event.name not in names.WITH_BIAS:
        return zero
    factors = {number for name, number in done.numbers.items() if "bias" not in name.rpartition(".")[2]}
    return [number for number in zero if values[number].event is not None or number in factors]


def _zero_factor(done: Pass, back: Slopes, event: Event) -> Reason:
    """A factor that is zero, and whether it is a parameter that will not stay so."""
    before = _zeros_before(done, event)
    held = [name for name in done.leaves if name in done.parameters and done.numbers[name] in before]
    factors = [name for name in held if "bias" not in name.rpartition(".")[2]] or held
    if not factors:
        return "zero_factor", "note", event, ""
    learning = [name for name in factors if back.states[name] == "finite"]
    if learning:
        more = (
            f"{listed(learning)} is zero but gets a gradient itself: from the second training step on, this gradient "
            "is not zero either."
        )
        return "zero_factor", "note", event, more
    return "zero_factor", "broken", event, f"{listed(factors)} is zero and gets no gradient, so it stays zero."


def _between_operations(done: Pass, origin: Origin) -> Reason:
    """A hook on a value, or several ways that come together in it."""
    made = set(origin.event.outputs) if origin.event is not None else set()
    for event in done.record.events:
        if event.name == names.HOOK and not made.isdisjoint(event.inputs):
            return "hook", "broken", event, ""
    if origin.kind == "sum":
        return "cancels", "note", origin.event, ""
    return "hook", "broken", origin.event, ""


# ---------------------------------------------------------------------------------------------------------- not finite


def not_finite(done: Pass, back: Slopes) -> list[Found]:
    """Where NaN, or an infinity that nobody put there, first appears; where values are sound, on the way back."""
    values = done.record.flow.values
    reached = [name for name in done.leaves if back.states[name] == "not_finite"]
    if not values[done.loss_number].finite:
        zero = [name for name in done.leaves if back.states[name] == "zero"]  # a gradient of NaN that was masked
        return _of_values(done, [done.loss_number], [*reached, *zero])
    groups: defaultdict[Reason, list[str]] = defaultdict(list)
    bad: dict[int, None] = {}
    for name in reached:
        for origin in back.graph.origins(done.leaves[name], NOT_FINITE) or [_UNSEEN]:
            event = origin.event
            unsound = [number for number in event.inputs if not values[number].sound] if event is not None else []
            bad.update(dict.fromkeys(unsound))
            if origin.kind == "hook" or event is None:
                groups[_between_operations(done, origin)].append(name)
            elif not unsound:
                groups["not_finite", "broken", event, ""] += [name, *zero_after(done, back, event)]
    return [*_of_values(done, bad, reached), *_one_for_each_place(groups)]


def _of_values(done: Pass, starts: Collection[int], lost: Iterable[str]) -> list[Found]:
    """The calls, parameters and inputs from which values that are not finite spread to ``starts``."""
    values = done.record.flow.values
    first = _first(done, starts, lambda value: value.sound) or _first(done, starts, lambda value: value.finite)
    held = [name for name, number in done.numbers.items() if not values[number].finite and number in first]
    events = {event.place: event for number in sorted(first, reverse=True) if (event := values[number].event)}
    found = [finding("not_finite", "broken", None, lost, where=name) for name in held]
    found += [finding("not_finite", "broken", event, lost, more=_of_labels(event)) for event in events.values()]
    return found or ([finding("not_finite", "broken", None, lost)] if first else [])


def _of_labels(event: Event) -> str:
    if event.name not in names.OVER_LABELS:
        return ""
    return "It is 0/0 because ignore_index leaves no label for the mean: skip such a batch."


def _first(done: Pass, starts: Collection[int], well: Callable[[Value], bool]) -> set[int]:
    """Of the values before ``starts`` that are not well, those that come from none that is not."""
    flow = done.record.flow
    ill = flow.before(
        [number for number in starts if not well(flow.values[number])], lambda edge: not well(flow.values[edge.source])
    )
    return {number for number in ill if all(well(flow.values[edge.source]) for edge in flow.into[number])}


# ------------------------------------------------------------------------------------------------------------- missing


def missing(done: Pass, back: Slopes, found: Collection[Found]) -> list[Found]:
    """Gradients that do not come although what they are of goes into the loss: where the way ends."""
    goes_in = done.record.flow.before([done.loss_number], any_edge)
    groups: defaultdict[Reason, list[str]] = defaultdict(list)
    for name in _left(done, back, "none", found):
        if done.trains[name] and done.numbers[name] in goes_in:
            events = [origin.event for origin in back.graph.origins(done.leaves[name], MISSING)]
            for event in events or [_end(done, back, done.numbers[name])]:
                level: Level = "note" if event is not None and event.name == names.DERIVATIVE else "broken"
                groups["no_way_back", level, event, ""].append(name)
    return _one_for_each_place(groups)


def _end(done: Pass, back: Slopes, start: int) -> Event | None:
    """The call at which a way to the loss leaves PyTorch's graph, although nothing is known to cut it there: one that
    computes a derivative, which need not depend on it; else the first that is in the graph without it."""
    flow, reached = done.record.flow, back.graph.reached()
    goes_in = flow.before([done.loss_number], any_edge)
    for event in done.record.events:
        derives = event.name == names.DERIVATIVE and not goes_in.isdisjoint(event.outputs)
        if derives and start in flow.before(event.inputs, is_open):
            return event
    ahead: set[int] = {start}
    last: Event | None = None
    for edge in flow.edges:
        if not is_open(edge) or edge.source not in ahead or edge.target not in goes_in:
            continue
        source, last = flow.values[edge.source], edge.event or flow.values[edge.target].event
        if last in reached:
            return last if source.live or source.event is None else source.event
        ahead.add(edge.target)
    return last


# -------------------------------------------------------------------------------------------------------------- common


def _left(done: Pass, back: Slopes, state: Gradient, found: Collection[Found]) -> list[str]:
    known = explained(found)
    return [name for name in done.leaves if back.states[name] == state and name not in known]


def _one_for_each_place(groups: dict[Reason, list[str]]) -> list[Found]:
    """Findings with the same cause on one line become one, as bad as the worst of them."""
    merged: dict[object, tuple[Reason, list[str]]] = {}
    for reason, lost in groups.items():
        cause, level, event, more = reason
        key = (cause, event.place if event is not None else lost[0], more)
        worst, names_so_far = merged.get(key, (reason, []))
        merged[key] = (reason if level == "broken" else worst, [*names_so_far, *lost])
    return [
        finding(cause, level, event, lost, where="" if event is not None else lost[0], more=more)
        for (cause, level, event, more), lost in merged.values()
    ]
