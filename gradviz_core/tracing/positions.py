"""Where in the picture each number of a value lies, followed through the operations of one forward pass.

Beside each value goes a tensor of its shape that holds places: row + i · column of the input, in pixels, as complex
numbers; NaN where a number lies nowhere, as in a class token, and NaN in both parts where a model filled up with it.
What moves numbers moves their places: a reshape, a roll, a window that is cut out. ``position_rules.py`` says what each
operation does to places. Nothing is computed from a place but another place, so the pass stays as it is.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from gradviz_core.tracing.position_rules import Placed, places_after
from gradviz_core.tracing.torch_private.dispatch import TorchDispatchMode
from gradviz_core.types import INPUT, Site

_NO_RULE_FITS = (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError, ZeroDivisionError)


class Positions(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """``with Positions() as positions:`` around a forward pass of the image that ``start`` was called with.

    An operation with arguments that no rule fits costs the places of its result, never the pass.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._known: dict[int, tuple[weakref.ref[Tensor], Tensor]] = {}

    def start(self, site: Site, image: Tensor) -> Tensor:
        """The pass begins with ``image``, (N, C, H, W): each number lies at its row and column. Returns it as it is."""
        if site == INPUT and image.dim() == 4:
            rows, columns = (torch.arange(size, dtype=torch.float64) for size in image.shape[2:])
            places = torch.complex(*torch.meshgrid(rows, columns, indexing="ij"))
            self._remember(image, places.to(image.device).expand(image.shape))
        return image

    def of(self, tensor: Tensor) -> Tensor | None:
        """The places of its numbers, with its shape; None where nothing is known."""
        found = self._known.get(id(tensor))
        return found[1] if found is not None and found[0]() is tensor else None

    def __torch_dispatch__(
        self, func: Any, types: object, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> object:
        given = [self._placed(arg) for arg in (*args, *(kwargs or {}).values())]
        returned = func(*args, **(kwargs or {}))
        if any(one.places is not None for one in _flat(given) if isinstance(one, Placed)):
            self._note(func, given, [one for one in _flat([returned]) if isinstance(one, Tensor)])
        return returned

    def _note(self, func: Any, given: Sequence[Any], returned: Sequence[Tensor]) -> None:
        name, pointwise = _known_by(func)
        with torch.no_grad():
            try:
                found = places_after(name, given, returned, pointwise=pointwise)
            except _NO_RULE_FITS:
                return
        for tensor, places in zip(returned, found, strict=False):
            if places is not None and places.shape == tensor.shape:
                self._remember(tensor, places)

    def _placed(self, arg: Any) -> Any:
        if isinstance(arg, Tensor):
            return Placed(arg, self.of(arg))
        return [self._placed(one) for one in arg] if isinstance(arg, list | tuple) else arg

    def _remember(self, tensor: Tensor, places: Tensor) -> None:
        key, known = id(tensor), self._known

        def gone(reference: weakref.ref[Tensor]) -> None:
            if key in known and known[key][0] is reference:
                del known[key]

        known[key] = weakref.ref(tensor, gone), places


@cache
def _known_by(func: Any) -> tuple[str, bool]:
    """The name of an operation, and whether it computes number by number."""
    return func.__name__.partition(".")[0], torch.Tag.pointwise in func.tags


def _flat(args: Sequence[Any]) -> list[Any]:
    return [one for arg in args for one in (arg if isinstance(arg, list | tuple) else (arg,))]
