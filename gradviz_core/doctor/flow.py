"""Which value was computed from which, and where on the way a gradient is cut."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gradviz_core.types.findings import Cause


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the author's code something happens."""

    file: str = ""
    """With its folder, where that is known."""
    line: int = 0
    text: str = ""
    module: str | None = None
    """Path of the innermost module; None outside any."""
    by_torch: bool = False
    """Whether a part of torch that is no layer did it, on the author's behalf: spectral norm, a distribution."""


@dataclass(slots=True, eq=False)
class Event:
    """One call of a function of torch."""

    number: int
    name: str
    place: Place
    region: int
    """The stretch of calls, between one switch of recording and the next, that it lies in."""
    inputs: list[int] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    numbers: tuple[object, ...] = ()
    """What it was given that is no tensor of this pass: Python's numbers, prints of arrays."""
    switch: str = ""
    """The decorator, in words, that switched recording off; empty where none did."""


@dataclass(slots=True)
class Now:
    """The call that is running. It holds nothing else, so that a graph that holds it does not hold a whole pass."""

    event: Event | None = None


@dataclass(slots=True)
class Value:
    """A tensor at one moment, or a number taken out of one."""

    event: Event | None
    """What made it; None for what was there before."""
    floating: bool
    live: bool
    """Whether PyTorch has it require a gradient."""
    leaf: str = ""
    """Name of the parameter or input that it is, if it requires a gradient."""
    size: float = 0.0
    """The largest absolute value; NaN where there is one, 0 for whole numbers."""
    meant: bool = False
    """Whether an infinity in it was put there, or comes from one that was: a mask before a softmax."""

    @property
    def finite(self) -> bool:
        """Whether every number is."""
        return not self.floating or math.isfinite(self.size)

    @property
    def sound(self) -> bool:
        """Whether every number is finite, or infinite on purpose."""
        return self.finite or (self.meant and math.isinf(self.size))

    @property
    def zero(self) -> bool:
        """Whether every number is zero."""
        return self.floating and self.size == 0


@dataclass(frozen=True, slots=True)
class Edge:
    """``target`` was computed from ``source``; with a cause, no gradient comes back this way."""

    source: int
    target: int
    cause: Cause | None = None
    event: Event | None = None


class Flow:
    """The graph of values. Numbers count them in order of execution."""

    def __init__(self) -> None:
        self.values: list[Value] = []
        self.edges: list[Edge] = []
        self.into: defaultdict[int, list[Edge]] = defaultdict(list)

    def add(self, value: Value) -> int:
        """A new value; returns its number."""
        self.values.append(value)
        return len(self.values) - 1

    def join(self, edge: Edge) -> None:
        """A new edge."""
        self.edges.append(edge)
        self.into[edge.target].append(edge)

    def before(self, starts: Iterable[int], follow: Callable[[Edge], bool]) -> set[int]:
        """All values from which ``starts`` can be reached along edges that ``follow`` takes; ``starts`` among them."""
        found = set(starts)
        queue = list(found)
        while queue:
            for edge in self.into[queue.pop()]:
                if edge.source not in found and follow(edge):
                    found.add(edge.source)
                    queue.append(edge.source)
        return found

    def leaves(self, numbers: Iterable[int]) -> list[str]:
        """Names of the parameters and inputs among them."""
        return [self.values[number].leaf for number in sorted(numbers) if self.values[number].leaf]


def is_open(edge: Edge) -> bool:
    """Whether a gradient comes back along it."""
    return edge.cause is None


def any_edge(edge: Edge) -> bool:
    """Whether there is one at all."""
    return True
