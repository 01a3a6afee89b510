"""A forward pass, recorded function by function: which value came from which, and where a gradient was cut.

Unlike PyTorch's own graph this one knows of what is *not* recorded for differentiation: detached values, what runs
under ``no_grad``, whole numbers, and numbers that leave for Python and come back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from gradviz_core.doctor import operations as names
from gradviz_core.doctor import units
from gradviz_core.doctor.arguments import largest, numbers_in, print_of, tensors_in
from gradviz_core.doctor.flow import Edge, Event, Flow, Now, Place, Value
from gradviz_core.doctor.saved import memory
from gradviz_core.doctor.stack import forward_passes, here, line_with
from gradviz_core.doctor.switches import switch
from gradviz_core.tracing.torch_private import functorch
from gradviz_core.tracing.torch_private.saved import leaf as leaf_of
from gradviz_core.tracing.torch_private.versions import version, viewed
from gradviz_core.types.findings import Cause

Nudge = Callable[[Event, Any], Any]
"""Given an event and its result, gives the result to go on with."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A number, or an array, that was taken out of a value that depends on a parameter or input."""

    event: Event
    number: int


@dataclass(slots=True)
class Record:
    """What was seen of one pass."""

    flow: Flow = field(default_factory=Flow)
    events: list[Event] = field(default_factory=list)
    made_by: dict[Any, Event] = field(default_factory=dict)
    """The event that put each node into PyTorch's graph."""
    taken: list[Taken] = field(default_factory=list)
    refused: list[tuple[Event, str]] = field(default_factory=list)
    """Operations in place that PyTorch refuses, and what they write to."""
    first_use: dict[int, Event] = field(default_factory=dict)
    activations: list[tuple[Event, units.Share]] = field(default_factory=list)
    """Calls of ReLU, sigmoid and tanh."""


