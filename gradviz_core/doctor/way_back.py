"""The backward pass, node by node: what comes to each node of PyTorch's graph, what it hands on, and where on the way
to a parameter a gradient first is missing, zero or not finite."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from gradviz_core.doctor.arguments import largest, values_of
from gradviz_core.doctor.examination import Pass
from gradviz_core.doctor.flow import Event
from gradviz_core.doctor.plain import RAISED, explained
from gradviz_core.doctor.subject import same_random_numbers
from gradviz_core.errors import GradVizError
from gradviz_core.tracing.torch_private.saved import leaf as leaf_of
from gradviz_core.tracing.trace import Trace, differentiate_all
from gradviz_core.types.findings import Gradient

Size = float | None
"""The largest absolute value of a gradient; None where there is none."""
Port = tuple[Any, int]
"""A node of PyTorch's graph, and one of the values that it made."""
Kind: TypeAlias = Literal["operation", "hook", "sum"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What can be wrong with a gradient, and whether one faulty part makes a sum faulty, or only all of them do."""

    bad: Callable[[Size], bool]
    spreads: Callable[[list[bool]], bool]

    def all_of(self, sizes: Sequence[Size]) -> bool:
        """Whether a sum of these has the fault, if nothing else is added."""
        return self.spreads([self.bad(size) for size in sizes])


MISSING = Fault(lambda size: size is None, all)
ZERO = Fault(lambda size: not size, all)
NOT_FINITE = Fault(lambda size: size is not None and not math.isfinite(size), any)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a gradient first becomes faulty, seen from the loss."""

    kind: Kind
    """An operation causes it, something between two operations does, or several paths add up to it."""
    event: Event | None
    """The call whose derivative it is; otherwise the call that made the value. None if it was not seen."""
    incoming: float
    """Largest magnitude of the gradient that arrives."""
    smallest: float
    """The smallest normal number of its type."""


@dataclass(slots=True)
class _Step:
    """One node at work."""

    incoming: list[Size]
    """Gradient with respect to each output of the node."""
    outgoing: list[Size]
    """Gradient with respect to each input of the node."""
    smallest: float


@dataclass(slots=True)
class Graph:
    """PyTorch's graph of the loss, with the gradients that passed through it."""

    made_by: dict[Any, Event]
    steps: dict[Any, _Step] = field(default_factory=dict)
    handed_to: defaultdict[Port, list[Port]] = field(default_factory=lambda: defaultdict(list))
    """For each port, the nodes that hand a gradient on to it, and as which of their results."""
    leaves: dict[int, Port] = field(default_factory=dict)
    """The port of each leaf, by its ``id``."""

    def origins(self, leaf: Tensor, fault: Fault) -> list[Origin]:
        """Where, seen from the loss, the gradient of ``leaf`` becomes faulty; empty if the graph does not show it."""
        start = self.leaves.get(id(leaf))
        found: dict[Origin, None] = {}
        queue, seen = [] if start is None else [start], set()
        while queue:
            port = queue.pop()
            if port in seen:
                continue
            seen.add(port)
            handed = [(node, slot) for node, slot in self.handed_to[port] if node in self.steps]
            sizes = [self.steps[node].outgoing[slot] for node, slot in handed]
            if not sizes or not fault.all_of(sizes):
                found[self._between(port, sizes, fault)] = None
                continue
            for node, slot in handed:
                step = self.steps[node]
                if not fault.bad(step.outgoing[slot]):
                    continue
                if fault.all_of(step.incoming):
                    queue += [(node, number) for number, size in enumerate(step.incoming) if fault.bad(size)]
                else:
                    found[self._origin("operation", node, step.incoming, step.smallest)] = None
        return list(found)

    def added(self, leaf: Tensor) -> dict[Event, float]:
        """The largest entry of what each call that uses ``leaf`` adds to its gradient."""
        found: dict[Event, float] = {}
        for node, slot in self.handed_to.get(self.leaves.get(id(leaf), (None, 0)), ()):
            event, step = self.made_by.get(node), self.steps.get(node)
            if event is not None and step is not None:
                found[event] = max(found.get(event, 0.0), step.outgoing[slot] or 0.0)
        return found

    def reached(self) -> set[Event]:
        """The calls through whose derivatives the gradient of the loss goes."""
        return {self.made_by[node] for node in self.steps if node in self.made_by}

    def _between(self, port: Port, sizes: list[Size], fault: Fault) -> Origin:
        """Sound parts were passed on, but the gradient that arrived is faulty: because of their sum, or of a hook."""
        return self._origin("sum" if len(sizes) > 1 else "hook", port[0], sizes, 0.0)

    def _origin(self, kind: Kind, node: Any, sizes: list[Size], smallest: float) -> Origin:
        if kind == "operation" and node.name().startswith("BackwardHookFunction"):
            kind = "hook"
        return Origin(kind, self.made_by.get(node), max((size or 0.0 for size in sizes), default=0.0), smallest)


@dataclass(slots=True)
class Slopes:
    """What the backward pass gave."""

    gradients: dict[str, Tensor | None]
    states: dict[str, Gradient]
    graph: Graph
    sizes: dict[Event, float] = field(default_factory=dict)
    """2-norm of the gradient at what each call returned, where a weight went in: ‖∂loss/∂layer(x)‖."""


def way_back(done: Pass) -> Slopes:
    """∂loss/∂leaf for every leaf, and what every node on the way got and gave.

    Raises:
        QuestionError: PyTorch has no derivative for an operation; the model uses reentrant checkpointing, or fails.
    """
    found = Slopes(dict.fromkeys(done.leaves), dict.fromkeys(done.leaves, "none"), Graph(done.record.made_by))
    wanted = {name: leaf for name, leaf in done.leaves.items() if done.trains[name]}
    if done.loss is None or not done.loss.requires_grad or not wanted:
        return found
    weights = {done.numbers[name] for name in done.parameters if done.leaves[name].dim() > 1}
    layers = {event for event in done.record.events if not weights.isdisjoint(event.inputs)}
    handles = [node.register_hook(_look(found, node, layers)) for node in _nodes(found.graph, done.loss.grad_fn)]
    try:
        with done.still(), same_random_numbers():  # hooks of the author's run now
            _, gradients = differentiate_all(Trace(parameters=wanted), done.loss, keep_graph=True)
    except GradVizError:
        raise
    except RAISED as error:
        raise explained(error, done.plainly()) from error
    finally:
        for handle in handles:
            handle.remove()
    found.gradients.update(gradients)
    found.states.update({name: _state(slope) for name, slope in gradients.items()})
    return found


def norm(slope: Tensor) -> float:
    """2-norm, in float64: squares of small numbers vanish in float32."""
    return float(torch.linalg.vector_norm(values_of(slope), dtype=torch.float64))


def _nodes(graph: Graph, last: Any) -> list[Any]:
    """The nodes of PyTorch's graph before ``last``, leaves left out; notes for each port what leads to it."""
    nodes, queue, seen = [], [last] if last is not None else [], {last}
    while queue:
        node = queue.pop()
        leaf = leaf_of(node, needed_to="follows a gradient to where it arrives")
        if leaf is not None:
            graph.leaves[id(leaf)] = (node, 0)
            continue
        nodes.append(node)
        for slot, (before, number) in enumerate(node.next_functions):
            if before is None:
                continue
            graph.handed_to[before, number].append((node, slot))
            if before not in seen:
                seen.add(before)
                queue.append(before)
    return nodes


def _look(found: Slopes, node: Any, layers: set[Event]) -> Callable[[Any, Any], None]:
    event = found.graph.made_by.get(node)

    def hook(into: tuple[Tensor | None, ...], out_of: tuple[Tensor | None, ...]) -> None:
        """PyTorch names them by the function: ``out_of`` comes in from the loss, ``into`` goes on to what is before."""
        come = [slope for slope in out_of if slope is not None]
        smallest = max((torch.finfo(slope.dtype).tiny for slope in come), default=0.0)
        found.graph.steps[node] = _Step(_sizes(out_of), _sizes(into), smallest)
        if come and event in layers and event not in found.sizes:  # the last of its nodes is the first on the way back
            found.sizes[event] = sum(map(norm, come))

    return hook


def _sizes(slopes: tuple[Tensor | None, ...]) -> list[Size]:
    return [None if slope is None else largest(slope) for slope in slopes]


def _state(slope: Tensor | None) -> Gradient:
    if slope is None:
        return "none"
    size = largest(slope)
    if not math.isfinite(size):
        return "not_finite"
    return "finite" if size or not slope.numel() else "zero"
