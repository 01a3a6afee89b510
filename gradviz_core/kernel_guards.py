"""Faults of PyTorch's own backward passes, and what keeps them out of every answer.

*Batch norm on the CPU*, seen in torch 2.13 and 2.15. Its backward pass takes a short cut where its input and the
gradient that comes in both fill their memory without a gap, either plainly or with the channels last, and both go by
the same of the two names. An axis of length one may have any stride, so a tensor can lie with its channels last and
still go by the name of a plain one: after ``flatten(2).transpose(1, 2)`` of one image, say. The short cut then reads
one of the two in the order of the other, and the gradient is wrong by more than its own size (a relative error of 1.3
to 1.5), in float32 and float64, in evaluation mode and in training. Instance norm is batch norm of one image inside.

``docs/exactness.md`` has an example, and ``make kernels`` searches for more of the kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

BATCH_NORM = "batch norm"
_off: ContextVar[bool] = ContextVar("_off", default=False)
_noted: ContextVar[set[str] | None] = ContextVar("_noted", default=None)
_PACKED = {4: torch.channels_last, 5: torch.channels_last_3d}
"""The other order, beside the plain one, that batch norm has a short cut for, by the number of axes."""
Hook = Callable[[Sequence[Tensor | None]], tuple[Tensor | None, ...] | None]


@contextmanager
def guarded(result: Tensor) -> Iterator[None]:
    """While it is on, a backward pass from ``result`` is right where PyTorch's own is known to be wrong.

    It changes nothing but how a gradient lies in memory, and only where the order could be mistaken: then it is copied
    so that every second number in memory is its own, for which batch norm has no short cut. Nothing is left on the
    graph afterwards.
    """
    with ExitStack() as hooks:
        for node in () if _off.get() else _nodes(result):
            if "BatchNorm" in node.name() and (hook := _hook(node)):
                hooks.callback(node.register_prehook(hook).remove)
        yield


@contextmanager
def noting() -> Iterator[set[str]]:
    """While it is on, the set holds the names of the operations whose own backward pass would have been wrong, in
    passes that this thread began: nothing, or ``batch norm``."""
    needed: set[str] = set()
    before = _noted.set(needed)
    try:
        yield needed
    finally:
        _noted.reset(before)


@contextmanager
def unguarded() -> Iterator[None]:
    """Backward passes as PyTorch has them, faults and all, in this thread: to see whether a guard is still needed."""
    before = _off.set(True)
    try:
        yield
    finally:
        _off.reset(before)


def spread(tensor: Tensor) -> Tensor:
    """A copy that leaves a gap after each number: no operation can take it for one that fills its memory."""
    return torch.stack((tensor, tensor), dim=-1)[..., 0]


def _nodes(result: Tensor) -> Iterator[Any]:
    """The nodes of PyTorch's graph of ``result``, each once."""
    waiting = [] if result.grad_fn is None else [result.grad_fn]
    seen: set[Any] = set(waiting)
    while waiting:
        node = waiting.pop()
        yield node
        for before, _ in node.next_functions:
            if before is not None and before not in seen:
                seen.add(before)
                waiting.append(before)


def _hook(node: Any) -> Hook | None:
    """What is to be done to the gradient that comes to a batch norm; None where its input has no short cut."""
    given = _input(node)
    if given is not None and not _packed(given):
        return None
    needed = _noted.get()
    strides, plain = (None, False) if given is None else (given.stride(), given.is_contiguous())

    def lay_out(gradients: Sequence[Tensor | None]) -> tuple[Tensor | None, ...] | None:
        first, *others = gradients
        if first is None or not _packed(first) or first.stride() == strides or (plain and first.is_contiguous()):
            return None
        if needed is not None and (strides is not None or not first.is_contiguous()):
            needed.add(BATCH_NORM)
        return (spread(first), *others)

    return lay_out


def _input(node: Any) -> Tensor | None:
    """What a batch norm was given, or None where that cannot be had for nothing: where this version of PyTorch has
    other names for it, where it was overwritten, or where a hook (of a checkpoint, say) would have to compute it."""
    if getattr(getattr(node, "_raw_saved_input", None), "unpack_hook", _input) is not None:
        return None
    try:
        given = node._saved_input
    except (RuntimeError, AttributeError):
        return None
    return given if isinstance(given, Tensor) else None


def _packed(tensor: Tensor) -> bool:
    """Whether a tensor fills its memory without a gap, in one of the two orders that batch norm has a short cut for."""
    if tensor.layout != torch.strided:
        return False
    other = _PACKED.get(tensor.dim())
    return tensor.is_contiguous() or (other is not None and tensor.is_contiguous(memory_format=other))
