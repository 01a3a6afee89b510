"""A computation graph as Graphviz DOT. No torch.

Every node brings its own background, so the text reads well on a light page and on a dark one; edges have a grey that
both show.
"""

from __future__ import annotations

from gradviz_core.types.lesson_cards import Graph, GraphNode, NodeKind, Recorded

FONT = 14
"""Points; a drawing that is scaled down is still read."""
MARGINS = 5
INK = "#1b1f23"
EDGE = "#7d8891"
_LOOKS: dict[NodeKind, str] = {
    "leaf": 'shape=box style="filled,rounded" fillcolor="#bfe5df" color="#0f766e"',
    "operation": 'shape=box style="filled" fillcolor="#e9ebe8" color="#8b96a0"',
    "result": 'shape=box style="filled,rounded" fillcolor="#f6dfa8" color="#a06a00"',
    "no_gradient": 'shape=box style="filled,dashed" fillcolor="#ffffff" color="#8b96a0"',
    "more": 'shape=box style="filled,dashed" fillcolor="#ffffff" color="#8b96a0"',
}
_KINDS: dict[NodeKind, tuple[str, str]] = {
    "result": ("result", "results"),
    "operation": ("operation", "operations"),
    "leaf": ("leaf", "leaves"),
    "no_gradient": ("value without a gradient", "values without a gradient"),
    "more": ("that stands for many", ""),
}


def dot(graph: Graph) -> str:
    """The graph as DOT text, inputs at the top and the result at the bottom."""
    lines = [
        "digraph {",
        '  graph [rankdir=TB bgcolor="transparent" nodesep=0.25 ranksep=0.3]',
        f'  node [fontname="sans-serif" fontsize={FONT} fontcolor="{INK}" margin="0.12,0.06"]',
        f'  edge [color="{EDGE}" arrowsize=0.7]',
        *(f"  n{i} [label={_quoted(_label(node))} {_LOOKS[node.kind]}]" for i, node in enumerate(graph.nodes)),
        *(f"  n{start} -> n{end}" for start, end in graph.edges),
        "}",
    ]
    return "\n".join(lines)


def levels(graph: Graph) -> int:
    """How many nodes stand below each other at most: those of the longest way to the result, the first node."""
    return max(_depths(graph))


def breadth(graph: Graph) -> int:
    """Characters of the level that has most of them, with as many for each box as its margins take."""
    widths = [max(map(len, _label(node).split("\n"))) + MARGINS for node in graph.nodes]
    depths = _depths(graph)
    return max(sum(w for w, depth in zip(widths, depths, strict=True) if depth == level) for level in depths)


def _depths(graph: Graph) -> list[int]:
    depth = [1] * len(graph.nodes)
    for _ in graph.nodes:  # no way is longer than there are nodes
        for start, end in graph.edges:
            depth[start] = min(max(depth[start], depth[end] + 1), len(depth))
    return depth


def title(recorded: Recorded) -> str:
    """What stands above the drawing, or above the words that there is none."""
    return f"Computation graph of {recorded.name}{f', {recorded.when}' if recorded.when else ''}"


def legend(graph: Graph) -> str:
    """What stands below the drawing."""
    said = "As recorded by PyTorch. Arrows show the forward pass; the gradient flows in the opposite direction."
    cut = any(node.kind == "no_gradient" for node in graph.nodes)
    dashed = "A dashed box is a value without a gradient, such as a number or a detached tensor: the path ends there."
    return f"{said} {dashed}" if cut else said


def described(graph: Graph) -> str:
    """The graph for those who do not see it: how many nodes of which kind, and for each what it comes from."""
    counted = ", ".join(
        f"{count} {one if count == 1 else many}"
        for kind, (one, many) in _KINDS.items()
        if (count := sum(node.kind == kind for node in graph.nodes))
    )
    names = _names(graph)
    sentences = [f"{_many(len(graph.nodes), 'node')} ({counted}) and {_many(len(graph.edges), 'edge')}"]
    for number, name in enumerate(names):
        earlier = [names[start] for start, end in graph.edges if end == number]
        if earlier:
            sentences.append(f"{name} comes from {_listed(earlier)}")
    return ". ".join(sentences) + "."


def _names(graph: Graph) -> list[str]:
    """A name for each node; operations of the same name are numbered."""
    labels = [node.label for node in graph.nodes]
    return [_name(node, labels[:i].count(node.label), labels.count(node.label)) for i, node in enumerate(graph.nodes)]


def _name(node: GraphNode, before: int, alike: int) -> str:
    match node.kind:
        case "no_gradient":
            return f"a value without a gradient as its {node.role}"
        case "more":
            return f"{node.label.removeprefix('and ')} nodes that are not drawn"
        case "leaf":
            return f"the leaf {node.label} ({node.shape})"
        case "operation" if alike > 1:
            return f"{node.label} number {before + 1} ({node.shape})"
        case _:
            return f"{node.label} ({node.shape})"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _label(node: GraphNode) -> str:
    if node.kind == "no_gradient":
        return f"{node.role}:\nno gradient here" if node.role else "no gradient here"
    return f"{node.label}\n{node.shape}" if node.shape else node.label


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
