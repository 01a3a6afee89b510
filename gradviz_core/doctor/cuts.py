"""Which of the cuts matter, and to whom."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from gradviz_core.doctor.flow import Edge, Event, Flow, any_edge, is_open
from gradviz_core.types.findings import Cause

SOFT: frozenset[Cause | None] = frozenset({"detach", "no_grad", "rewrapped"})
"""Cuts of a way that has a derivative. Behind the others the true derivative is zero or undefined, so that cutting one
way of several takes nothing away: a mask made by a comparison is no mistake."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A place where gradients end that would have gone on to a parameter or input."""

    cause: Cause
    events: tuple[Event, ...]
    lost: tuple[str, ...]
    weakened: tuple[str, ...]
    out: tuple[Event, ...]
    """The calls that take its result out of torch, where it comes to the loss on no other way."""


def cuts(flow: Flow, loss: int, taken: Mapping[int, Event], matters: Callable[[Collection[int]], bool]) -> list[Cut]:
    """The cuts between the leaves and the loss.

    A cut counts where its result goes into the loss. Of the parameters and inputs from which a gradient would come to
    it, those without any open way to the loss are lost; where there are none, the cut counts only if it is soft and,
    as ``matters`` says, the loss depends on that way. ``taken`` has the calls that take numbers out of torch.
    """
    goes_in, open_way = flow.before([loss], any_edge), flow.before([loss], is_open)
    smooth_way = flow.before([loss], lambda edge: edge.cause is None or edge.cause in SOFT)
    groups: dict[object, list[Edge]] = {}
    for edge in flow.edges:
        if edge.cause is not None and edge.target in goes_in:
            groups.setdefault(_group(edge), []).append(edge)
    found: list[tuple[Cut, bool]] = []
    for edges in groups.values():
        above = flow.before({edge.source for edge in edges}, is_open)
        lost = flow.leaves(above - open_way)
        weakened = flow.leaves(above & open_way)
        smooth = edges[0].cause in SOFT and any(edge.target in smooth_way for edge in edges)
        assert edges[0].cause is not None
        events = tuple(dict.fromkeys(edge.event for edge in edges if edge.event is not None))
        out = _taken_out(flow, loss, {edge.target for edge in edges}, taken)
        found.append((Cut(edges[0].cause, events, tuple(lost), tuple(weakened), out), smooth))
    explained = {name for cut, smooth in found if smooth for name in cut.lost}
    return [cut for cut, smooth in found if _counts(cut, smooth, explained, matters)]


def _taken_out(flow: Flow, loss: int, cut: set[int], taken: Mapping[int, Event]) -> tuple[Event, ...]:
    in_torch = flow.before([loss], lambda edge: edge.source not in taken)
    if not cut.isdisjoint(in_torch):
        return ()
    goes_in = flow.before([loss], any_edge)
    return tuple(
        event
        for number, event in taken.items()
        if number in goes_in and not cut.isdisjoint(flow.before([number], any_edge))
    )


def _group(edge: Edge) -> object:
    """One finding for a line and cause, and for a stretch without recording."""
    assert edge.event is not None
    return (edge.cause, edge.event.region) if edge.cause == "no_grad" else (edge.cause, edge.event.place)


def _counts(cut: Cut, smooth: bool, explained: set[str], matters: Callable[[Collection[int]], bool]) -> bool:
    if cut.lost:
        return smooth or not explained.issuperset(cut.lost)
    by_torch = all(event.place.by_torch for event in cut.events)
    return smooth and bool(cut.weakened) and not by_torch and matters({event.number for event in cut.events})
