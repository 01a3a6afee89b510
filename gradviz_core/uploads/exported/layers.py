"""The author's modules: each of their calls, found in the graph, and the tree of markers that outputs pass through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from gradviz_core.errors import BadModel
from gradviz_core.tracing.authors import AuthorsModule
from gradviz_core.tracing.torch_private import parts
from gradviz_core.uploads.exported.graph import Node
from gradviz_core.uploads.exported.layer_names import Entry, check_path
from gradviz_core.uploads.exported.plain_json import shown

_ATTENTION = "torch.nn.modules.activation.MultiheadAttention"
"""A module whose tuple is known: what attention gives, then its weights. The file says of none what it returns, so the
elements of any other tuple or dictionary have no names but the order in which they were computed."""
_STATES = {
    f"torch.nn.modules.rnn.{kind}": items
    for kind, items in {
        "LSTM": ("0", "1.0", "1.1"),
        "GRU": ("0", "1"),
        "RNN": ("0", "1"),
        "LSTMCell": ("0", "1"),
    }.items()
}
"""The others that are known: recurrent layers return what their one operation gives, in this order."""
_PROJECTION = "out_proj.weight"
"""Parameter of that module which what attention gives depends on, and the weights of attention do not."""


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
    outputs: Mapping[str, int]
    """By the item of their sites; that of an only output is empty."""

    def filled(self, values: Sequence[Any]) -> object:
        """What the module returned, with the values in place."""
        if "" in self.outputs:
            return values[self.outputs[""]]
        return {item: values[slot] for item, slot in self.outputs.items()}


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
    within: list[str] = field(default_factory=list)
    """Path of the innermost module that each node belongs to."""


class CallFinder:
    """Finds the calls of modules: runs of nodes with one more name in common.

    What a call returns is what it computes and something after it uses, ``results`` being used last of all; ``tensors``
    are the values to count, and ``weights`` the names of those that are weights.
    """

    def __init__(
        self, nodes: Sequence[Node], tensors: frozenset[int], results: Iterable[int], weights: Mapping[int, str]
    ) -> None:
        self._nodes, self._tensors, self._weights = nodes, tensors, weights
        self._last_use = {slot: at for at, node in enumerate(nodes) for slot in node.uses()}
        self._last_use.update(dict.fromkeys(results, len(nodes)))
        self._made_by = {slot: at for at, node in enumerate(nodes) for slot in node.makes()}

    def find(self) -> Calls:
        """Every call of every module."""
        found = Calls()
        open_calls: list[_Open] = []
        for at, node in enumerate(self._nodes):
            stack = open_calls if node.stack is None else [_Open(entry, at) for entry in node.stack if entry.path]
            kept = _common([one.entry for one in open_calls], [one.entry for one in stack])
            for one in reversed(open_calls[kept:]):
                self._close(found, one, at)
            open_calls = open_calls[:kept] + list(stack[kept:])
            found.within.append(open_calls[-1].entry.path if open_calls else "")
        for one in reversed(open_calls):
            self._close(found, one, len(self._nodes))
        return found

    def _close(self, found: Calls, call: _Open, end: int) -> None:
        inside = range(call.start, end)
        made = [s for at in inside for s in self._nodes[at].makes() if s in self._tensors]
        outputs = [slot for slot in made if self._last_use.get(slot, -1) >= end]
        if not outputs:
            return
        used = (s for at in inside for s in self._nodes[at].uses() if s in self._tensors)
        given = dict.fromkeys(slot for slot in used if self._made_by.get(slot, -1) < call.start)
        path = call.entry.path
        ended = Call(path, tuple(given), self._named(call, outputs))
        found.after.setdefault(end - 1, []).append(ended)
        found.kinds.setdefault(path, call.entry.kind)
        first = next(iter(ended.outputs.values()))
        found.sources.setdefault(path, []).append(self._nodes[self._made_by[first]].source)

    def _named(self, call: _Open, outputs: list[int]) -> dict[str, int]:
        """The outputs of a call by item."""
        if call.entry.type == _ATTENTION:
            named = {"0" if self._is_projected(slot, call.start) else "1": slot for slot in outputs}
            if len(named) == len(outputs):
                return dict(sorted(named.items()))
        if call.entry.type in _STATES:
            items = _STATES[call.entry.type]
            states = {items[place]: slot for slot in outputs if (place := self._state(slot, call.start)) < len(items)}
            if len(states) == len(outputs):
                return dict(sorted(states.items()))
        if len(outputs) == 1:
            return {"": outputs[0]}
        return {f"computed {number}": slot for number, slot in enumerate(outputs, 1)}

    def _state(self, slot: int, start: int) -> int:
        """Which result of a recurrent operation a value is, or a view of, within a call that begins at node ``start``;
        far more than there are where it is none."""
        while (at := self._made_by.get(slot, -1)) >= start:
            node = self._nodes[at]
            if len(node.outputs) > 1:
                return node.outputs.index(slot)
            slot = next(node.uses(), -1)
        return len(self._nodes) + len(_STATES)

    def _is_projected(self, slot: int, start: int) -> bool:
        """Whether a value depends, within a call of attention that begins at node ``start``, on its projection."""
        waiting, seen = [slot], {slot}
        while waiting:
            at = self._made_by.get(waiting.pop(), -1)
            new = set(self._nodes[at].uses()) - seen if at >= start else set()
            if any(self._weights.get(used, "").endswith(_PROJECTION) for used in new):
                return True
            seen |= new
            waiting += new
        return False


def _common(these: Sequence[Entry], those: Sequence[Entry]) -> int:
    """How many entries two stacks have in common, from the outside in."""
    count = 0
    for this, that in zip(these, those, strict=False):
        if this != that:
            break
        count += 1
    return count


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
        if parts.has_module(layer, leaf):
            raise BadModel(
                f"The file has a module and a weight that are both called {shown(name)}. Rename one of them, and "
                "export the model again."
            )
        parts.put_weight(layer, leaf, tensor)


def _layer(layers: dict[str, AuthorsModule], path: str, kinds: Mapping[str, str]) -> AuthorsModule:
    """The layer at ``path``, made with all those above it where it is not there yet."""
    if path not in layers:
        parent, _, leaf = path.rpartition(".")
        layers[path] = Layer(kinds.get(path, "Module"))
        parts.put_module(_layer(layers, parent, kinds), leaf, layers[path])
    return layers[path]
