"""Tensors inside what a module returns: tuples, named tuples, lists and dictionaries, nested as they come."""

from __future__ import annotations

import copy
from collections.abc import Callable

from torch import Tensor


def map_tensors(value: object, function: Callable[[str, Tensor], Tensor], item: str = "") -> object:
    """``value`` with each tensor in it replaced by ``function(item, tensor)``.

    ``item`` is where the tensor lies: empty for a plain tensor, ``0`` in a tuple or list, the key in a mapping, joined
    by dots when nested. Anything else is returned as it is.
    """

    def inner(name: object, part: object) -> object:
        return map_tensors(part, function, f"{item}.{name}" if item else str(name))

    match value:
        case Tensor():
            return function(item, value)
        case tuple():
            parts = [inner(i, part) for i, part in enumerate(value)]
            named: Callable[..., object] = type(value)
            return named(*parts) if hasattr(value, "_fields") else tuple(parts)
        case list():
            return [inner(i, part) for i, part in enumerate(value)]
        case dict():
            changed = copy.copy(value)
            for name, part in value.items():
                changed[name] = inner(name, part)
            return changed
        case _:
            return value


def tensors(value: object) -> dict[str, Tensor]:
    """Every tensor in ``value``, by the ``item`` that ``map_tensors`` gives it."""
    found: dict[str, Tensor] = {}
    map_tensors(value, lambda item, tensor: found.setdefault(item, tensor))
    return found
