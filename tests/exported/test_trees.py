"""How the outputs of an exported model lie in tuples, lists and dictionaries."""

from __future__ import annotations

import json

import pytest

from gradviz_core.uploads.exported.outputs import read_tree


def node(kind: str, *children: object, context: object = "null") -> dict[str, object]:
    return {"type": kind, "context": context, "children_spec": list(children)}


LEAF: dict[str, object] = {"type": None, "context": None, "children_spec": []}
MIXED = node("builtins.list", LEAF, node("builtins.tuple", LEAF, LEAF))


@pytest.mark.parametrize(
    ("spec", "values", "expected"),
    [
        (None, [1], 1),
        (None, [1, 2, 3], (1, 2, 3)),
        ([1, LEAF], [1], 1),
        ([1, MIXED], [1, 2, 3], [1, (2, 3)]),
        ([2, MIXED], [1, 2, 3], (1, 2, 3)),
        ([1, MIXED], [1, 2], (1, 2)),
        ([1, node("mine.Pair", LEAF, LEAF)], [1, 2], (1, 2)),
    ],
    ids=["one", "no-words", "leaf", "nested", "another-version", "another-count", "a-class-of-the-author"],
)
def test_outputs_lie_as_the_file_says_and_in_a_tuple_where_it_does_not(
    spec: object, values: list[int], expected: object
) -> None:
    tree = read_tree(None if spec is None else json.dumps(spec), len(values))
    assert tree.filled(values) == expected
