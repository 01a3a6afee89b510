"""The graph of a ``.pt2`` file: which operation is applied to what, in order. Read from JSON; nothing is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from gradviz_core.errors import BadModel
from gradviz_core.uploads.exported import operators, regions
from gradviz_core.uploads.exported.arguments import Ref, Value, read_argument, references
from gradviz_core.uploads.exported.layer_names import Entry, read_stack
from gradviz_core.uploads.exported.plain_json import only, shown, take
from gradviz_core.uploads.exported.regions import Mode
from gradviz_core.uploads.exported.sentences import AGAIN, REWRITE
from gradviz_core.uploads.exported.source_lines import author_line

MOST_NODES = 20_000
_MOST_WITHIN = 10
USUAL = Mode()

Slots = int | None | tuple[int | None, ...]
"""Where a result goes: to one place, nowhere, or each of several to its own."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operation."""

    target: str
    """Name of the operation, as in ``aten.conv2d.default``."""
    operation: Callable[..., Any]
    arguments: Mapping[str, Value]
    by_name: bool
    """Whether arguments are passed by name; the arithmetic of sizes takes them in order."""
    outputs: tuple[Slots, ...]
    mode: Mode
    stretch: int
    """Between which two ends of regions it lies: two regions in a row are entered one by one."""
    stack: tuple[Entry, ...] | None
    """Calls of modules that it belongs to, outermost first; None where the file does not say."""
    source: str
    """The author's line."""

    def uses(self) -> Iterator[int]:
        """Places of the values it is applied to."""
        for value in self.arguments.values():
            yield from (ref.slot for ref in references(value))

    def makes(self) -> Iterator[int]:
        """Places of its results."""
        for slots in self.outputs:
            yield from (slot for slot in (slots if isinstance(slots, tuple) else (slots,)) if slot is not None)


@dataclass(slots=True)
class Scope:
    """What names mean within one graph."""

    slots: dict[str, int] = field(default_factory=dict)

    def find(self, name: object) -> Ref:
        """The value of that name.

        Raises:
            BadModel: nothing before computed it.
        """
        if not isinstance(name, str) or name not in self.slots:
            raise BadModel(f"The graph uses a value {shown(name)} before it is computed. {AGAIN}")
        return Ref(self.slots[name])


