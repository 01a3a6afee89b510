"""What the values of an output mean, as far as the last operation of the forward pass shows.

The names of autograd's nodes and the values are public. Where a name is unknown here, or disappears one day, the
meaning is guessed from the shape instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from torch import Tensor
from torch.autograd.graph import Node

from gradviz_core.tracing.torch_private import saved
from gradviz_core.types import OutputKind

_PASSES_ON = frozenset(
    "Clone Alias View UnsafeView ReshapeAlias Squeeze Unsqueeze Permute Transpose T Expand ToCopy Flip".split()
)
"""Operations that return their input in another order, shape or precision."""
_TAKES_SOME = frozenset("Slice Select Index IndexSelect Unbind Split SplitWithSizes AsStrided Clamp ClampMin".split())
"""Operations that return part of their input, or their input clamped."""
_JOINS = frozenset({"Cat", "Stack"})
_POWERS = {"Softmax": 0, "Sigmoid": 0, "LogSoftmax": 1, "LogSigmoid": 1}
"""How often the logarithm of a probability was taken in what each of these gives."""
_CLOSE = 5e-3
"""How far the probabilities of all classes may be from 1 together: those of bfloat16 are off by up to 2e-3."""

_ALIKE = 1e-4
"""The same where nothing but the numbers themselves speaks for probabilities."""


@dataclass(frozen=True, slots=True)
class _End:
    """The last operation that made new numbers."""

    node: Node
    name: str
    logarithms: int
    some: bool = False
    """Whether only some of its numbers are in the output."""


def kind_of(output: Tensor, scores: Tensor, axis: int, *, beside_places: bool = False) -> OutputKind | None:
    """Probabilities or their logarithms, where ``output`` comes from a softmax over the classes or from a sigmoid.

    ``scores`` are the numbers of ``output`` that belong to classes, which ``axis`` counts. With ``beside_places`` they
    may have been joined to the places of boxes, and the last of what was joined counts. None where nothing tells: a
    softmax in the middle of a model does not, nor does one over another axis.
    """
    end = _end(output.grad_fn, beside_places)
    if end is None or end.logarithms not in (0, 1):
        return None
    numbers = scores.detach().double()
    shares = numbers.exp() if end.logarithms else numbers
    if not bool(((shares >= 0) & (shares <= 1 + _CLOSE)).all()):
        return None
    if "Softmax" in end.name and not _over_classes(end, shares, axis):
        return None
    return "log_probabilities" if end.logarithms else "probabilities"


def is_constant(output: Tensor, *, beside_places: bool) -> bool:
    """Whether every number is the same for all inputs, because it comes from a softmax over an axis of length one;
    ``beside_places`` as in ``kind_of``."""
    end = _end(output.grad_fn, beside_places)
    if end is None or "Softmax" not in end.name:
        return False
    found = _length_and_rest(end)
    if found is not None:
        return found[0] == 1
    return not end.some and bool((output.detach() == (0.0 if end.logarithms else 1.0)).all())


def sum_is_constant(output: Tensor) -> bool:
    """Whether all numbers together are the same for all inputs, because they are the whole result of a softmax."""
    end = _end(output.grad_fn, beside_places=False)
    return end is not None and end.name == "Softmax" and not end.logarithms and not end.some


def are_shares(scores: Tensor, axis: int) -> bool:
    """Whether these numbers look like probabilities of classes that exclude each other, whatever made them: none is
    negative, and at each place all together are 1."""
    numbers = scores.detach().double()
    return bool((numbers >= 0).all()) and bool(((numbers.sum(axis) - 1).abs() <= _ALIKE).all())


def are_independent(scores: Tensor, axis: int) -> bool:
    """Whether these numbers could be probabilities of labels that are each there or not: each is from 0 to 1, and all
    together are not 1."""
    numbers = scores.detach().double()
    within = (numbers >= 0) & (numbers <= 1 + _CLOSE)
    return bool(within.all()) and bool(((numbers.sum(axis) - 1).abs() > _CLOSE).any())


def shares_over_an_axis(table: Tensor) -> bool:
    """Whether the rows or the columns of a table (1, A, B) look like the whole result of a softmax or log-softmax."""
    return any(are_shares(numbers, axis) for numbers in (table, table.detach().exp()) for axis in (1, 2))


def joined_of(output: Tensor) -> int:
    """How many parts the output was joined of in its last operation, ``torch.cat``; 0 where that is another one."""
    node = output.grad_fn
    while node is not None:
        name = re.sub(r"Backward\d*$", "", node.name())
        if name == "Cat":
            return len(node.next_functions)
        if name not in _PASSES_ON | _TAKES_SOME:
            return 0
        node = node.next_functions[0][0] if node.next_functions else None
    return 0


def sum_over_places_is_constant(output: Tensor, scores: Tensor) -> bool:
    """Whether the numbers of each class, which the first axis of ``scores`` counts, together are the same for all
    inputs, because they come from a softmax over the places."""
    end = _end(output.grad_fn, beside_places=False)
    if end is None or end.name != "Softmax" or end.logarithms:
        return False
    return bool(((scores.detach().double().flatten(1).sum(1) - 1).abs() <= _CLOSE).all())


def _end(node: Node | None, beside_places: bool) -> _End | None:
    """The last operation that made new numbers, where it is one that tells."""
    logarithms, some = 0, False
    while node is not None:
        name = re.sub(r"Backward\d*$", "", node.name())
        if name in _POWERS:
            return _End(node, name, logarithms + _POWERS[name], some)
        if name in _JOINS:
            return _of_joined(node, logarithms, beside_places)
        if name == "Log":
            logarithms += 1
        elif name == "Exp":
            logarithms -= 1
        elif name in _TAKES_SOME:
            some = True
        elif name not in _PASSES_ON:
            return None
        node = node.next_functions[0][0] if node.next_functions else None
    return None


def _of_joined(node: Node, logarithms: int, beside_places: bool) -> _End | None:
    """The end that all parts have in common; of the last part, where others hold places."""
    parts = [part for part, _ in node.next_functions]
    ends = [_end(part, beside_places) for part in (parts[-1:] if beside_places else parts)]
    first = ends[0] if ends else None
    if first is None or any(
        end is None or (end.name, end.logarithms) != (first.name, first.logarithms) for end in ends
    ):
        return None
    return replace(first, logarithms=first.logarithms + logarithms, some=True)


def _over_classes(end: _End, shares: Tensor, axis: int) -> bool:
    """Whether the softmax went over the classes: all shares add up to 1, or, where some were left out, each of the
    places that the softmax had has its shares in the output."""
    if bool(((shares.sum(axis) - 1).abs() <= _CLOSE).all()):
        return True
    found = _length_and_rest(end) if end.some else None
    classes = shares.shape[axis]
    return found is not None and found[0] > classes and found[1] == shares.numel() // classes


def _length_and_rest(end: _End) -> tuple[int, int] | None:
    """Length of the axis that a softmax went over, and the product of the others. This reads names that PyTorch does
    not promise; None without them, or where the numbers were written over."""
    try:
        result, axis = saved.kept(end.node, "result"), saved.kept(end.node, "dim")
        length = int(result.shape[axis if axis < result.dim() else axis - 2**64])
    except (saved.Gone, AttributeError, IndexError, TypeError):
        return None
    return length, result.numel() // max(length, 1)
