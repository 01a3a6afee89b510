"""Whether the images of a batch stay apart in a pass, seen from its operations.

Where every operation is known to compute each row of its result from the same row of what it is given, no image can
change what another gets, neither its score nor its gradient, whatever the numbers are. ``row_rules.py`` lists them. A
model may still read numbers and decide by them, take what has no gradient, or have a backward pass of its own: then the
pass ends, too.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.overrides import TorchFunctionMode

from gradviz_core.tracing.kernel_guards import nodes
from gradviz_core.tracing.row_rules import Call, Mixes, Rows, rule_for
from gradviz_core.tracing.torch_private.dispatch import TorchDispatchMode
from gradviz_core.types import INPUT, Site


class RowsApart(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """``with RowsApart(many):`` around a forward pass of ``many`` images, whose parameters are frozen.

    Raises:
        Mixes: the images might change what another gets, as far as can be seen.
    """

    def __init__(self, many: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._many, self._reading = many, _Reading()
        self._known: dict[int, tuple[weakref.ref[Tensor], Rows]] = {}
        self._detached: dict[int, weakref.ref[Tensor]] = {}

    def __enter__(self) -> RowsApart:
        """Watch."""
        self._reading.__enter__()  # type: ignore[no-untyped-call]
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        """Watch no longer."""
        super().__exit__(*error)  # type: ignore[no-untyped-call]
        self._reading.__exit__(*error)  # type: ignore[no-untyped-call]

    def at(self, site: Site, tensor: Tensor) -> None:
        """``tensor`` is the value of a site, or the model's input, whose first axis counts images."""
        if site.path == INPUT.path:
            self.take(tensor, site)

    def take(self, tensor: Tensor, _site: Site) -> None:
        """``tensor`` takes the place of the value of a site; its first axis counts images."""
        if tensor.dim() == 0 or tensor.shape[0] % self._many:
            raise Mixes
        self._remember(tensor, Rows(0, tensor.shape[0] // self._many))

    def check(self, tensors: Iterable[Tensor]) -> None:
        """Look whether the first axis of each of these results counts images."""
        for tensor in tensors:
            rows = self._lies(tensor)
            if rows is not None and (rows.axis != 0 or tensor.shape[0] != self._many * rows.each):
                raise Mixes

    def __torch_dispatch__(
        self, func: Any, types: object, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> object:
        kwargs = kwargs or {}
        given = list(_tensors([*args, *kwargs.values()]))
        if func is _RESTRIDE and not _stays_in_place(*args):
            raise Mixes
        returned = func(*args, **kwargs)
        if func is _DETACH and self._lies(given[0]) is not None:  # PyTorch itself does so with what it saves
            self._detached[id(returned)] = weakref.ref(returned)
        elif func.__name__.startswith(_EMPTY):
            pass
        elif any(self._lies(tensor) is not None for tensor in given):
            self._note(func, args, kwargs, given, [one for one in _tensors([returned]) if one.numel()])
        elif func.__name__.startswith(_REPEATS) and isinstance(returned, Tensor):
            self._repeated(given[0], returned)
        return returned

    def _note(
        self,
        func: Any,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        given: Sequence[Tensor],
        returned: Sequence[Tensor],
    ) -> None:
        name, pointwise = _known_by(func)
        if not (returned and torch.is_grad_enabled()) or "out" in kwargs:
            raise Mixes
        try:
            found = rule_for(name, pointwise=pointwise)(Call(name, args, self._lies, given, self._many, returned))
        except (IndexError, ValueError) as error:
            raise Mixes from error
        for tensor in returned:
            if tensor.dim() <= found.axis or tensor.shape[found.axis] % (self._many * found.each):
                raise Mixes
            self._remember(tensor, found)

    def _repeated(self, given: Tensor, returned: Tensor) -> None:
        """A constant, one for all, of which each row has a copy: a class token, say."""
        new = returned.dim() - given.dim()
        for axis, size in enumerate(returned.shape):
            if size == self._many and (axis < new or given.shape[axis - new] == 1):
                self._remember(returned, Rows(axis, 1))
                return

    def _lies(self, tensor: Tensor) -> Rows | None:
        """Where the rows of a tensor lie; None where it is the same for all of them."""
        known = self._known.get(id(tensor))
        if known is not None and known[0]() is tensor:
            return known[1]
        detached = self._detached.get(id(tensor))
        if tensor.requires_grad or (detached is not None and detached() is tensor):
            raise Mixes  # computed from the input where nobody saw it, or without a gradient
        return None

    def _remember(self, tensor: Tensor, rows: Rows) -> None:
        self._known[id(tensor)] = weakref.ref(tensor), rows


def check_way_back(scores: Tensor) -> None:
    """Look whether every step of the way back is PyTorch's own, which keeps rows apart where the way there does.

    Raises:
        Mixes: an author's ``torch.autograd.Function`` is on the way.
    """
    if any(isinstance(node, BackwardCFunction) for node in nodes(scores)):
        raise Mixes


class _Reading(TorchFunctionMode):
    """Ends the pass where a model reads numbers in a way that is no operation, or the graph, where it may put hooks."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func in _READS or func == _GRAPH:
            raise Mixes
        return func(*args, **(kwargs or {}))


_REPEATS = ("expand", "repeat")
_EMPTY = "new_"
"""How the names of operations begin that take a tensor for its type alone."""
_DETACH, _RESTRIDE = torch.ops.aten.detach.default, torch.ops.aten.as_strided_.default
_READS = frozenset({Tensor.tolist, Tensor.numpy, Tensor.__array__, Tensor.__dlpack__})
_GRAPH = attrgetter("grad_fn.__get__")(Tensor)
"""Reads the node of a tensor. A hook on a node runs on the way back; those on tensors do not (docs/hooks.md)."""


def _stays_in_place(tensor: Tensor, size: Sequence[int], stride: Sequence[int], offset: int | None = None) -> bool:
    """Whether only the strides of axes of length one change."""
    same = all(new == old or length == 1 for length, new, old in zip(size, stride, tensor.stride(), strict=False))
    return tuple(size) == tuple(tensor.shape) and same and offset in (None, tensor.storage_offset())


@cache
def _known_by(func: Any) -> tuple[str, bool]:
    """The name of an operation, and whether it computes number by number."""
    name = func.__name__.partition(".")[0] if func.namespace == "aten" else str(func)
    return name, torch.Tag.pointwise in func.tags


def _tensors(values: Sequence[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
