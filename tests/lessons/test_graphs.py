"""The computation graph: what is recorded, and its DOT text."""

from __future__ import annotations

import re

import pytest
import torch
from torch.nn import functional

from gradviz_core.lessons.contents import LESSONS
from gradviz_core.lessons.graph import MARGINS, breadth, described, dot, levels, title
from gradviz_core.lessons.recording import MOST_NODES, names_of, record
from gradviz_core.lessons.running import run
from gradviz_core.types.controls import Choice
from gradviz_core.types.lesson_cards import Graph, GraphNode, Lesson, NodeKind

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
    assert graph.nodes[-1].label == f"and {10_001 - (MOST_NODES - 1)} more", "10,000 sums and x, without those drawn"
    read(dot(graph))
    counted(graph)
    assert {(MOST_NODES, i) for i in range(MOST_NODES)} & set(graph.edges), "the rest leads to what is drawn"
    assert len(set(graph.edges)) == len(graph.edges)


def every_graph(lesson: Lesson) -> list[Graph]:
    causes = next((c.options for c in lesson.controls if c.name == "cause" and isinstance(c, Choice)), ())
    choices = [{"cause": option.value} for option in causes] or [{}]
    steps = [step for chosen in choices for step in run(lesson.key, chosen).steps]
    return [recorded.graph for step in steps for recorded in step.graphs if recorded.graph]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.key)
def test_every_graph_of_every_lesson_is_sound_dot_and_told_in_words(lesson: Lesson) -> None:
    graphs = every_graph(lesson)
    assert graphs
    for graph in graphs:
        nodes, edges = read(dot(graph))
        assert list(nodes) == list(range(len(graph.nodes)))
        assert edges == set(graph.edges)
        assert {node for edge in edges for node in edge} == set(nodes)
        assert "an unnamed tensor" not in described(graph)
        leaves = [node.label for node in graph.nodes if node.kind == "leaf"]
        assert leaves
        assert all(label in described(graph) for label in leaves)
        counted(graph)


def counted(graph: Graph) -> None:
    """The words name as many nodes and edges as there are, of each kind and in all."""
    first, *sentences = described(graph).removesuffix(".").split(". ")
    match = re.fullmatch(r"(\d+) nodes? \((.*)\) and (\d+) edges?", first)
    assert match
    kinds = [int(kind.split()[0]) for kind in match[2].split(", ")]
    assert int(match[1]) == sum(kinds) == len(graph.nodes)
    assert int(match[3]) == len(graph.edges)
    come_from = [sentence.split(" comes from ")[1] for sentence in sentences]
    assert sum(len(re.split(", | and (?!no)", said)) for said in come_from) == len(graph.edges)
    users = {end for _, end in graph.edges}
    assert len(come_from) == len(users)
    said = described(graph).count("a value without a gradient as its ")
    assert said == sum(node.kind == "no_gradient" for node in graph.nodes)


@pytest.mark.parametrize(("missing", "role"), [(0, "bias"), (1, "input"), (2, "weight")])
def test_the_argument_without_a_gradient_is_named(missing: int, role: str) -> None:
    """Of a linear layer and of a convolution, in the order (bias, input, weight)."""
    for layer, shapes in (
        (functional.linear, ((2,), (3, 4), (2, 4))),
        (functional.conv2d, ((2,), (1, 3, 8, 8), (2, 3, 3, 3))),
    ):
        bias, x, weight = (torch.ones(shape, requires_grad=i != missing) for i, shape in enumerate(shapes))
        graph = recorded(layer(x, weight, bias), bias=bias, x=x, weight=weight)
        (absent,) = [node for node in graph.nodes if node.kind == "no_gradient"]
        assert absent.role == role
        assert f"{role}:\\nno gradient here" in dot(graph)
        assert f"a value without a gradient as its {role}" in described(graph)


def test_a_graph_in_words() -> None:
    x = torch.ones(3, requires_grad=True)
    y = x.exp()
    assert described(recorded((y * y.detach()) * y, x=x)) == (
        "6 nodes (1 result, 3 operations, 1 leaf, 1 value without a gradient) and 6 edges. "
        "y (3) comes from Mul number 1 (3). "
        "Mul number 1 (3) comes from Mul number 2 (3) and Exp (3). "
        "Mul number 2 (3) comes from Exp (3) and a value without a gradient as its second factor. "
        "Exp (3) comes from the leaf x (3)."
    )


CUTS: dict[str, tuple[str, set[str] | None, set[str]]] = {
    # cause: whose graph is drawn before the repair, its leaves (None: no graph), the leaves after it
    "no_grad": ("loss", None, {"weight"}),
    "integer": ("loss", None, {"weight"}),
    "argmax": ("winner", None, {"scores"}),
    "item": ("number", None, {"weight"}),
    "new_tensor": ("loss", {"new"}, {"weight"}),
    "frozen": ("loss", {"layer.bias"}, {"layer.bias", "layer.weight"}),
    "unused": (
        "loss",
        {"used.bias", "used.weight"},
        {"used.bias", "used.weight", "unused.bias", "unused.weight"},
    ),
    "moved": ("loss", {"leaf"}, {"again"}),
}


@pytest.mark.parametrize("cause", CUTS)
def test_what_is_drawn_is_the_broken_graph_and_the_repaired_one_says_that_it_is(cause: str) -> None:
    name, leaves, repaired = CUTS[cause]
    step = run("missing-gradients", {"cause": cause}).steps[-1]
    broken, mended = step.graphs
    assert (broken.name, broken.when) == (name, "before the fix")
    assert (None if broken.graph is None else _leaves(broken.graph)) == leaves
    assert mended.graph is not None
    assert _leaves(mended.graph) == repaired
    assert title(mended).endswith(", after the fix")
    assert mended.name != broken.name
    printed = {output.name: output.text for output in step.outputs}
    assert ("grad_fn" in printed[broken.name]) == (broken.graph is not None), "nothing was recorded, nothing is printed"
    assert "grad_fn" in printed[mended.name]
    order = list(printed)
    assert order.index(broken.name) < order.index(mended.name)
    if cause == "frozen":
        assert broken.graph is not None
        assert [node.role for node in broken.graph.nodes if node.kind == "no_gradient"] == ["input", "weight"]


def test_the_leaf_behind_a_value_on_the_way_has_its_name() -> None:
    (recorded,) = run("missing-gradients", {"cause": "non_leaf"}).steps[-1].graphs
    assert recorded.graph is not None
    assert _leaves(recorded.graph) == {"leaf"}


def _leaves(graph: Graph) -> set[str]:
    return {node.label for node in graph.nodes if node.kind == "leaf"}


def test_levels_are_those_of_the_longest_way() -> None:
    x, weight = torch.ones(1, 5, requires_grad=True), torch.ones(5, 1, requires_grad=True)
    assert levels(recorded((x @ weight).sum(), x=x, weight=weight)) == 4
    assert levels(recorded((x.exp().exp() + x).sum(), x=x)) == 6, "the short way to x does not count"


def test_breadth_is_that_of_the_broadest_level() -> None:
    x, weight = torch.ones(1, 5, requires_grad=True), torch.ones(5, 1, requires_grad=True)
    narrow = recorded((x @ weight).sum(), x=x, weight=weight)
    assert breadth(narrow) == len("1×5") + len("weight") + 2 * MARGINS
    assert breadth(recorded((x @ weight).sum(), x=x, the_weight=weight)) == breadth(narrow) + len("the_")


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
