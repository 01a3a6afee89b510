"""A computation graph as Graphviz DOT. No torch.

Every node brings its own background, so the text reads well on a light page and on a dark one; edges have a grey that
both show.
"""

from __future__ import annotations

from gradviz_core.lesson_cards import Graph, GraphNode, NodeKind

INK = "#1b1f23"
EDGE = "#7d8891"
_LOOKS: dict[NodeKind, str] = {
    "leaf": 'shape=box style="filled,rounded" fillcolor="#bfe5df" color="#0f766e"',
    "operation": 'shape=box style="filled" fillcolor="#e9ebe8" color="#8b96a0"',
    "result": 'shape=box style="filled,rounded" fillcolor="#f6dfa8" color="#a06a00"',
    "no_gradient": 'shape=box style="filled,dashed" fillcolor="#ffffff" color="#8b96a0"',
    "more": 'shape=box style="filled,dashed" fillcolor="#ffffff" color="#8b96a0"',
}


def dot(graph: Graph) -> str:
    """The graph as DOT text, inputs at the top and the result at the bottom."""
    lines = [
        "digraph {",
        '  graph [rankdir=TB bgcolor="transparent" nodesep=0.25 ranksep=0.3]',
        f'  node [fontname="sans-serif" fontsize=11 fontcolor="{INK}" margin="0.12,0.06"]',
        f'  edge [color="{EDGE}" arrowsize=0.7]',
        *(f"  n{i} [label={_quoted(_label(node))} {_LOOKS[node.kind]}]" for i, node in enumerate(graph.nodes)),
        *(f"  n{start} -> n{end}" for start, end in graph.edges),
        "}",
    ]
    return "\n".join(lines)


def in_words(graph: Graph) -> str:
    """The graph for those who do not see it: its result, its operations in order, its leaves."""
    operations = [node.label for node in graph.nodes if node.kind in ("operation", "result")]
    leaves = [_label(node).replace("\n", " ") for node in graph.nodes if node.kind == "leaf"]
    return (
        f"Computation graph of {len(graph.nodes)} nodes. Leaves: {', '.join(leaves) or 'none'}. "
        f"From the result back: {', '.join(operations)}."
    )


def _label(node: GraphNode) -> str:
    return f"{node.label}\n{node.shape}" if node.shape else node.label


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
