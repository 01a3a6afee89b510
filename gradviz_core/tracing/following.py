"""Which axis of each value holds the channels, followed through the operations of one forward pass.

Operations are seen as PyTorch's dispatcher passes them on, below the recording for differentiation: those of a module,
of a plain function and of an exported program alike. The recorder computes nothing and changes nothing.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import torch
from torch import Tensor

from gradviz_core.tracing.attends import Attends
from gradviz_core.tracing.axes import Axes, Statements, unknown
from gradviz_core.tracing.axis_rules import Call, Given, rule_for
from gradviz_core.tracing.torch_private.dispatch import TorchDispatchMode
from gradviz_core.types import Site

_NO_RULE_FITS = (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError, ZeroDivisionError)


class Follower(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """``with Follower(module.parameters()) as follower:`` around a forward pass; ``channel_axes`` says what was found.

    An operation with arguments that no rule fits costs the axes of its result, never the pass.
    """

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._weights = {id(parameter) for parameter in parameters}
        self._known: dict[int, tuple[weakref.ref[Tensor], Given]] = {}
        self._statements = Statements()
        self._sites: dict[Site, Axes] = {}
        self._attends = Attends()

    @property
    def attends(self) -> bool:
        """Whether an operation was attention."""
        return self._attends.found

    def at(self, site: Site, tensor: Tensor) -> None:
        """``tensor`` is the value of a site, or the model's input."""
        found = self._given(tensor)
        self._sites[site] = found.axes
        if not found.from_input:
            self._remember(tensor, Given(found.shape, found.axes, from_input=True))

    def take(self, tensor: Tensor, site: Site) -> None:
        """``tensor`` takes the place of the value of a site."""
        shape = _shape_of(tensor)
        self._remember(tensor, Given(shape, self._sites[site], from_input=True))

    def channel_axes(self) -> dict[Site, int | None]:
        """The axis that counts channels at each site, the batch axis counted; None where nothing tells."""
        self._statements.settle()
        return {site: self._statements.channel_axis(axes) for site, axes in self._sites.items()}

    def __torch_dispatch__(
        self, func: Any, types: object, args: Sequence[object] = (), kwargs: Mapping[str, object] | None = None
    ) -> object:
        returned = func(*args, **(kwargs or {}))
        tensors = [one for one in _items(returned) if isinstance(one, Tensor) and has_shape(one)]
        if tensors:
            self._statements.now += 1
            self._note(func, [*args, *(kwargs or {}).values()], tensors)
        return returned

    def _note(self, func: Any, args: Sequence[object], returned: Sequence[Tensor]) -> None:
        """Remember the axes of what an operation returned."""
        known = [self._with_axes(arg) for arg in args]
        given = [one for arg in known for one in (arg if isinstance(arg, list) else (arg,)) if isinstance(one, Given)]
        given.sort(key=_comes_later)
        from_input = bool(given) and given[0].from_input
        weight = not from_input and any(one.weight for one in given)
        name, pointwise = _known_by(func)
        self._see(name, args, returned[0])
        call = Call(name, known, given, self._statements)
        for number, tensor in enumerate(returned):
            shape = _shape_of(tensor)
            try:
                axes = rule_for(name, pointwise=pointwise, first=number == 0)(call, shape)
            except _NO_RULE_FITS:
                axes = unknown(shape)
            if len(axes) != len(shape):
                axes = unknown(shape)
            self._remember(tensor, Given(shape, axes, from_input, weight))

    def _see(self, name: str, args: Sequence[object], returned: Tensor) -> None:
        with suppress(*_NO_RULE_FITS):
            self._attends.see(name, args, returned)

    def _with_axes(self, arg: object) -> object:
        if isinstance(arg, Tensor) and has_shape(arg):
            return self._given(arg)
        return [self._with_axes(one) for one in arg] if isinstance(arg, list | tuple) else arg

    def _given(self, tensor: Tensor) -> Given:
        """What is known of a tensor. A parameter is new each time: it may be used for several things."""
        known = self._known.get(id(tensor))
        if known is not None and known[0]() is tensor:
            return known[1]
        shape = _shape_of(tensor)
        return Given(shape, unknown(shape), from_input=False, weight=id(tensor) in self._weights)

    def _remember(self, tensor: Tensor, given: Given) -> None:
        self._known[id(tensor)] = weakref.ref(tensor), given


def has_shape(tensor: Tensor) -> bool:
    """Whether it has one; a nested tensor has none, unless it is jagged."""
    return not tensor.is_nested or tensor.layout != torch.strided


@cache
def _known_by(func: Any) -> tuple[str, bool]:
    """The name of an operation, and whether it computes number by number."""
    return func.__name__.partition(".")[0], torch.Tag.pointwise in func.tags


def _comes_later(given: Given) -> bool:
    return not given.from_input


def _shape_of(tensor: Tensor) -> tuple[int, ...]:
    """The shape; () for a nested tensor, which has none."""
    return () if tensor.is_nested else tuple(tensor.shape)


def _items(returned: object) -> Sequence[object]:
    return returned if isinstance(returned, list | tuple) else (returned,)