class GraphReader:
    """Reads nodes one after the other, and gives each value a place."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.places = 0
        self._stretch = 0
        self.scope = Scope()
        self.tensor_places: set[int] = set()
        """Places that hold tensors; others hold sizes."""
        self.rested: list[str] = []
        """Operations that the file has in training mode, once for each."""
        self._seen = 0

    def define(self, name: object, scope: Scope | None = None) -> int:
        """A new place for the value of that name.

        Raises:
            BadModel: the name has a value.
        """
        scope = scope or self.scope
        if not isinstance(name, str) or name in scope.slots:
            raise BadModel(f"The graph computes {shown(name)} twice, so it is ambiguous. {AGAIN}")
        scope.slots[name] = self.places
        self.places += 1
        return self.places - 1

    def read(self, records: list[object], scope: Scope, mode: Mode = USUAL, within: int = 0) -> None:
        """Read the nodes of one graph, and of those inside it.

        Raises:
            BadModel: a node asks for something that is not allowed, or makes no sense.
        """
        for record in records:
            self._seen += 1
            if self._seen > MOST_NODES:
                raise BadModel(
                    f"The graph has more than {MOST_NODES:,} operations, the limit here. Choose a smaller model."
                )
            target = take(record, "target", str)
            if regions.is_region(target):
                self._read_region(record, target, scope, mode, within)
            elif not operators.is_check(target):
                self.nodes.append(self._node(record, target, scope, mode))

    def _node(self, record: object, target: str, scope: Scope, mode: Mode) -> Node:
        operation = operators.find(target)
        metadata = take(record, "metadata", dict)
        try:
            arguments = self._arguments(record, operation, scope)
            outputs = tuple(self._output(output, scope) for output in take(record, "outputs", list))
        except BadModel as error:
            raise BadModel(f"The operation {operation.name} cannot be read. {error}") from None
        stack, trace = metadata.get("nn_module_stack"), metadata.get("stack_trace")
        return Node(
            target=operation.name,
            operation=operation.function,
            arguments=arguments,
            by_name=bool(operation.types),
            outputs=outputs,
            mode=mode,
            stretch=self._stretch,
            stack=read_stack(stack) if isinstance(stack, str) else None,
            source=_cached_line(trace) if isinstance(trace, str) else "",
        )

    def _arguments(self, record: object, operation: operators.Operation, scope: Scope) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for item in take(record, "inputs", list):
            name = take(item, "name", str)
            if name in found or (operation.types and name not in operation.types):
                raise BadModel(f"It has no argument {shown(name)}, or has it twice. {AGAIN}")
            wanted = operation.types.get(name, "size")  # that of what computes with sizes
            found[name] = read_argument(item.get("arg"), name, wanted, scope.find)
        if missing := operation.needed - found.keys():
            raise BadModel(f"Its argument {min(missing)} is missing. {AGAIN}")
        rested = operators.in_evaluation(operation, found)
        if rested != found:
            self.rested.append(operation.name.split(".")[1])
        return rested

    def _output(self, record: object, scope: Scope) -> Slots:
        kind, value = only(record, "an output")
        match kind:
            case "as_tensor":
                slot = self.define(take(value, "name", str), scope)
                self.tensor_places.add(slot)
                return slot
            case "as_tensors" if isinstance(value, list):
                slots = [self.define(take(item, "name", str), scope) for item in value]
                self.tensor_places.update(slots)
                return tuple(slots)
            case "as_sym_int" | "as_sym_bool" | "as_sym_float":
                return self.define(take(value, "as_name", str), scope)
            case "as_none":
                return None
            case _:
                raise BadModel(f"It gives a result of the kind {shown(kind)}, which is not supported here. {REWRITE}")

    def _read_region(self, record: object, target: str, scope: Scope, around: Mode, within: int) -> None:
        """A region is a graph of its own; its nodes are put in its place."""
        if within >= _MOST_WITHIN:
            raise BadModel(f"The graph has more than {_MOST_WITHIN} regions within each other. {REWRITE}")
        region, inner = regions.read_region(record, target, around), Scope()
        given = [scope.find(_name(kind, value)).slot for kind, value in region.given]
        named = [_name(*only(item, "an input")) for item in take(region.graph, "inputs", list)]
        if len(given) != len(named) or len(set(named)) < len(named):
            raise BadModel(f"A region of the graph gets the wrong inputs. {AGAIN}")
        inner.slots.update(zip(named, given, strict=True))
        self._stretch += 1
        self.read(take(region.graph, "nodes", list), inner, region.mode, within + 1)
        self._stretch += 1
        results = [inner.find(_name(*only(item, "an output"))).slot for item in take(region.graph, "outputs", list)]
        names = [name for item in take(record, "outputs", list) for name in _names(*only(item, "an output"))]
        if len(names) != len(results) or set(names) & scope.slots.keys():
            raise BadModel(f"A region of the graph returns the wrong outputs. {AGAIN}")
        scope.slots.update(zip(names, results, strict=True))


def check_targets(records: list[object]) -> None:
    """Refuse a graph with operations that are not on the list, all of them in one sentence.

    Raises:
        BadModel: there are such.
    """
    wanted = list(dict.fromkeys(_targets(records)))
    if refused := [target for target in wanted if not (operators.is_check(target) or operators.is_allowed(target))]:
        raise operators.refusal(refused)


def _targets(records: list[object]) -> Iterator[str]:
    for record in records:
        target = take(record, "target", str)
        if regions.is_region(target):
            yield from _targets(regions.inner_nodes(record))
        else:
            yield target


def _name(kind: str, value: object) -> str:
    return take(value, "as_name" if kind.startswith("as_sym_") else "name", str)


def _names(kind: str, value: object) -> list[str]:
    return [_name("as_tensor", item) for item in value] if isinstance(value, list) else [_name(kind, value)]


_cached_line = lru_cache(maxsize=1000)(author_line)
