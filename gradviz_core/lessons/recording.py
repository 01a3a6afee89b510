"""The computation graph behind a tensor, read off what autograd recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from gradviz_core.lesson_cards import Graph, GraphNode

MOST_NODES = 40
"""Larger graphs are cut, and say so."""

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

    A node has the shape of what its operation returned. Arguments without a gradient are drawn once for each use.
    """
    if result.grad_fn is None:
        return None
    nodes = [GraphNode(name, shape_text(result), "result")]
    edges: list[tuple[int, int]] = []
    numbers: dict[Node, int] = {}
    queue: list[tuple[Node, int, int]] = [(result.grad_fn, 0, 0)]
    left_out = 0
    for node, output, user in queue:
        if node in numbers:
            edges.append((numbers[node], user))
        elif len(nodes) >= MOST_NODES:
            left_out += 1
        else:
            here = len(nodes)
            nodes.append(_described(node, output, names))
            edges.append((here, user))
            if node is not None:
                numbers[node] = here
                queue.extend((earlier, number, here) for earlier, number in node.next_functions)
    if left_out:
        nodes.append(GraphNode(f"and {left_out} more", "", "more"))
    return Graph(tuple(nodes), tuple(edges))


def shape_text(tensor: Tensor) -> str:
    """Such as ``1×10``, and ``scalar`` for a single number without dimensions."""
    return _shape(tuple(tensor.shape))


def _described(node: Node, output: int, names: Mapping[int, str]) -> GraphNode:
    if node is None:
        return GraphNode("no gradient", "", "no_gradient")
    variable: Tensor | None = getattr(node, "variable", None)
    if variable is not None:
        return GraphNode(names.get(id(variable), "a tensor without a name"), shape_text(variable), "leaf")
    operation = type(node).__name__.rstrip("0123456789").removesuffix("Backward")
    return GraphNode(operation, _shape(tuple(node._input_metadata[output].shape)), "operation")


def _shape(sizes: tuple[int, ...]) -> str:
    return "×".join(str(size) for size in sizes) or "scalar"
