"""Faults of PyTorch's own operations, and what keeps them out of every answer. Seen on the CPU in torch 2.15, the first
in 2.13 too; ``docs/exactness.md`` has an example of each, and ``make kernels`` searches for more.

*Batch norm, on the way back.* It takes a short cut where its input and the gradient that comes in both fill their
memory without a gap, either plainly or with the channels last, and both go by the same of the two names. An axis of
length one may have any stride, so a tensor can lie with its channels last and still go by the name of a plain one:
after ``flatten(2).transpose(1, 2)`` of one image, say. The short cut then reads one of the two in the order of the
other. With the channels last it also reads weight, running mean and variance as if they had no gaps. The gradient is
wrong by more than its own size, in float32 and float64, in evaluation mode and in training. Instance norm is batch norm
of one image inside. Such a gradient is copied so that there is no short cut.

*Resizing with antialias to a width of one*, forwards: the columns are resized as if the channels came last.

*A convolution in groups whose weight lies with the channels last, and has an odd stride along an axis of length one*,
forwards, where its input lies so too. What these two compute is no longer what their derivative is of, so a question
behind them is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction

from gradviz_core.errors import QuestionError
from gradviz_core.tracing.torch_private import saved
from gradviz_core.tracing.torch_private.dispatch import TorchDispatchMode, packet

BATCH_NORM = "batch norm"
_off: ContextVar[bool] = ContextVar("_off", default=False)
_noted: ContextVar[set[str] | None] = ContextVar("_noted", default=None)
_BACKWARD = {torch.ops.aten.native_batch_norm_backward, torch.ops.aten.batch_norm_backward}
_PACKED = {4: torch.channels_last, 5: torch.channels_last_3d}
"""The other order, beside the plain one, that batch norm has a short cut for, by the number of axes."""
Hook = Callable[[Sequence[Tensor | None]], tuple[Tensor | None, ...] | None]
"""Of the gradients that come to a node: others in their place, or None to leave them."""


@contextmanager
def guarded(result: Tensor) -> Iterator[None]:
    """While it is on, a backward pass from ``result`` is right where PyTorch's own is known to be wrong.

    It changes nothing but how a gradient lies in memory, and only where the order could be mistaken: then it is copied
    so that every second number in memory is its own, for which batch norm has no short cut. Nothing is left on the
    graph afterwards.

    Raises:
        QuestionError: now or in the pass, where PyTorch computes something else than it differentiates.
    """
    with ExitStack() as guards:
        authors = False
        for node in () if _off.get() else nodes(result):
            name = node.name()
            authors = authors or isinstance(node, BackwardCFunction)
            for part, guard in _GUARDS.items():
                if part in name and (hook := guard(node)):
                    guards.callback(node.register_prehook(hook).remove)
        if authors:
            guards.enter_context(_WithinFunctions())
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


class _WithinFunctions(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While it is on, batch norm's backward pass is right also where a ``torch.autograd.Function`` of the author's runs
    it: such a pass has a graph of its own, or none. It costs some microseconds for each operation."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._needed = _noted.get()

    def __torch_dispatch__(
        self, func: Any, types: object, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> object:
        if packet(func) in _BACKWARD:
            first, given, *statistics = args
            if _mistakable(first, *_lies(given, statistics[:3])):
                if self._needed is not None:
                    self._needed.add(BATCH_NORM)
                args = (spread(first), given, *statistics)
        return func(*args, **(kwargs or {}))


def spread(tensor: Tensor) -> Tensor:
    """A copy that leaves a gap after each number: no operation can take it for one that fills its memory."""
    return torch.stack((tensor, tensor), dim=-1)[..., 0]


def nodes(result: Tensor) -> Iterator[Any]:
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


def _of_batch_norm(node: Any) -> Hook | None:
    """What is to be done to the gradient that comes to a batch norm; None where its input has no short cut."""
    given = saved.tensor(node, "input")
    if given is not None and not _packed(given):
        return None
    needed = _noted.get()
    per_channel = (saved.tensor(node, name) for name in ("weight", "running_mean", "running_var"))
    strides, plain = (None, False) if given is None else _lies(given, per_channel)

    def lay_out(gradients: Sequence[Tensor | None]) -> tuple[Tensor | None, ...] | None:
        first, *others = gradients
        if first is None or not _mistakable(first, strides, plain):
            return None
        if needed is not None and (given is not None or not first.is_contiguous()):
            needed.add(BATCH_NORM)
        return (spread(first), *others)

    return lay_out


def _of_resizing(_: Any) -> Hook:
    """Refuses, in the pass, where the gradient shows that the width became one."""

    def refuse(gradients: Sequence[Tensor | None]) -> None:
        first = gradients[0]
        if first is not None and first.device.type == "cpu" and first.shape[-1] == 1 and first.shape[-2] > 1:
            raise QuestionError(
                "This model resizes with antialias to a width of one, which PyTorch computes wrongly, so its gradient "
                "would be that of another function. Resize to another width, or resize the rows first."
            )

    return refuse


def _of_convolution(node: Any) -> None:
    """Refuses where the weight lies so that PyTorch may compute something else."""
    use = "" if isinstance(node, BackwardCFunction) else "sees how the weight of a convolution lies in memory"
    weight = saved.tensor(node, "weight", needed_to=use)
    if weight is None or weight.device.type != "cpu" or weight.dtype == torch.float64:
        return
    if weight.is_contiguous() or not _packed(weight):
        return
    usual = torch.empty(weight.shape, device="meta", memory_format=_PACKED[weight.dim()])
    if weight.stride() != usual.stride() and _groups(node) > 1:
        raise QuestionError(
            "A convolution of this model has a weight that is stored with its channels last and an odd stride, "
            "which PyTorch computes wrongly. Store it contiguously: weight.data = weight.data.contiguous()."
        )


def _groups(node: Any) -> int:
    """Of a convolution; two where it is not known, for then it is to be refused."""
    try:
        return int(saved.kept(node, "groups"))
    except saved.Gone:
        return 2


_GUARDS: dict[str, Callable[[Any], Hook | None]] = {
    "BatchNorm": _of_batch_norm,
    "2DAaBackward": _of_resizing,
    "ConvolutionBackward": _of_convolution,
}
"""What is looked at, by a part of the name of its node in PyTorch's graph."""


def _lies(given: Tensor, per_channel: Iterable[Tensor | None]) -> tuple[tuple[int, ...] | None, bool]:
    """The strides of a batch norm's input, and whether it lies plainly; as if unknown where its statistics or weight
    have gaps, for then there is to be no short cut."""
    if any(tensor is not None and not tensor.is_contiguous() for tensor in per_channel):
        return None, False
    return given.stride(), given.is_contiguous()


def _mistakable(gradient: Tensor, strides: tuple[int, ...] | None, plain: bool) -> bool:
    """Whether the short cut might be taken, and the gradient lies otherwise than the input."""
    return _packed(gradient) and gradient.stride() != strides and not (plain and gradient.is_contiguous())


def _packed(tensor: Tensor) -> bool:
    """Whether a tensor fills its memory without a gap, in one of the two orders that batch norm has a short cut for,
    or whether that cannot be known, within ``vmap``."""
    if tensor.layout != torch.strided:
        return False
    other = _PACKED.get(tensor.dim())
    try:
        return tensor.is_contiguous() or (other is not None and tensor.is_contiguous(memory_format=other))
    except RuntimeError:
        return True
