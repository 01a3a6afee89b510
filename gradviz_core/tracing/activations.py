"""Which operations of a recorded pass are activations: the ReLUs, and those for which the rules of a ReLU say nothing.

They are read off PyTorch's graph, so it makes no difference whether a ReLU is a layer, a function, written in place, or
used many times: each time is a node of its own. What is written out in arithmetic is seen where it is
``x · curve(x)``, as SiLU, GELU and Hardswish are; a ReLU written as ``x * (x > 0)`` or with ``where`` is not seen.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import get_gradient_edge

from gradviz_core.tracing.torch_private import saved
from gradviz_core.tracing.torch_private.names import missing

Edge = tuple[Any, int]
"""A node of the graph, and which of its outputs."""
What = Literal["relu", "capped", "barred", "unchanged", "pooling"]

BARRED = {
    "Gelu": "GELU",
    "Silu": "SiLU",
    "Mish": "Mish",
    "Elu": "ELU",
    "Celu": "CELU",
    "Softplus": "Softplus",
    "LogSigmoid": "log-sigmoid",
    "Hardswish": "Hardswish",
    "Glu": "GLU",
    "Tanh": "tanh",
    "Erf": "erf",
    "Sin": "sine",
    "Cos": "cosine",
    "Atan": "arc tangent",
    "LeakyRelu": "leaky ReLU",
    "PreluKernel": "PReLU",
    "RreluWithNoise": "RReLU",
    "Hardshrink": "Hardshrink",
    "Softshrink": "Softshrink",
    "CopySlices": "write into part of a value",
}
"""By the name of the node: activations that let negative values through or are curved, and a write into a part of a
value, inside of which nothing can be seen."""
UNCHANGED = {
    "Sigmoid": "sigmoid",
    "Hardsigmoid": "hard sigmoid",
    "Softmax": "softmax",
    "SafeSoftmax": "softmax",
    "LogSoftmax": "log-softmax",
}
"""Those that weigh other values, as in squeeze-and-excitation and in attention, or end the network."""
_RECURRENT = ("Rnn", "Lstm", "Gru")
_CURVES = frozenset("Sigmoid Hardsigmoid Hardtanh Clamp ClampMin Relu Exp Reciprocal".split())
"""Of these, and of what is barred, a value is multiplied by its own: x · sigmoid(x)."""
_MOVES = frozenset("Clone Add Sub Rsub Mul Div Neg ToCopy Alias View Reshape".split())


@dataclass(frozen=True, slots=True)
class Activations:
    """What stands between a value and a score."""

    nodes: Mapping[Any, tuple[What, str]]
    """Each node that is an activation or a max pooling, and its name, those next to the value first."""

    @property
    def relus(self) -> list[Any]:
        """The nodes of the ReLUs, those with an upper limit among them."""
        return [node for node, (what, _) in self.nodes.items() if what in ("relu", "capped")]

    def count(self, wanted: What) -> Counter[str]:
        """How many there are of one kind, by name."""
        return Counter(name for what, name in self.nodes.values() if what == wanted)


def between(score: Tensor, network: Iterable[Tensor], value: Tensor) -> Activations:
    """The activations on the paths from ``value`` to ``score``, as far as they belong to the network, which ends at
    ``network``: how a score is read from there, by a softmax say, does not count.

    Raises:
        QuestionError: PyTorch no longer says what a node is.
    """
    inside = set(_in_order(tensor.grad_fn for tensor in network if tensor.grad_fn is not None))
    edge = get_gradient_edge(value)
    leading = set[Any]()
    found = dict[Any, tuple[What, str]]()
    for node in _in_order([score.grad_fn] if score.grad_fn is not None else []):
        if any((before, nr) == (edge.node, edge.output_nr) or before in leading for before, nr in _inputs(node)):
            leading.add(node)
            if node in inside and (kind := _kind(node)) is not None:
                found[node] = kind
    return Activations(found)


def _inputs(node: Any) -> Iterator[Edge]:
    """The edges along which the node passes gradients on."""
    return ((before, nr) for before, nr in node.next_functions if before is not None)


def _in_order(ends: Iterable[Any]) -> Iterator[Any]:
    """All nodes that lead to the ends, each once, after those that it passes gradients on to."""
    seen, done = set[Any](), set[Any]()
    waiting = list(ends)
    while waiting:
        node = waiting[-1]
        if node in seen:
            waiting.pop()
            if node not in done:
                done.add(node)
                yield node
            continue
        seen.add(node)
        waiting += [before for before, _ in _inputs(node) if before not in seen]


def _operation(node: Any) -> str:
    """``Relu`` for ``ReluBackward0``."""
    return re.sub(r"Backward\d*(_copy)?$", "", node.name().rpartition(":")[2])


def _kind(node: Any) -> tuple[What, str] | None:
    """What a node is; None where it is no activation."""
    operation = _operation(node)
    if isinstance(node, BackwardCFunction):
        return "barred", f"autograd function {operation}"
    if operation in BARRED:
        return "barred", BARRED[operation]
    if operation in UNCHANGED:
        return "unchanged", UNCHANGED[operation]
    if "MaxPool" in operation:
        return "pooling", "max pooling"
    if any(part in operation for part in _RECURRENT):
        return "barred", "recurrent layer"
    if operation == "Mul" and _by_its_own_curve(node):
        return "barred", "smooth activation written out"
    return _rectifier(node, operation)


def _rectifier(node: Any, operation: str) -> tuple[What, str] | None:
    """Whether it is max(x, 0), or that with an upper limit; and what else cuts values off."""
    match operation:
        case "Relu":
            return "relu", "ReLU"
        case "Threshold":
            return ("relu", "ReLU") if _is_zero(_limit(node, "threshold")) else ("barred", "threshold")
        case "ClampMin":
            return ("relu", "ReLU") if _is_zero(_limit(node, "min")) else ("unchanged", "clamp")
        case "Clamp":
            low, high = _limit(node, "min"), _limit(node, "max")
            if not _is_zero(low) or not (high is None or bool(torch.as_tensor(high == 6).all())):
                return "unchanged", "clamp"
            return ("relu", "ReLU") if high is None else ("capped", "ReLU6")
        case "Hardtanh":
            return ("capped", "ReLU6") if _is_zero(_limit(node, "min_val")) else ("barred", "hardtanh")
        case "Maximum" | "Fmax" if any(before is None for before, _ in node.next_functions):
            constant = ("self", "other")[[before is None for before, _ in node.next_functions].index(True)]
            return ("relu", "ReLU") if _is_zero(_limit(node, constant)) else ("unchanged", "maximum")
        case _:
            return None


def _limit(node: Any, name: str) -> Any:
    try:
        return saved.kept(node, name)
    except saved.Gone:
        raise missing(f"{type(node).__name__}._saved_{name}", "tells a ReLU from other limits") from None


def _is_zero(limit: Any) -> bool:
    return limit is not None and bool(torch.as_tensor(limit == 0).all())


def _by_its_own_curve(node: Any) -> bool:
    """Whether a value is multiplied by a curve of itself: x · sigmoid(x)."""
    edges = list(_inputs(node))
    if len(edges) != 2:
        return False
    first, second = map(_source, edges)
    return _is_curve_of(first, second) or _is_curve_of(second, first)


def _source(edge: Edge) -> Edge:
    """Where a value comes from, past the copies that are made of it."""
    while _operation(edge[0]) == "Clone":
        (edge,) = _inputs(edge[0])
    return edge


def _is_curve_of(edge: Edge, value: Edge) -> bool:
    """Whether operations on single numbers, at least one of them curved, lead from ``value`` to ``edge``."""
    curved = False
    while edge != value:
        operation = _operation(edge[0])
        if operation not in _MOVES | _CURVES | BARRED.keys():
            return False
        curved = curved or operation not in _MOVES
        edges = list(_inputs(edge[0]))
        if len(edges) != 1:
            return False
        edge = _source(edges[0])
    return curved
