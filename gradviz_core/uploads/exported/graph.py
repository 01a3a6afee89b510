"""The graph of a ``.pt2`` file: which operation is applied to what, in order. Read from JSON; nothing is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from gradviz_core.errors import BadModel
from gradviz_core.uploads.exported import operators
from gradviz_core.uploads.exported.arguments import Ref, Value, read_argument, references
from gradviz_core.uploads.exported.layer_names import Entry, read_stack
from gradviz_core.uploads.exported.plain_json import only, shown, take
from gradviz_core.uploads.exported.source_lines import author_line

MOST_NODES = 20_000
_NO_GRAD = "torch.ops.higher_order.wrap_with_set_grad_enabled"
_MOST_WITHIN = 10

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
    recorded: bool
    """False within ``torch.no_grad()``."""
    stretch: int
    """Between which two switches of recording it lies."""
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
            raise BadModel(f"The graph uses a value {shown(name)} before it is computed. Export the model again.")
        return Ref(self.slots[name])


class GraphReader:
    """Reads nodes one after the other, and gives each value a place."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.places = 0
        self.scope = Scope()
        self.tensor_places: set[int] = set()
        """Places that hold tensors; others hold sizes."""
        self.rested: list[str] = []
        """Operations that the file has in training mode, once for each."""
        self._seen = 0
        self._stretch = 0

    def define(self, name: object, scope: Scope | None = None) -> int:
        """A new place for the value of that name.

        Raises:
            BadModel: the name has a value.
        """
        scope = scope or self.scope
        if not isinstance(name, str) or name in scope.slots:
            raise BadModel(f"The graph computes {shown(name)} twice, so it is ambiguous.")
        scope.slots[name] = self.places
        self.places += 1
        return self.places - 1

    def read(self, records: list[object], scope: Scope, recorded: bool = True, within: int = 0) -> None:
        """Read the nodes of one graph, and of those inside it.

        Raises:
            BadModel: a node asks for something that is not allowed, or makes no sense.
        """
        for record in records:
            self._seen += 1
            if self._seen > MOST_NODES:
                raise BadModel(f"The graph has more than {MOST_NODES:,} operations, the limit here.")
            target = take(record, "target", str)
            if target == _NO_GRAD:
                self._read_no_grad(record, scope, recorded, within)
            elif not operators.is_check(target):
                self.nodes.append(self._node(record, target, scope, recorded))

    def _node(self, record: object, target: str, scope: Scope, recorded: bool) -> Node:
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
            recorded=recorded,
            stretch=self._stretch,
            stack=read_stack(stack) if isinstance(stack, str) else None,
            source=_cached_line(trace) if isinstance(trace, str) else "",
        )

    def _arguments(self, record: object, operation: operators.Operation, scope: Scope) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for item in take(record, "inputs", list):
            name = take(item, "name", str)
            if name in found or (operation.types and name not in operation.types):
                raise BadModel(f"It has no argument {shown(name)}, or has it twice.")
            wanted = operation.types.get(name, "number")  # that of what computes with sizes
            found[name] = read_argument(item.get("arg"), name, wanted, scope.find)
        if missing := operation.needed - found.keys():
            raise BadModel(f"Its argument {min(missing)} is missing.")
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
                raise BadModel(f"It gives a result of the kind {shown(kind)}, which is not supported here.")

    def _read_no_grad(self, record: object, scope: Scope, recorded: bool, within: int) -> None:
        """What runs under ``torch.no_grad()`` is a graph of its own; its nodes are put in its place."""
        items = [only(take_item(item), "an argument") for item in take(record, "inputs", list)]
        if within >= _MOST_WITHIN or [kind for kind, _ in items[:2]] != ["as_bool", "as_graph"]:
            raise BadModel("The graph has a part under torch.no_grad() that is not as torch.export writes it.")
        graph = take(items[1][1], "graph", dict)
        inner = Scope()
        given = [scope.find(_name(kind, value)).slot for kind, value in items[2:]]
        named = [_name(*only(item, "an input")) for item in take(graph, "inputs", list)]
        if len(given) != len(named) or len(set(named)) < len(named):
            raise BadModel("A part under torch.no_grad() gets the wrong inputs.")
        inner.slots.update(zip(named, given, strict=True))
        self._stretch += 1
        self.read(take(graph, "nodes", list), inner, recorded and items[0][1] is True, within + 1)
        self._stretch += 1
        results = [inner.find(_name(*only(item, "an output"))).slot for item in take(graph, "outputs", list)]
        names = [name for item in take(record, "outputs", list) for name in _names(*only(item, "an output"))]
        if len(names) != len(results) or set(names) & scope.slots.keys():
            raise BadModel("A part under torch.no_grad() returns the wrong outputs.")
        scope.slots.update(zip(names, results, strict=True))


def take_item(item: object) -> object:
    """What stands behind the name of an argument."""
    return take(item, "arg", dict)


def _name(kind: str, value: object) -> str:
    return take(value, "as_name" if kind.startswith("as_sym_") else "name", str)


def _names(kind: str, value: object) -> list[str]:
    return [_name("as_tensor", item) for item in value] if isinstance(value, list) else [_name(kind, value)]


_cached_line = lru_cache(maxsize=1000)(author_line)