class Recorder(TorchFunctionMode):
    """Records while it is on. ``paths`` names modules by their ``id``."""

    def __init__(self, paths: Mapping[int, str], nudge: Nudge | None, now: Now) -> None:
        super().__init__()
        self.record = Record()
        self.now = now
        self._paths, self._nudge, self._functions = paths, nudge, forward_passes()
        self._number: dict[int, int] = {}
        self._version: dict[int, int] = {}
        self._kept: list[Tensor] = []
        self._of_memory: dict[int, list[Tensor]] = {}
        self._derived: set[int] = set()
        self._region = 0
        self._recording = True
        self._within: set[int] = set()
        self._within_at = -1

    # ------------------------------------------------------------------------------------------------ known values

    def know(self, tensor: Tensor, name: str) -> int:
        """A parameter, buffer or input, before the pass."""
        return self._put(tensor, None, leaf=name if tensor.requires_grad else "")

    def number(self, tensor: Tensor) -> int:
        """The value that a tensor holds now."""
        return self._number_of(tensor, Event(len(self.record.events), "", Place(), self._region))

    def _put(self, tensor: Tensor, event: Event | None, leaf: str = "") -> int:
        floating = tensor.is_floating_point() or tensor.is_complex()
        size = largest(tensor) if floating else 0.0
        number = self.record.flow.add(
            Value(event, floating, tensor.requires_grad, leaf, size, meant=not leaf and self._infinity_is_meant(event))
        )
        if id(tensor) not in self._number:
            self._kept.append(tensor)
            self._of_memory.setdefault(memory(tensor), []).append(tensor)
        self._number[id(tensor)] = number
        self._version[id(tensor)] = version(tensor)
        if leaf:
            self._derived.add(number)
        if event is not None:
            event.outputs.append(number)
        return number

    def _infinity_is_meant(self, event: Event | None) -> bool:
        """Whether it was there before, was given as a number, or comes from one that is meant."""
        if event is None or any(number in (math.inf, -math.inf) for number in event.numbers):
            return True
        return any(self.record.flow.values[number].meant for number in event.inputs)

    # ------------------------------------------------------------------------------------------------ each function

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call the function, and record what it did."""
        kwargs = kwargs or {}
        name = names.name_of(func)
        if name in names.ABOUT_A_TENSOR:
            return func(*args, **kwargs)
        if functorch.is_within():
            self._note_within(tensors_in((args, kwargs)))
            return func(*args, **kwargs)
        stand = here(self._paths, self._functions)
        if name == "_set_grad_enabled":
            self._region += 1
            return func(*args, **kwargs)
        self._region += self._recording != torch.is_grad_enabled()
        self._recording = torch.is_grad_enabled()
        event = Event(len(self.record.events), name, stand.place, self._region)
        self.record.events.append(event)
        event.switch = "" if self._recording else switch()
        given = list({id(tensor): tensor for tensor in tensors_in((args, kwargs))}.values())
        event.numbers = tuple(numbers_in((args, kwargs)))
        event.inputs = [self._number_of(tensor, event) for tensor in given]
        for tensor, number in zip(given, event.inputs, strict=True):
            self.record.first_use.setdefault(number, event)
            self._map_nodes(tensor, self.record.flow.values[number].event or event)
        enabled, live = torch.is_grad_enabled(), [tensor.requires_grad for tensor in given]
        self.now.event = event
        result, refused = self._called(func, args, kwargs, event)
        self.now.event = None
        if (
            isinstance(result, Tensor)
            and result.grad_fn is not None
            and result.grad_fn.name().endswith("NotImplemented")
        ):
            result = result.detach()
        if self._nudge is not None:
            result = self._nudged(self._nudge, event, given, result)
        step = _Step(event, enabled or refused, stand.in_function, live)
        self._written(step, given, name)
        self._made(step, result)
        self._take_out(event, result, given)
        if name in units.ACTIVATIONS and isinstance(result, Tensor):
            self._measure(event, args, kwargs, result)
        return result

    def _called(self, func: Callable[..., Any], args: Any, kwargs: Any, event: Event) -> tuple[Any, bool]:
        """The result; an operation in place that PyTorch refuses on a leaf is noted, and done unrecorded."""
        try:
            return func(*args, **kwargs), False
        except RuntimeError as error:
            if "leaf Variable that requires grad" not in str(error):
                raise
        target = args[0] if args and isinstance(args[0], Tensor) else None
        self.record.refused.append((event, self._leaf_below(target)))
        with torch.no_grad():
            return func(*args, **kwargs), True

    def _leaf_below(self, tensor: Tensor | None) -> str:
        """Name of the leaf that a tensor is, or is a view of."""
        while tensor is not None:
            number = self._number.get(id(tensor))
            if number is not None:
                leaves = self.record.flow.leaves(self.record.flow.before([number], lambda edge: True))
                if leaves:
                    return leaves[0]
            tensor = viewed(tensor)
        return ""

    def _nudged(self, nudge: Nudge, event: Event, given: list[Tensor], result: Any) -> Any:
        """What to go on with. What the call wrote to is written to again: what it returns may never be looked at."""
        written = [tensor for tensor in given if self._is_written(tensor, given, event.name)]
        for tensor in written:
            new = nudge(event, tensor)
            if new is not tensor and event.name in names.UNHITCHING:
                tensor.data = new  # what shares its memory stays as it is
            elif new is not tensor:
                tensor.detach().copy_(new)
        return result if any(result is tensor for tensor in written) else nudge(event, result)

    def _is_written(self, tensor: Tensor, given: list[Tensor], name: str) -> bool:
        """Whether the call that has just returned changed a tensor that it was given."""
        unhitched = name in names.UNHITCHING and tensor is given[0]
        return unhitched or version(tensor) != self._version[id(tensor)]

    def _written(self, step: _Step, given: list[Tensor], name: str) -> None:
        """New values for what was written to in place, and for whatever shares its memory."""
        for tensor in given:
            if not self._is_written(tensor, given, name):
                continue
            before = self._number[id(tensor)]
            new = self._put(tensor, step.event)
            self._join(step, new, before)
            for other in self._of_memory.get(memory(tensor), ()):
                if other is tensor:
                    continue
                behind = version(other) == self._version[id(other)]
                if not behind or (_same(other, tensor) if other.requires_grad else _overlap(other, tensor)):
                    unseen = behind or (tensor.requires_grad and _viewed(other) is not _viewed(tensor))
                    old = self._number[id(other)]
                    after = self._put(other, step.event)
                    self.record.flow.join(Edge(old, after))
                    self.record.flow.join(Edge(new, after, "detach" if unseen else None, step.event))
                    self._derived |= {after} if {old, new} & self._derived else set()
            self._map_nodes(tensor, step.event)

    def _made(self, step: _Step, result: Any) -> None:
        """New values for what a function returns."""
        for tensor in tensors_in(result):
            if id(tensor) in self._number and version(tensor) == self._version[id(tensor)]:
                continue
            number = self._put(tensor, step.event)
            if tensor.is_leaf and step.event.name not in names.PASSED_ON:  # a view under no_grad says that it is live
                self.record.flow.values[number].live = False
            if step.event.name not in names.SHAPE_ONLY:
                self._join(step, number)
            self._map_nodes(tensor, step.event)

    def _join(self, step: _Step, target: int, before: int | None = None) -> None:
        """``before`` is the value of what was written to in place: its gradient passes, recorded or not."""
        value = self.record.flow.values[target]
        for source, live in zip(step.event.inputs, step.live, strict=True):
            if source == target:
                continue
            cause = step.cause(self.record.flow.values[source], live, value, before not in (None, source))
            self.record.flow.join(Edge(source, target, cause, step.event))
            if source in self._derived:
                self._derived.add(target)

    def _map_nodes(self, tensor: Tensor, event: Event) -> None:
        """Remember which event put the newest nodes into PyTorch's graph."""
        queue = [tensor.grad_fn]
        while queue:
            node = queue.pop()
            if node is not None and node not in self.record.made_by:
                self.record.made_by[node] = event
                queue += [before for before, _ in node.next_functions]

    # ------------------------------------------------------------------------------------- what comes from elsewhere

    def _number_of(self, tensor: Tensor, event: Event) -> int:
        """The value of a tensor; where nobody knows it, what it shares memory with, or is recorded to come from."""
        if id(tensor) in self._number:
            return self._number[id(tensor)]
        near = [other for other in self._of_memory.get(memory(tensor), ()) if tensor.numel()]
        number = self._put(tensor, None)
        flow = self.record.flow
        if near:
            source = self._number[id(near[-1])]
            made = flow.values[source].event
            cut = tensor.is_leaf and near[-1].requires_grad and not flow.values[source].leaf
            out = [one.number for one in self.record.taken if source in one.event.inputs]
            source = out[-1] if out and not cut else source
            by = event
            if cut and made is not None:
                place = line_with("Parameter(", made.place, event.place)
                by = Event(event.number, "Parameter", place, event.region)
            flow.join(Edge(source, number, "rewrapped" if cut else None, by))
            self._derived |= {number} if source in self._derived else set()
        for source in {*self._recorded_sources(tensor.grad_fn), *(() if near else self._within)}:
            flow.join(Edge(source, number))
            self._derived |= {number} if source in self._derived else set()
        if not near and tensor.is_floating_point():
            event.numbers = (*event.numbers, print_of(tensor.detach()))
            event.outputs.append(number)
        return number

    def _note_within(self, given: Iterable[Tensor]) -> None:
        """Remember which values without a gradient go into ``vmap`` or a transform of ``torch.func``. Of the others
        PyTorch's own record tells; what happens within is not followed, because its tensors only stand for others."""
        if self._within_at != len(self.record.events):
            self._within_at = len(self.record.events)
            self._within.clear()
        for tensor in given:
            while functorch.is_wrapped(tensor):
                tensor = functorch.unwrapped(tensor)
            number = self._number.get(id(tensor))
            if number is not None and not self.record.flow.values[number].live:
                self._within.add(number)

    def _recorded_sources(self, start: Any) -> Iterable[int]:
        """Values that a tensor comes from by PyTorch's own record, for functions that no one sees at work."""
        queue, seen = [start], set()
        while queue:
            node = queue.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            if node in self.record.made_by:
                yield from self.record.made_by[node].outputs
            elif (leaf := leaf_of(node, needed_to="finds where a value comes from")) is not None:
                number = self._number.get(id(leaf))
                yield from () if number is None else (number,)
            else:
                queue += [before for before, _ in node.next_functions]

    def _measure(self, event: Event, args: Sequence[Any], kwargs: Mapping[str, Any], result: Tensor) -> None:
        """Dead and saturated units, where what went in is finite."""
        if result.numel() and all(self.record.flow.values[number].finite for number in event.inputs):
            layer = units.layer_before(self.record.flow, event)
            if share := units.measure(event.name, args, kwargs, result.detach(), layer):
                self.record.activations.append((event, share))

    def _take_out(self, event: Event, result: Any, given: list[Tensor]) -> None:
        """Numbers that leave for Python."""
        if event.name not in names.TAKING_OUT or not given or not given[0].is_floating_point():
            return
        source = self._number[id(given[0])]
        if source not in self._derived or isinstance(result, Tensor):
            return
        number = self.record.flow.add(Value(event, True, False))
        cause: Cause | None = "rewrapped" if given[0].requires_grad else None
        self.record.flow.join(Edge(source, number, cause, event))
        self._derived.add(number)
        self.record.taken.append(Taken(event, number))


