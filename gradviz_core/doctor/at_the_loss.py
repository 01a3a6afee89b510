"""What belongs to the loss and no longer to the model: its rectifiers are no units, and where it is flat, the model
need not have a fault."""

from __future__ import annotations

from gradviz_core.doctor import operations as names
from gradviz_core.doctor.flow import Event, Flow, any_edge
from gradviz_core.doctor.recorder import Record
from gradviz_core.doctor.units import LAYERS


def of_loss(record: Record, start: int, held: set[int]) -> frozenset[Event]:
    """The calls from the one with the number ``start`` on that are no layers, and that no layer comes after: none that
    has a layer's name, or is given one of the parameters, whose values are ``held``."""
    events = record.events[start:]
    layers = {event for event in events if event.name in LAYERS or not held.isdisjoint(event.inputs)}
    before = record.flow.before({number for event in layers for number in event.inputs}, any_edge)
    return frozenset(event for event in events if event not in layers and before.isdisjoint(event.outputs))


def is_flat(event: Event, flow: Flow) -> bool:
    """Whether a call of the loss whose derivative is zero is content, all zero itself: a margin that is met, a
    prediction that equals its target, labels of which none counts.

    A product is, only where all its factors that move are zero: the square of a difference, and not the weight of a
    term. A log-softmax is never zero, and flat only where it is what it should be.
    """
    if event.name in names.SUMMING:
        moving = [number for number in event.inputs if flow.leaves(flow.before([number], any_edge))]
        return bool(moving) and all(flow.values[number].zero for number in moving)
    return event.name == "log_softmax" or all(flow.values[number].zero for number in event.outputs)
