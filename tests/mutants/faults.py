"""The small faults that are written into the sources: cosmic-ray's, at every place where it knows one.

Left out is what no test of behaviour could notice: see ``_left_out``.
"""

from __future__ import annotations

import difflib
import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator as Mutating
from cosmic_ray.plugins import get_operator
from parso.python.tree import Class, Function, IfStmt, Name, Operator, Param
from parso.tree import BaseNode, NodeOrLeaf

WINGS = ("tracing", "types", "methods", "answers", "drawing", "uploads", "images")
"""What is spoilt: the parts of gradviz_core that compute, draw and read."""

KINDS = {
    "condition": "AddNot Delete_Not",
    "constant": "NumberReplacer ReplaceTrueWithFalse ReplaceFalseWithTrue",
    "comparison": "Eq_NotEq NotEq_Eq Lt_LtE Lt_GtE LtE_Lt LtE_Gt Gt_GtE Gt_LtE GtE_Gt GtE_Lt Is_IsNot IsNot_Is",
    "logic": "ReplaceAndWithOr ReplaceOrWithAnd",
    "arithmetic": "Add_Sub Sub_Add Mul_Div Div_Mul Div_FloorDiv FloorDiv_Div Mod_FloorDiv Pow_Mul LShift_RShift "
    "RShift_LShift BitOr_BitAnd BitAnd_BitOr BitXor_BitAnd Delete_USub Delete_Invert",
    "flow": "ZeroIterationForLoop ReplaceBreakWithContinue ReplaceContinueWithBreak ExceptionReplacer RemoveDecorator",
}
"""cosmic-ray's operators. Of its pairs of signs only the near ones: ``<`` becomes ``<=`` or ``>=``, not ``is``."""

Position = tuple[int, int]
"""Line, from 1, and column, from 0."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One operator of cosmic-ray's, at one of the places in a file where it applies.

    ``path`` is relative to the repository; ``function`` is the qualified name of the innermost function around it, or
    "" outside of all; ``name`` is the module's name for the outermost definition or constant around it, or "".
    """

    path: str
    start: Position
    operator: str
    occurrence: int
    function: str
    name: str

    def spoilt(self, text: str) -> str:
        """The text of the file with the fault in it. Raises ValueError where the text has no such place."""
        changed = mutate_code(text, _operator(self.operator), self.occurrence)
        if changed is None:
            raise ValueError(f"{self.path} has no place {self.occurrence} for {self.operator}: its text has changed.")
        return str(changed)

    def difference(self, text: str) -> str:
        """What changes, as one reads it."""
        before, after = text.splitlines(), self.spoilt(text).splitlines()
        lines = list(difflib.unified_diff(before, after, self.path, f"{self.path} ({self.operator})", "", "", 1, ""))
        return "\n".join(lines)


def sample(root: Path, count: int, seed: int) -> list[Fault]:
    """So many faults of the sources under ``root``, each at another place, in no order; all if there are fewer.

    Places are drawn by a hash of their line and function: a change elsewhere, or a file that moves, draws no others.
    """
    places: dict[tuple[str, Position, str], list[Fault]] = defaultdict(list)
    ranks: dict[tuple[str, Position, str], str] = {}
    for path in sorted(path for wing in WINGS for path in (root / "gradviz_core" / wing).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        for kind, fault in faults(path.relative_to(root).as_posix(), text):
            line, column = fault.start
            place = (fault.path, fault.start, kind)
            places[place].append(fault)
            ranks[place] = _hash(seed, kind, fault.function, lines[line - 1], column)
    drawn: list[Fault] = []
    for place in sorted(places, key=lambda place: (ranks[place], place)):
        if len(drawn) == count:
            break
        fault = Random(ranks[place]).choice(places[place])
        if _is_python(fault.spoilt((root / fault.path).read_text(encoding="utf-8"))):
            drawn.append(fault)
    return drawn


def _is_python(text: str) -> bool:
    """Whether a text can be compiled: an alternative in a pattern may not be any other sign."""
    try:
        compile(text, "", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def faults(path: str, text: str) -> Iterator[tuple[str, Fault]]:
    """Every fault that a file can have, with its kind."""
    nodes = list(ast_nodes(get_ast(text)))
    for kind, names in KINDS.items():
        for name in names.split():
            operator = _operator(name)
            found = ((start, node) for node in nodes for start, _ in operator.mutation_positions(node))
            for occurrence, (start, node) in enumerate(found):
                if not _left_out(node):
                    yield kind, Fault(path, start, name, occurrence, _function(node), _name(node))


@cache
def _operator(name: str) -> Mutating:
    """cosmic-ray's operator of that name; its family is told by what it replaces."""
    for family in ("", "ReplaceComparisonOperator_", "ReplaceUnaryOperator_", "ReplaceBinaryOperator_"):
        try:
            return get_operator(f"core/{family}{name}")()
        except KeyError:
            continue
    raise KeyError(name)


def _around(node: NodeOrLeaf) -> Iterator[tuple[BaseNode, NodeOrLeaf]]:
    """Each node that holds the node, from the inside, with its child on the way there."""
    parent = node.parent
    while parent is not None:
        yield parent, node
        node, parent = parent, parent.parent


def _left_out(node: NodeOrLeaf) -> bool:
    """Whether what stands here does nothing when the program runs: an annotation, which mypy reads, a condition for
    type checkers alone, or the ``slots`` of a dataclass. Or the star of a signature, which cosmic-ray takes for a sign,
    or a dotted exception, which it cannot replace."""
    if isinstance(node, Operator) and node.parent is not None and node.parent.type in ("parameters", "dictorsetmaker"):
        return True
    if isinstance(node, BaseNode) and node.type == "except_clause":
        return any("." in child.get_code() for child in node.children)
    if isinstance(node, IfStmt):
        return bool(node.children[1].get_code().strip() == "TYPE_CHECKING")
    for parent, child in _around(node):
        if parent.type == "annassign" and child is parent.children[1]:
            return True
        if isinstance(parent, Param | Function) and child is parent.annotation:
            return True
        if parent.type == "tfpdef" and child is parent.children[-1]:
            return True
        if parent.type == "argument" and getattr(parent.children[0], "value", "") == "slots":
            return True
    return False


def _function(node: NodeOrLeaf) -> str:
    """The qualified name, as Python has it, of the innermost function whose body or head holds a node."""
    name = ""
    holding = [node, *(parent for parent, _ in _around(node))]
    for one in holding:
        if isinstance(one, Function) and one.type == "funcdef":
            name = f"{one.name.value}.<locals>.{name}" if name else one.name.value
        elif isinstance(one, Class) and name:
            name = f"{one.name.value}.{name}"
    return name


def _name(node: NodeOrLeaf) -> str:
    """What the module calls the outermost statement that holds a node: its function, class or constant."""
    statement = next((child for parent, child in _around(node) if parent.type == "file_input"), node)
    while isinstance(statement, BaseNode) and statement.type in ("decorated", "simple_stmt", "expr_stmt"):
        statement = statement.children[-1 if statement.type == "decorated" else 0]
    if isinstance(statement, Function | Class):
        return str(statement.name.value)
    return str(statement.value) if isinstance(statement, Name) else ""
