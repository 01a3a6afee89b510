"""The computation graph behind a tensor, read off what autograd recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from gradviz_core.tracing.torch_private import saved
from gradviz_core.types.lesson_cards import Graph, GraphNode

MOST_NODES = 40
"""Larger graphs are cut, and say so."""

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "Addmm": ("bias", "input", "weight"),
    "Convolution": ("input", "weight", "bias"),
    "Mul": ("first factor", "second factor"),
    "Sub": ("value it is taken from", "value taken away"),
    "MseLoss": ("prediction", "value to compare with"),
}
"""What the arguments of an operation are called, in the order in which autograd keeps them."""
_ORDINALS = ("first", "second", "third", "fourth", "fifth")

Node = Any
"""An autograd node; its class is made at run time, so there is no static type for it."""


def names_of(results: Mapping[str, object]) -> dict[int, str]:
    """Names of the leaves among the results and in their modules, by the tensor's ``id``."""
    names = {
        id(parameter): f"{key}.{name}"
        for key, value in results.items()
        if isinstance(value, nn.Module)
        for name, parameter in value.named_parameters()
    }
    return names | {id(v): key for key, v in results.items() if isinstance(v, Tensor) and v.is_leaf}


def record(result: Tensor, name: str, names: Mapping[int, str]) -> Graph | None:
    """The graph that leads to ``result``, nearest nodes first; None where nothing was recorded.

    A node has the shape of what its operation returned. Arguments without a gradient are drawn once for each use. Of a
    large graph the nodes beyond ``MOST_NODES`` are one, which says how many they are.
    """
    if result.grad_fn is None:
        return None
    nodes = [GraphNode(name, shape_text(result), "result")]
    edges: list[tuple[int, int]] = []
    numbers: dict[Node, int] = {}
    queue: list[tuple[Node, int, int, str]] = [(result.grad_fn, 0, 0, "")]
    left_out = 0
    for node, output, user, role in queue:
        if node is None or node not in numbers:
            numbers[node] = here = len(nodes)
            if here < MOST_NODES:
                nodes.append(_described(node, output, role, names))
            else:
                left_out += 1
            if node is not None:
                queue.extend((*earlier, here, _role(node, place)) for place, earlier in enumerate(node.next_functions))
        edges.append((numbers[node], user))
    if left_out:
        nodes.append(GraphNode(f"and {left_out} more", "", "more"))
        edges = _once_with(MOST_NODES, edges)
    return Graph(tuple(nodes), tuple(edges))


def shape_text(tensor: Tensor) -> str:
    """Such as ``1×10``, and ``scalar`` for a single number without dimensions."""
    return _shape(tuple(tensor.shape))


def _once_with(more: int, edges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The edges, those from and to the node that stands for many only once."""
    whole = [edge for edge in edges if more not in edge]
    return whole + sorted({edge for edge in edges if more in edge and edge != (more, more)})


def _described(node: Node, output: int, role: str, names: Mapping[int, str]) -> GraphNode:
    if node is None:
        return GraphNode("no gradient", "", "no_gradient", role)
    variable = saved.leaf(node, needed_to="draws the graph of a result")
    if variable is not None:
        return GraphNode(names.get(id(variable), "an unnamed tensor"), shape_text(variable), "leaf")
    return GraphNode(_operation(node), _shape_after(node, output), "operation")


def _shape_after(node: Node, output: int) -> str:
    try:
        return _shape(saved.shape(node, output))
    except saved.Gone:
        return ""


def _operation(node: Node) -> str:
    return type(node).__name__.rstrip("0123456789").removesuffix("Backward")


def _role(node: Node, place: int) -> str:
    """What the argument at this place is to the operation."""
    named = ARGUMENTS.get(_operation(node), ())
    if place < len(named):
        return named[place]
    return f"{_ORDINALS[place]} argument" if place < len(_ORDINALS) else f"argument {place + 1}"


def _shape(sizes: tuple[int, ...]) -> str:
    return "×".join(str(size) for size in sizes) or "scalar"
