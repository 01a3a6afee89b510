"""What one forward pass of a model would take, told before anything of it runs.

The pass is run dry, on tensors that have a shape and a type but no memory. Two numbers are counted over its operators.

*Operations*, of a matrix product: each operator counts as many as a product makes in the same time, its way back
included; ``operation_costs.py`` says how many that are. In a product an addition and a multiplication are one each, so
a multiply-add counts as two. Every operator counts for itself as well, so that a hundred thousand tiny ones are not
free.

*Memory of activations.* The most bytes alive at one time among what operators make, each piece of memory once however
many views it has. As in a watched pass each part's output is kept twice, raw and as passed on; what differentiation
keeps is alive too. To that comes the largest piece once more, for its gradient; what a view is a part of is such a
piece, and so is what an operator reads, at the size that it has with all repetitions. Not counted: parameters, what
else one operator takes for itself while it runs, and the gradients of all sites at once, which some questions ask for.
"""

from __future__ import annotations

import copy
import math
import weakref
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from gradviz_core.errors import QuestionError, TooCostly
from gradviz_core.settings import settings
from gradviz_core.tracing.nested import map_tensors, tensors
from gradviz_core.tracing.torch_private import fake_tensors
from gradviz_core.tracing.torch_private.dispatch import OpOverload, TorchDispatchMode, is_mutable, packet
from gradviz_core.tracing.torch_private.versions import version
from gradviz_core.types import Site
from gradviz_core.uploads import operation_costs

ADVICE = "Export it for a smaller input, or choose a smaller model."
FAR_TOO_MUCH = 10
"""Times a limit; up to there the dry run of a model that is too costly goes on, to say how costly it is."""
MOST_REMEMBERED = 20_000
"""Shapes of operators' results that torch remembers between dry runs, which makes the next one several times faster."""

_BATCH_NORM = torch.ops.aten.native_batch_norm.default


@dataclass(frozen=True, slots=True)
class Cost:
    """What one forward pass takes, counted as the file says."""

    operations: int
    """Of a matrix product, in the same time."""
    arithmetic: int
    """Those that products, convolutions and attention really make."""
    activation_bytes: int
    parameters: int


def estimate(module: nn.Module, shape: tuple[int, ...]) -> Cost:
    """The cost of ``module(x)`` for one float32 input of this shape, batch axis included; nothing is allocated.

    The module is copied for it, tensors left out, and is not changed. An error that its forward pass would raise for
    this shape is raised here already, as torch words it.

    Raises:
        QuestionError: an operator's cost depends on values, or torch cannot run it dry; the message names it.
    """
    return _dry_run(module, shape, _Meter(math.inf, math.inf), {})


def check(module: nn.Module, shape: tuple[int, ...]) -> dict[Site, int]:
    """Refuse a model whose forward pass takes more than the settings allow an upload; else the bytes of each value that
    its modules give. The dry run ends early where it
    comes to ``FAR_TOO_MUCH`` times a limit, so that even a model made to be endless is refused at once.

    Raises:
        TooCostly: it takes more operations, or more memory for its activations; the message says how much.
        QuestionError: as ``estimate`` does. A cost that cannot be told could be any, so such a model is not run; but
            nothing says that it is too high.
    """
    most_operations, most_bytes = settings().upload_gflop * 1e9, settings().upload_activations_mb * 1e6
    meter, or_more = _Meter(FAR_TOO_MUCH * most_operations, FAR_TOO_MUCH * most_bytes), ""
    sizes: dict[Site, int] = {}
    try:
        _dry_run(module, shape, meter, sizes)
    except _FarTooMuch:
        or_more = " or more"
    if meter.operations > most_operations:
        raise TooCostly(
            f"One pass of this model takes {_number(meter.operations / 1e9)} billion operations{or_more}; "
            f"the limit for uploads here is {_number(most_operations / 1e9)} billion. {ADVICE}"
        )
    if meter.activation_bytes > most_bytes:
        raise TooCostly(
            f"The activations of this model take {_number(meter.activation_bytes / 1e6)} MB{or_more} in one pass; "
            f"the limit for uploads here is {_number(most_bytes / 1e6)} MB. {ADVICE}"
        )
    return sizes