@dataclass(frozen=True, slots=True)
class _Step:
    """One call, and under which circumstances."""

    event: Event
    enabled: bool
    """Whether operations are recorded."""
    in_function: bool
    """Whether it lies in the forward pass of a ``torch.autograd.Function``, which has a backward pass of its own."""
    live: list[bool]

    def cause(self, source: Value, live: bool, target: Value, put_in: bool) -> Cause | None:
        """Why no gradient comes back from ``target`` to ``source``; None if it does.

        ``put_in`` says that the target was there before, and something of the source was put into it.
        """
        name = self.event.name
        if self.in_function or not source.floating:
            return None
        if name in names.DETACH:
            return "detach" if live else None
        if not target.floating:
            return "integer" if name in names.CASTS else "non_differentiable"
        if name == names.DERIVATIVE and live and not target.live:
            return "no_create_graph"
        if live and (put_in or not target.live) and not self.enabled:
            return "no_grad"
        if name in names.ZERO_DERIVATIVE:
            return "zero_derivative"
        if live and not target.live:
            return "rewrapped" if name in names.WRAPPING else "non_differentiable"
        return None


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are the same numbers in memory; ``.data`` counts its writes for itself."""
    return one.data_ptr() == other.data_ptr() and one.numel() == other.numel()


def _overlap(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors of one storage have bytes in common, as far as their first and last tell."""
    return one.data_ptr() <= _end(other) and other.data_ptr() <= _end(one)


def _end(tensor: Tensor) -> int:
    steps = sum(stride * (size - 1) for stride, size in zip(tensor.stride(), tensor.shape, strict=True))
    return tensor.data_ptr() + steps * tensor.element_size()


def _viewed(tensor: Tensor) -> Tensor:
    """What it is a view of, so that PyTorch sees in the one what is written to the other; else itself."""
    whole = viewed(tensor)
    return tensor if whole is None else whole
