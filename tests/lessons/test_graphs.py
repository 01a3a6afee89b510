"""The computation graph: what is recorded, and its DOT text."""

from __future__ import annotations

import re

import pytest
import torch

from gradviz_core.lesson_cards import Graph, GraphNode, Lesson, NodeKind
from gradviz_core.lessons.contents import LESSONS
from gradviz_core.lessons.graph import dot, in_words
from gradviz_core.lessons.recording import MOST_NODES, names_of, record
from gradviz_core.lessons.running import run

NODE = re.compile(r'  n(\d+) \[label="((?:[^"\\]|\\.)*)"((?: \w+=(?:\w+|"[^"]*"))*)\]')
EDGE = re.compile(r"  n(\d+) -> n(\d+)")
ATTRIBUTES = re.compile(r'  (graph|node|edge) \[\w+=(?:[\w.]+|"[^"]*")(?: \w+=(?:[\w.]+|"[^"]*"))*\]')


def read(text: str) -> tuple[dict[int, str], set[tuple[int, int]]]:
    """Nodes and edges of DOT text in the form that we write; anything else is an error."""
    first, *lines, last = text.split("\n")
    assert (first, last) == ("digraph {", "}")
    nodes: dict[int, str] = {}
    edges: set[tuple[int, int]] = set()
    for line in lines:
        if node := NODE.fullmatch(line):
            nodes[int(node[1])] = node[2]
        elif edge := EDGE.fullmatch(line):
            edges.add((int(edge[1]), int(edge[2])))
        else:
            assert ATTRIBUTES.fullmatch(line), line
    return nodes, edges


def recorded(result: torch.Tensor, **leaves: object) -> Graph:
    graph = record(result, "y", names_of(leaves))
    assert graph is not None
    return graph


def test_a_graph_has_names_shapes_and_the_direction_of_the_forward_pass() -> None:
    x, weight = torch.ones(1, 5, requires_grad=True), torch.ones(5, 1, requires_grad=True)
    graph = recorded((x @ weight).sum(), x=x, weight=weight)
    assert graph.nodes == (
        GraphNode("y", "scalar", "result"),
        GraphNode("Sum", "scalar", "operation"),
        GraphNode("Mm", "1×1", "operation"),
        GraphNode("x", "1×5", "leaf"),
        GraphNode("weight", "5×1", "leaf"),
    )
    assert set(graph.edges) == {(1, 0), (2, 1), (3, 2), (4, 2)}


def test_a_value_used_twice_is_one_node_with_two_edges() -> None:
    x = torch.ones(3, requires_grad=True)
    y = x.exp()
    graph = recorded(y * y, x=x)
    exp = next(i for i, node in enumerate(graph.nodes) if node.label == "Exp")
    mul = next(i for i, node in enumerate(graph.nodes) if node.label == "Mul")
    assert graph.edges.count((exp, mul)) == 2
    assert sum(node.label == "x" for node in graph.nodes) == 1


def test_what_has_no_gradient_is_drawn_as_such() -> None:
    x = torch.ones(3, requires_grad=True)
    graph = recorded(x * x.detach(), x=x)
    assert [node.kind for node in graph.nodes].count("no_gradient") == 1
    assert record(x.detach(), "y", {}) is None


def test_parameters_have_the_names_of_their_module() -> None:
    layer = torch.nn.Linear(2, 3)
    labels = {node.label for node in recorded(layer(torch.ones(1, 2)), layer=layer).nodes if node.kind == "leaf"}
    assert labels == {"layer.weight", "layer.bias"}


def test_a_large_graph_is_cut_and_says_so() -> None:
    y = x = torch.ones(1, requires_grad=True)
    for _ in range(10_000):
        y = y + x
    graph = recorded(y, x=x)
    assert len(graph.nodes) == MOST_NODES + 1
    assert graph.nodes[-1].kind == "more"
    assert re.fullmatch(r"and \d+ more", graph.nodes[-1].label)
    read(dot(graph))


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.key)
def test_every_graph_of_every_lesson_is_sound_dot(lesson: Lesson) -> None:
    graphs = [step.graph for step in run(lesson.key, {}).steps if step.graph]
    assert graphs
    for graph in graphs:
        nodes, edges = read(dot(graph))
        assert list(nodes) == list(range(len(graph.nodes)))
        assert edges == set(graph.edges)
        assert {node for edge in edges for node in edge} == set(nodes)
        assert "a tensor without a name" not in in_words(graph)
        leaves = [node.label for node in graph.nodes if node.kind == "leaf"]
        assert leaves
        assert all(label in in_words(graph) for label in leaves)


def test_names_cannot_leave_their_quotes() -> None:
    nasty = 'a"] evil [label="\\'
    nodes, _ = read(dot(Graph((GraphNode(nasty, "1×2", "leaf"),), ())))
    assert nodes == {0: 'a\\"] evil [label=\\"\\\\\\n1×2'}


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_it_reads_well_on_a_light_page_and_on_a_dark_one() -> None:
    kinds: tuple[NodeKind, ...] = ("leaf", "operation", "result", "no_gradient", "more")
    text = dot(Graph(tuple(GraphNode("x", "", kind) for kind in kinds), ()))
    (ink,) = set(re.findall(r'fontcolor="(#\w{6})"', text))
    for fill in re.findall(r'fillcolor="(#\w{6})"', text):
        assert contrast(ink, fill) >= 7
    edge = re.findall(r'  edge \[color="(#\w{6})"', text)[0]
    for page in ("#fcfcfb", "#14171a"):  # .streamlit/config.toml
        assert contrast(edge, page) >= 3
    assert 'bgcolor="transparent"' in text
