"""The author's modules: each of their calls, found in the graph, and the tree of markers that outputs pass through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from gradviz_core.errors import BadModel
from gradviz_core.exported.graph import Node
from gradviz_core.exported.layer_names import Entry, check_path
from gradviz_core.exported.plain_json import shown

_PAIRS = frozenset({"torch.nn.modules.activation.MultiheadAttention"})
"""Modules that return a tuple whose first element is computed last. The file does not say what a module returns."""


class AuthorsModule(nn.Module):
    """Has the name, and tells the class and the lines, of a module of the author's."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        """Name of the author's class."""
        self.sources: tuple[str, ...] = ()
        """The author's line for each call."""

    def source(self, call: int) -> str:
        """The author's line that computed what it returned at that call; empty where the file does not tell."""
        return self.sources[call] if call < len(self.sources) else ""


class Layer(AuthorsModule):
    """Stands where a module stood that the author's model is made of."""

    def forward(self, *inputs: Tensor, output: object) -> object:
        """``output``, as it is. ``inputs`` are what the module was given, for those who watch."""
        return output


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a module that has ended."""

    path: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    as_tuple: bool


@dataclass(slots=True)
class _Open:
    entry: Entry
    start: int


@dataclass(slots=True)
class Calls:
    """Every call of every module that the graph tells of."""

    after: dict[int, list[Call]] = field(default_factory=dict)
    """The calls that end with each node, innermost first."""
    kinds: dict[str, str] = field(default_factory=dict)
    sources: dict[str, list[str]] = field(default_factory=dict)


def find_calls(nodes: Sequence[Node], tensors: frozenset[int], results: Iterable[int]) -> Calls:
    """The calls of modules: runs of nodes with one more name in common.

    What a call returns is what it computes and something after it uses, ``results`` being used last of all; ``tensors``
    are the values to count.
    """
    last_use = _last_uses(nodes, results)
    made_by = {slot: at for at, node in enumerate(nodes) for slot in node.makes()}
    found = Calls()
    open_calls: list[_Open] = []
    for at, node in enumerate(nodes):
        stack = open_calls if node.stack is None else [_Open(entry, at) for entry in node.stack if entry.path]
        kept = _common([one.entry for one in open_calls], [one.entry for one in stack])
        for one in reversed(open_calls[kept:]):
            _close(found, one, at, nodes, tensors, last_use, made_by)
        open_calls = open_calls[:kept] + list(stack[kept:])
    for one in reversed(open_calls):
        _close(found, one, len(nodes), nodes, tensors, last_use, made_by)
    return found


def _common(these: Sequence[Entry], those: Sequence[Entry]) -> int:
    """How many entries two stacks have in common, from the outside in."""
    count = 0
    for this, that in zip(these, those, strict=False):
        if this != that:
            break
        count += 1
    return count


def _last_uses(nodes: Sequence[Node], results: Iterable[int]) -> dict[int, int]:
    found = {slot: at for at, node in enumerate(nodes) for slot in node.uses()}
    return {**found, **dict.fromkeys(results, len(nodes))}


def _close(
    found: Calls,
    call: _Open,
    end: int,
    nodes: Sequence[Node],
    tensors: frozenset[int],
    last_use: Mapping[int, int],
    made_by: Mapping[int, int],
) -> None:
    inside = range(call.start, end)
    outputs = [s for at in inside for s in nodes[at].makes() if s in tensors and last_use.get(s, -1) >= end]
    if not outputs:
        return
    given = {s: None for at in inside for s in nodes[at].uses() if s in tensors and made_by.get(s, -1) < call.start}
    path = call.entry.path
    as_tuple = call.entry.type in _PAIRS
    if as_tuple:
        outputs.reverse()
    ended = Call(path, tuple(given), tuple(outputs), as_tuple or len(outputs) > 1)
    found.after.setdefault(end - 1, []).append(ended)
    found.kinds.setdefault(path, call.entry.kind)
    found.sources.setdefault(path, []).append(nodes[made_by[outputs[0]]].source)


def plant(root: AuthorsModule, calls: Calls, weights: Mapping[str, Tensor]) -> None:
    """Give ``root`` the tree of layers below it, and each its weights.

    Raises:
        BadModel: two things have one name.
    """
    layers: dict[str, AuthorsModule] = {"": root}
    for path in calls.kinds:
        _layer(layers, path, calls.kinds)
    for path, lines in calls.sources.items():
        layers[path].sources = tuple(lines)
    for name, tensor in weights.items():
        check_path(name)
        owner, _, leaf = name.rpartition(".")
        layer = _layer(layers, owner, calls.kinds)
        if leaf in layer._modules:
            raise BadModel(f"The file has a module and a weight that are both called {shown(name)}.")
        if isinstance(tensor, nn.Parameter):
            layer._parameters[leaf] = tensor
        else:
            layer._buffers[leaf] = tensor


def _layer(layers: dict[str, AuthorsModule], path: str, kinds: Mapping[str, str]) -> AuthorsModule:
    """The layer at ``path``, made with all those above it where it is not there yet."""
    if path not in layers:
        parent, _, leaf = path.rpartition(".")
        layers[path] = Layer(kinds.get(path, "Module"))
        _layer(layers, parent, kinds)._modules[leaf] = layers[path]
    return layers[path]
