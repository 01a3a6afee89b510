"""Tensors inside what a module returns: tuples, lists, dictionaries and data classes, nested as they come."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar

from torch import Tensor

T = TypeVar("T")


def map_tensors(value: object, function: Callable[[str, Tensor], Tensor], item: str = "") -> object:
    """``value`` with each tensor in it replaced by ``function(item, tensor)``.

    ``item`` is where the tensor lies: empty for a plain tensor, ``0`` in a tuple or list, the key in a mapping, the
    name of a field, joined by dots when nested. Anything else is returned as it is.
    """
    return map_all(value, Tensor, function, item)


def map_all(value: object, kind: type[T], function: Callable[[str, T], object], item: str = "") -> object:
    """The same for everything of some ``kind``."""

    def inner(name: object, part: object) -> object:
        return map_all(part, kind, function, f"{item}.{name}" if item else str(name))

    match value:
        case _ if isinstance(value, kind):
            return function(item, value)
        case tuple():
            return _like(value, [inner(i, part) for i, part in enumerate(value)])
        case list():
            return [inner(i, part) for i, part in enumerate(value)]
        case dict():
            changed = copy.copy(value)
            for name, part in value.items():
                changed[name] = inner(name, part)
            return changed
        case _ if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{f.name: inner(f.name, getattr(value, f.name)) for f in fields(value) if f.init})
        case _:
            return value


def _like(value: tuple[object, ...], parts: list[object]) -> object:
    """``parts`` as the kind of tuple that ``value`` is: plain, named, or one of torch's own such as ``max`` returns."""
    kind: Callable[..., object] = type(value)
    if hasattr(value, "_fields"):
        return kind(*parts)
    return kind(parts)


def tensors(value: object) -> dict[str, Tensor]:
    """Every tensor in ``value``, by the ``item`` that ``map_tensors`` gives it."""
    found: dict[str, Tensor] = {}
    map_tensors(value, lambda item, tensor: found.setdefault(item, tensor))
    return found
