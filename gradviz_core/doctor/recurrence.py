"""Gradients that vanish along the calls of one weight: a recurrent network, whose first steps hardly count.

The gradient of a weight is the sum of what each of its calls adds. The ratio is that of the largest entries of what
the first and the last quarter of the calls add, in order of execution (``depth.py``). Only the last call and those that
it is computed from are compared: what lies beside has a size of its own. What adds exactly zero is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradviz_core.doctor import depth, words
from gradviz_core.doctor.examination import Pass
from gradviz_core.doctor.flow import Event, Place, is_open
from gradviz_core.doctor.report import Found, finding
from gradviz_core.doctor.way_back import Slopes


def vanishing(done: Pass, back: Slopes, weights: Sequence[str]) -> list[Found]:
    """One finding for each place where the last of the calls stands: a cell has several weights."""
    chains: dict[Place, dict[str, dict[Event, float]]] = {}
    for name in weights:
        added = _in_a_row(done, back.graph.added(done.leaves[name]))
        if depth.vanishes(depth.ratio(list(added.values()))):
            chains.setdefault(list(added)[-1].place, {})[name] = added
    return [_found(of_weight) for of_weight in chains.values()]


def _found(chain: dict[str, dict[Event, float]]) -> Found:
    longest = max(chain.values(), key=len)
    share = depth.ratio(list(longest.values()))
    more = words.of_calls(len(longest), share)
    return finding("vanishing", "partial", next(iter(longest)), (), chain, more=more, repair=words.RECURRENT)


def _in_a_row(done: Pass, added: dict[Event, float]) -> dict[Event, float]:
    """Of the calls, in order of execution, the last and those before that it is computed from."""
    calls = sorted((event for event, size in added.items() if size), key=lambda event: event.number)
    if len(calls) < depth.FEWEST_LAYERS:
        return {}
    before = done.record.flow.before(calls[-1].inputs, is_open)
    row = [event for event in calls[:-1] if not before.isdisjoint(event.outputs)]
    return {event: added[event] for event in [*row, calls[-1]]}
