"""Which operations keep the images of a batch apart, and where the rows of their results lie.

A rule is listed only where each row of the result is computed from that row alone, whatever the others hold. Any other
operation raises ``Mixes``, also where it would do no harm.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from torch import Tensor


class Mixes(BaseException):
    """Rows may meet in this operation. No model may swallow it, so it is no ``Exception``."""


class Rows(NamedTuple):
    """Where the rows of a batch lie in a tensor."""

    axis: int
    each: int
    """So many entries of the axis, one after the other, belong to one row; then those of the next begin."""


@dataclass(frozen=True, slots=True)
class Call:
    """An operation, and what it returned."""

    name: str
    args: Sequence[object]
    lies: Callable[[Tensor], Rows | None]
    """Where the rows of an argument lie; None where it has none."""
    tensors: Sequence[Tensor]
    """All tensors among the arguments."""
    many: int
    """How many rows there are."""
    returned: Sequence[Tensor]

    @property
    def shape(self) -> Sequence[int]:
        """Of what it returned first."""
        return self.returned[0].shape

    def rows(self, at: int = 0) -> tuple[Tensor, Rows]:
        """The tensor that is argument ``at``, and where its rows lie."""
        tensor = self.args[at]
        found = self.lies(tensor) if isinstance(tensor, Tensor) else None
        if found is None or not isinstance(tensor, Tensor):
            raise Mixes
        return tensor, found

    def only(self, at: int = 0) -> tuple[Tensor, Rows]:
        """The same, where no other argument has rows."""
        tensor, found = self.rows(at)
        _demand(all(other is tensor or self.lies(other) is None for other in self.tensors))
        return tensor, found

    def number(self, at: int, default: int = 0) -> int:
        """The whole number that is argument ``at``."""
        found = self.args[at] if len(self.args) > at else default
        if not isinstance(found, int):
            raise Mixes
        return found

    def numbers(self, at: int) -> list[int]:
        """The whole numbers that are argument ``at``."""
        found = self.args[at] if len(self.args) > at else None
        return [found] if isinstance(found, int) else [int(one) for one in found] if isinstance(found, list) else []


Rule = Callable[[Call], Rows]


@cache
def rule_for(name: str, *, pointwise: bool) -> Rule:
    """What says where the rows of the result lie.

    Raises:
        Mixes: the operation is not listed.
    """
    if found := _RULES.get(name):
        return found
    if _OVER_PLACES.fullmatch(name):
        return _over_places
    if pointwise:
        return _pointwise
    raise Mixes


def _demand(is_so: bool) -> None:
    if not is_so:
        raise Mixes


def _pointwise(call: Call) -> Rows:
    """Number by number, with broadcasting: rows beside rows, and the same constants for each."""
    _demand(all(one.is_floating_point() for one in call.returned))  # whoever asks which are larger may decide by it
    _demand(not call.name.endswith("_") or call.rows()[0] is call.args[0])
    count, found = len(call.shape), set()
    for tensor in call.tensors:
        if (rows := call.lies(tensor)) is not None:
            found.add((rows.axis + count - tensor.dim(), rows.each))
    _demand(len(found) == 1)
    ((axis, each),) = found
    for tensor in call.tensors:
        at = axis - count + tensor.dim()
        wanted = 1 if call.lies(tensor) is None else call.shape[axis]
        _demand(at < 0 or tensor.shape[at] == wanted)
    return Rows(axis, each)


def _same(call: Call) -> Rows:
    return call.only()[1]


def _images(call: Call) -> Rows:
    """Each image by itself, with weights that are the same for all."""
    rows = call.only()[1]
    _demand(rows.axis == 0)
    return rows


def _batch_norm(call: Call) -> Rows:
    _demand(call.args[5] is False)  # at rest; in training mode it takes the mean of the batch
    return _images(call)


def _over_places(call: Call) -> Rows:
    """Over the last axes, which the name counts: pooling, resizing, padding."""
    tensor, rows = call.only()
    found = _OVER_PLACES.fullmatch(call.name)
    _demand(found is not None and rows.axis < tensor.dim() - int(found[1]))
    return rows


def _pad(call: Call) -> Rows:
    tensor, rows = call.only()
    _demand(rows.axis < tensor.dim() - len(call.numbers(1)) // 2)
    return rows


def _layer_norm(call: Call) -> Rows:
    tensor, rows = call.only()
    _demand(rows.axis < tensor.dim() - len(call.numbers(1)))
    return rows


def _along(call: Call) -> Rows:
    """Along an axis that is not that of the rows."""
    tensor, rows = call.only()
    _demand(call.number(1) % tensor.dim() != rows.axis)
    return rows


def _sum(call: Call) -> Rows:
    return _over(call, call.numbers(1))


def _norm(call: Call) -> Rows:
    return _over(call, call.numbers(2))


def _over(call: Call, axes: Sequence[int]) -> Rows:
    """Over these axes, which go, or keep one entry."""
    tensor, rows = call.only()
    gone = {dim % tensor.dim() for dim in axes}
    _demand(bool(gone) and rows.axis not in gone)
    before = sum(dim < rows.axis for dim in gone) if len(call.shape) < tensor.dim() else 0
    return Rows(rows.axis - before, rows.each)


def _linear(call: Call) -> Rows:
    """Rows · weight + bias, one bias for all."""
    bias, (_, rows) = call.args[0], call.only(1)
    _demand(rows.axis == 0 and isinstance(bias, Tensor) and (bias.dim() == 1 or bias.shape[0] == 1))
    return rows


def _products(call: Call) -> Rows:
    """A product for each entry of the first axis: of two tables of one row each, or of a table whose lines are rows."""
    (_, one), other = call.rows(0), call.args[1]
    also = call.lies(other) if isinstance(other, Tensor) else None
    _demand(one == also and one.axis == 0 if also else one.axis == 1)
    return one


def _attention(call: Call) -> Rows:
    """Queries, keys and values of each image; a mask that is the same for all."""
    found = {call.rows(at)[1] for at in (0, 1, 2)}
    (rows,) = found if len(found) == 1 else (Rows(-1, 1),)
    _demand(rows.axis == 0)
    for tensor in call.tensors:
        _demand(call.lies(tensor) is not None or tensor.dim() < 4 or tensor.shape[0] == 1)
    return rows


def _reshape(call: Call) -> Rows:
    """Numbers keep their order, so the rows do; one axis is to hold them."""
    _demand(isinstance(call.args[1], list))  # not a type
    tensor, rows = call.only()
    step = rows.each
    for size in tensor.shape[rows.axis + 1 :]:
        step *= size
    behind = 1
    for axis in reversed(range(len(call.shape))):
        size = call.shape[axis]
        if behind <= step < behind * size:
            _demand(step % behind == 0 and behind * size % (step * call.many) == 0)
            return Rows(axis, step // behind)
        behind *= size
    raise Mixes


def _permute(call: Call) -> Rows:
    tensor, rows = call.only()
    return Rows([dim % tensor.dim() for dim in call.numbers(1)].index(rows.axis), rows.each)


def _transpose(call: Call) -> Rows:
    tensor, rows = call.only()
    one, other = (call.number(at) % tensor.dim() for at in (1, 2))
    return Rows({one: other, other: one}.get(rows.axis, rows.axis), rows.each)


def _turn(call: Call) -> Rows:
    tensor, rows = call.only()
    return Rows(tensor.dim() - 1 - rows.axis, rows.each)


def _unsqueeze(call: Call) -> Rows:
    rows = call.only()[1]
    return Rows(rows.axis + (call.number(1) % len(call.shape) <= rows.axis), rows.each)


def _squeeze(call: Call) -> Rows:
    tensor, rows = call.only()
    named = {dim % tensor.dim() for dim in call.numbers(1)} or set(range(tensor.dim()))
    before = sum(dim < rows.axis and tensor.shape[dim] == 1 for dim in named)
    return Rows(rows.axis - before, rows.each)


def _select(call: Call) -> Rows:
    tensor, rows = call.only()
    gone = call.number(1) % tensor.dim()
    _demand(gone != rows.axis)
    return Rows(rows.axis - (gone < rows.axis), rows.each)


def _slice(call: Call) -> Rows:
    tensor, rows = call.only()
    _demand(call.number(1) % tensor.dim() != rows.axis)
    return rows


def _roll(call: Call) -> Rows:
    tensor, rows = call.only()
    moved = {dim % tensor.dim() for dim in call.numbers(2)}
    _demand(bool(moved) and rows.axis not in moved)
    return rows


def _split(call: Call) -> Rows:
    tensor, rows = call.only()
    _demand(call.number(2) % tensor.dim() != rows.axis)
    return rows


def _concatenate(call: Call) -> Rows:
    found = {call.lies(tensor) for tensor in call.tensors}
    rows = found.pop()
    _demand(rows is not None and not found)
    assert rows is not None
    _demand(call.number(1) % len(call.shape) != rows.axis)
    return rows


def _stack(call: Call) -> Rows:
    found = {call.lies(tensor) for tensor in call.tensors}
    rows = found.pop()
    _demand(rows is not None and not found)
    assert rows is not None
    return Rows(rows.axis + (call.number(1) % len(call.shape) <= rows.axis), rows.each)


def _expand(call: Call) -> Rows:
    tensor, rows = call.only()
    return Rows(rows.axis + len(call.shape) - tensor.dim(), rows.each)


_OVER_PLACES = re.compile(
    r"(?:max_pool(?=.d_with_indices)|avg_pool|_adaptive_avg_pool|adaptive_max_pool|reflection_pad|replication_pad|"
    r"_?upsample_\w+)(\d)d(?:_with_indices|_aa)?"
)
_RULES: dict[str, Rule] = {
    **dict.fromkeys("clone contiguous alias _to_copy as_strided_".split(), _same),
    **dict.fromkeys("hardswish hardswish_".split(), _pointwise),
    **dict.fromkeys("convolution native_group_norm pixel_shuffle pixel_unshuffle channel_shuffle".split(), _images),
    **dict.fromkeys("native_batch_norm cudnn_batch_norm".split(), _batch_norm),
    "_native_batch_norm_legit_no_training": _images,
    "constant_pad_nd": _pad,
    "native_layer_norm": _layer_norm,
    **dict.fromkeys("_softmax _log_softmax".split(), _along),
    **dict.fromkeys("mean sum amax amin".split(), _sum),
    "addmm": _linear,
    "mm": _images,
    "bmm": _products,
    "linalg_vector_norm": _norm,
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    **dict.fromkeys("view _unsafe_view reshape _reshape_alias".split(), _reshape),
    "permute": _permute,
    "transpose": _transpose,
    "t": _turn,
    "unsqueeze": _unsqueeze,
    "squeeze": _squeeze,
    "select": _select,
    "slice": _slice,
    "roll": _roll,
    **dict.fromkeys("split split_with_sizes".split(), _split),
    "unbind": _select,
    "cat": _concatenate,
    "stack": _stack,
    "expand": _expand,
}
"""By the name of an operation. Those that compute number by number are told by PyTorch's own mark."""