def _number(value: float) -> str:
    """``1,234``; ``0.512`` for what is smaller than ten."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"


# --------------------------------------------------------------------------------------------------------- the dry run


def _dry_run(module: nn.Module, shape: tuple[int, ...], meter: _Meter, sizes: dict[Site, int]) -> Cost:
    fake = fake_tensors.mode()
    hollow = _without_memory(module, fake)
    device = next((tensor.device for tensor in chain(hollow.parameters(), hollow.buffers())), torch.device("cpu"))
    clones = _keep_twice(hollow, sizes)
    try:
        with torch.inference_mode(False), torch.enable_grad(), fake:
            x = torch.empty(shape, device=device).requires_grad_()
            with meter:
                hollow(x.clone())
    finally:
        clones.clear()
        fake_tensors.forget_beyond(MOST_REMEMBERED)
    return Cost(meter.operations, meter.arithmetic, meter.activation_bytes, sum(p.numel() for p in module.parameters()))


def _without_memory(module: nn.Module, fake: Any) -> nn.Module:
    """A copy whose tensors have shapes only; its parameters are constants."""
    memo: dict[int, object] = {id(p): fake.from_tensor(p.detach(), static_shapes=True) for p in module.parameters()}
    for part in module.modules():
        for value in vars(part).values():
            if type(value) is OrderedDict and not value:  # a dozen of hooks that are not there, slow to copy one by one
                memo[id(value)] = OrderedDict()
    with fake_tensors.copying(fake):
        return copy.deepcopy(module, memo)


def _keep_twice(module: nn.Module, sizes: dict[Site, int]) -> dict[tuple[int, int], tuple[Tensor, Tensor]]:
    """Make each part pass on a clone of its output, as when it is watched; the dictionary keeps both alive. The bytes
    of each output are written to ``sizes``."""
    calls: Counter[str] = Counter()
    kept: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def keep(_item: str, raw: Tensor) -> Tensor:
        if (id(raw), version(raw)) in kept:
            return raw
        clone = raw.clone()
        kept[id(clone), version(clone)] = (raw, clone)
        return clone

    def passed_on(path: str, output: object) -> object:
        call = calls[path]
        calls[path] += 1
        sizes.update({Site(path, call, item): tensor.nbytes for item, tensor in tensors(output).items()})
        return map_tensors(output, keep)

    for path, part in module.named_modules():
        part.register_forward_hook(lambda _part, _inputs, output, path=path: passed_on(path, output))
    return kept


# ----------------------------------------------------------------------------------------------------------- the meter


class _FarTooMuch(BaseException):
    """Ends a dry run early; no model may swallow it, so it is no ``Exception``."""


class _Meter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what every operator takes, until one of two limits is passed."""

    def __init__(self, most_operations: float, most_bytes: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = self.arithmetic = 0
        self._most_operations, self._most_bytes = most_operations, most_bytes
        self._alive = self._peak = self._largest = 0
        self._known: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    @property
    def activation_bytes(self) -> int:
        """The most that was alive at one time, and the largest piece once more for its gradient."""
        return self._peak + self._largest

    def __torch_dispatch__(
        self,
        func: OpOverload[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        """Run one operator, and count it."""
        named = kwargs or {}
        given = _tensors((args, named))
        before = {tensor.untyped_storage() for tensor in given}
        output = _run(func, args, named)
        made = _tensors(output)
        new = {tensor.untyped_storage() for tensor in made} - before
        new = {storage for storage in new if storage not in self._known}
        for storage in new:
            self._count_memory(storage)
        self.operations += operation_costs.PER_OPERATOR
        if product := operation_costs.product(func, args, named, output, given + made):
            self.arithmetic += product[0]
            self.operations += product[1]
        elif new or is_mutable(func):
            self.operations += operation_costs.operations(func, args, given, made)
            self._largest = max(self._largest, operation_costs.inside(func, given))
        elif (whole := operation_costs.narrowed(func, given, made)) is not None:
            self.operations += operation_costs.PER_NARROWED * whole.numel()
            self._largest = max(self._largest, whole.numel() * whole.itemsize)
        if self.operations > self._most_operations or self.activation_bytes > self._most_bytes:
            raise _FarTooMuch
        return output

    def _count_memory(self, storage: torch.UntypedStorage) -> None:
        size = storage.nbytes()
        self._known.add(storage)
        self._alive += size
        self._peak = max(self._peak, self._alive)
        self._largest = max(self._largest, size)
        weakref.finalize(storage, self._free, size)

    def _free(self, size: int) -> None:
        self._alive -= size


def _run(func: OpOverload[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> object:
    """What the operator gives.

    Raises:
        QuestionError: that cannot be told without values.
    """
    try:
        if func is _BATCH_NORM and not args[5]:
            return _rested_batch_norm(args[0])
        return func(*args, **kwargs)
    except fake_tensors.DEPENDS_ON_VALUES as error:
        reason = "its result depends on the values of its inputs"
        raise QuestionError(_untold(func, reason)) from error
    except fake_tensors.CANNOT_RUN as error:
        raise QuestionError(_untold(func, "torch cannot run it without values")) from error


def _rested_batch_norm(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What ``native_batch_norm`` returns with ``training=False``. Torch's own dry run of it takes 14 ms for each new
    shape, which was half the time of a convolutional network."""
    return torch.empty_like(x), x.new_empty(0), x.new_empty(0)


def _untold(func: OpOverload[..., Any], reason: str) -> str:
    return (
        f"The cost of this model cannot be computed in advance, because of {packet(func)}: {reason}. Uploads "
        "run only if their cost is known; export the model without this operator."
    )


def _tensors(value: object) -> list[Tensor]:
    match value:
        case Tensor():
            return [value]
        case list() | tuple():
            return [tensor for part in value for tensor in _tensors(part)]
        case dict():
            return _tensors(list(value.values()))
        case _:
            return []
