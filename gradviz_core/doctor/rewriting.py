"""The author's own line, mended: for lines so simple that their text alone tells how."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import torch
import torch.nn.functional as F

from gradviz_core.doctor.operations import DETACH, ZERO_DERIVATIVE
from gradviz_core.types.findings import Cause

Cut = tuple[int, int, str]
"""What to put in place of which bytes of a line."""

_LONGEST = 199
"""A longer line may have lost its end."""
_FLOATS = frozenset({"float", "double", "half", "bfloat16"})
_WHOLE = frozenset({"long", "int", "short", "char", "byte"})
_FLAT = frozenset(name for name in ZERO_DERIVATIVE if name.rstrip("_") in "round floor ceil trunc fix sign sgn".split())
_ROUNDING = {("zero_derivative", name) for name in _FLAT} | {("integer", name) for name in _WHOLE}


def rewritten(cause: Cause, operation: str, line: str, lost: bool) -> str:
    """The line to put in place of ``line``, where ``operation`` of torch cuts the gradient; empty where the line is not
    that simple. ``lost`` says that nothing else flows through what it writes to."""
    if len(line) > _LONGEST or _statement(line) is None:
        return ""
    new = ""
    if cause == "detach":
        new = _attached(operation, line, lost)
    elif cause in ("in_place_leaf", "in_place_needed"):
        attached = _without(line, {"data", "detach"})
        new = _out_of_place(operation, attached) if _statement(attached) is not None else ""
    elif (cause, operation) in _ROUNDING:
        new = _straight_through(line, operation)
    return "" if new == line else new


def _statement(line: str) -> ast.stmt | None:
    """The one statement on it."""
    try:
        body = ast.parse(line).body
    except (SyntaxError, ValueError):
        return None
    return body[0] if len(body) == 1 else None


# -------------------------------------------------------------------------------------------------------------- detach


def _attached(operation: str, line: str, lost: bool) -> str:
    if operation in ("data=", "detach_copy"):
        return ""
    if operation == "detach_" and isinstance(_statement(line), ast.Expr):
        return f"pass  # not {line}"
    new = _without(line, {operation} if operation in DETACH else {"data", "detach"})
    return new if lost or _written(line) == _written(new) else _out_of_place(operation, new)


def _written(line: str) -> str:
    """What a line writes to in place, as it stands there."""
    match _statement(line):
        case ast.AugAssign(target=target) | ast.Assign(targets=[ast.Subscript() as target]):
            return ast.unparse(target)
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=target, attr=method))) if method.endswith("_"):
            return ast.unparse(target)
    return ""


def _without(line: str, names: set[str]) -> str:
    """The line without ``.detach()``, ``torch.detach(...)`` or ``.data``."""
    cuts: list[Cut] = []
    for node in ast.walk(ast.parse(line)):
        if isinstance(node, ast.Attribute) and node.attr == "data" and "data" in names:
            cuts.append((_dot(line, node), _end(node), ""))
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in names:
            continue
        if not node.args:
            cuts.append((_dot(line, node.func), _end(node), ""))
        elif len(node.args) == 1 and _is_torch(node.func.value):
            cuts += [(node.col_offset, node.args[0].col_offset, "("), (_end(node.args[0]), _end(node), ")")]
    return _cut(line, cuts)


# ------------------------------------------------------------------------------------------------------------ in place


def _out_of_place(operation: str, line: str) -> str:
    """The line with a result of its own, or one before it that makes a copy to write to."""
    statement = _statement(line)
    match statement:
        case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
            return f"{name} = {ast.unparse(ast.BinOp(ast.Name(name), op, value))}"
        case ast.AugAssign(target=ast.Subscript() as target) | ast.Assign(targets=[ast.Subscript() as target]):
            return _on_a_copy(_root(target), line)
        case ast.Expr(value=ast.Call() as call):
            return _assigned(call, line)
    new = _cut(line, _not_in_place(line, operation))
    return new if new != line else ""


def _assigned(call: ast.Call, line: str) -> str:
    """A call that stands alone, with what it returns given to the name that it would have written to."""
    match call.func:
        case ast.Attribute(value=module) if _is_torch(module):
            written = call.args[0] if call.args else None
            new = _cut(line, _not_in_place(line, getattr(call.func, "attr", "")))
            return f"{written.id} = {new}" if isinstance(written, ast.Name) and new != line else ""
        case ast.Attribute(value=ast.Name(id=name), attr=method) if method.endswith("_") and name != "self":
            new = _cut(line, _not_in_place(line, method))
            return f"{name} = {new}" if new != line else f"{name} = {name}.clone(){line[len(name) :]}"
        case ast.Attribute(value=ast.Subscript() as target, attr=method) if method.endswith("_"):
            return _on_a_copy(_root(target), line)
    return ""


def _not_in_place(line: str, operation: str) -> Iterator[Cut]:
    """Drops the underscore of a function, and says ``inplace=False``."""
    for node in ast.walk(ast.parse(line)):
        if isinstance(node, ast.keyword) and node.arg == "inplace":
            yield node.value.col_offset, _end(node.value), "False"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == operation:
            homes = (torch, F) if _is_torch(node.func.value) else (torch.Tensor,)
            if operation.endswith("_") and any(hasattr(home, operation[:-1]) for home in homes):
                yield _end(node.func) - 1, _end(node.func), ""


def _on_a_copy(name: str, line: str) -> str:
    return f"{name} = {name}.clone()\n{line}" if name else ""


def _root(node: ast.expr) -> str:
    """The name of which it is a part; empty where it is none."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


# ------------------------------------------------------------------------------------------------------------ rounding


def _straight_through(line: str, operation: str) -> str:
    """The line with rounded values forward, and the gradient of what is rounded."""
    match _statement(line):
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method))) if method.endswith("_"):
            return f"{name} = {_passed(name, f'{name}.{method[:-1]}()')}" if method == operation else ""
    cuts: list[Cut] = []
    for node in ast.walk(ast.parse(line)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        rounding = node
        if operation in _WHOLE:
            inner = node.func.value
            if node.func.attr not in _FLOATS or not isinstance(inner, ast.Call):
                continue
            rounding = inner
        rounded = _rounded(rounding, operation)
        if rounded is not None:
            cuts.append((node.col_offset, _end(node), f"({_passed(ast.unparse(rounded), ast.unparse(node))})"))
    return _cut(line, cuts)


def _rounded(call: ast.Call, operation: str) -> ast.expr | None:
    """What a call rounds, if that may be written twice: a name, or a part of one."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr != operation:
        return None
    value: ast.expr | None = call.func.value
    if _is_torch(call.func.value):
        value = call.args[0] if call.args else None
    return value if isinstance(value, ast.Name | ast.Attribute | ast.Subscript) else None


def _passed(value: str, rounded: str) -> str:
    return f"{value} + ({rounded} - {value}).detach()"


# -------------------------------------------------------------------------------------------------------------- common


def _is_torch(node: ast.expr) -> bool:
    return ast.unparse(node) in ("torch", "F", "nn.functional", "torch.nn.functional")


def _end(node: ast.expr) -> int:
    assert node.end_col_offset is not None
    return node.end_col_offset


def _dot(line: str, node: ast.Attribute) -> int:
    return line.encode().rindex(b".", 0, _end(node))


def _cut(line: str, cuts: Iterator[Cut] | list[Cut]) -> str:
    text = line.encode()
    for start, end, new in sorted(set(cuts), reverse=True):
        text = text[:start] + new.encode() + text[end:]
    return text.decode()
