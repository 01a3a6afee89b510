"""JSON of a stranger, read within limits; and the parts of it taken out with their types checked."""

from __future__ import annotations

import json
import re
from typing import Any, Never, TypeVar

from gradviz_core.errors import BadModel
from gradviz_core.uploads.exported.sentences import AGAIN

MOST_BYTES = 48_000_000
"""torchvision's largest graph takes 3 MB, mostly the author's lines and names of layers."""
MOST_BRACKETS = 4_000_000
"""Outside of strings. The twenty thousand operations that a graph may have take some two million; each pair becomes an
object of a hundred bytes."""
MOST_NESTED = 100
"""Brackets within brackets; torch writes some fifteen."""

_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_BRACKETS = b"[]{}"
_NO_BRACKETS = bytes(set(range(256)) - set(_BRACKETS))

T = TypeVar("T")


def load(data: bytes | memoryview, what: str) -> Any:
    """The value that ``data`` holds; ``what`` names the member in errors.

    Raises:
        BadModel: it is too long or nested too deeply, is no JSON, or says something twice.
    """
    if len(data) > MOST_BYTES:
        raise BadModel(f"{what} has {len(data):,} bytes; the limit is {MOST_BYTES:,}. Export a smaller model.")
    raw = bytes(data)
    brackets = _STRING.sub(b"", raw).translate(None, _NO_BRACKETS)
    if len(brackets) > MOST_BRACKETS:
        found, limit = f"{len(brackets):,}", f"{MOST_BRACKETS:,}"
        raise BadModel(f"{what} has {found} brackets; the limit is {limit}. Export a smaller model.")
    if _depth(brackets) > MOST_NESTED:
        raise BadModel(f"{what} is nested more than {MOST_NESTED} deep, as torch.export never writes it. {AGAIN}")
    try:
        return json.loads(raw, object_pairs_hook=_object, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        if isinstance(error, BadModel):
            raise
        raise BadModel(f"{what} is not valid JSON. {AGAIN}") from None


def _depth(brackets: bytes) -> int:
    """How deep brackets lie in brackets at most."""
    deepest = depth = 0
    for bracket in brackets:
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise BadModel(f"The file defines {shown(name)} twice in one place, so its meaning is unclear. {AGAIN}")
            seen.add(name)
    return found


def _constant(name: str) -> Never:
    raise BadModel(f"The file holds the number {name}, which is not valid JSON. {AGAIN}")


def shown(value: object) -> str:
    """A value of the file as it may stand in a message: cut, with odd characters escaped."""
    return ascii(value[:80]) if isinstance(value, str) else ascii(value)[:80] if is_number(value) else "something else"


def is_number(value: object) -> bool:
    """Whether it is an ordinary number, short enough to print."""
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**64)


def take(record: object, key: str, kind: type[T]) -> T:
    """``record[key]``, which must be of exactly this kind.

    Raises:
        BadModel: it is not there or of another kind.
    """
    if not isinstance(record, dict):
        raise BadModel(f"The graph is not as torch.export writes it: there is no object to take {key} from. {AGAIN}")
    value = record.get(key)
    if type(value) is not kind:
        raise BadModel(f"The graph is not as torch.export writes it: {key} is missing or of the wrong type. {AGAIN}")
    return value


def only(record: object, what: str) -> tuple[str, Any]:
    """Name and value of the only entry, as torch writes a value that may be of several kinds.

    Raises:
        BadModel: there is none, or more than one.
    """
    if not isinstance(record, dict) or len(record) != 1:
        raise BadModel(f"The graph is not as torch.export writes it: {what} is not of exactly one kind. {AGAIN}")
    ((name, value),) = record.items()
    return name, value


def whole(value: object, what: str) -> int:
    """An integer of at most 64 bits.

    Raises:
        BadModel: it is anything else.
    """
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise BadModel(f"The graph is not as torch.export writes it: {what} is not a 64-bit integer. {AGAIN}")
    return value


def fixed_size(record: object, what: str) -> int | None:
    """A size or stride: a number, or None where it is an expression. The expression itself is never looked at.

    Raises:
        BadModel: it is negative or neither.
    """
    kind, value = only(record, what)
    if kind == "as_expr":
        return None
    if kind != "as_int" or whole(value, what) < 0:
        raise BadModel(f"The graph is not as torch.export writes it: {what} is not a size. {AGAIN}")
    return int(value)
