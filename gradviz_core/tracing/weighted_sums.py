"""Softmax weights on their way to the matrix product that takes them: which axis was normalised, and whether a product
sums over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from gradviz_core.types import Site

_SAME = frozenset(
    """clone contiguous dropout feature_dropout to _to_copy float double half bfloat16 type type_as detach alias
    mul multiply __mul__ div divide __truediv__ add __add__ sub __sub__ masked_fill where""".split()
)
"""Operations that leave every number in its place, dropout at rest among them."""
_RESHAPED = frozenset("view reshape _unsafe_view flatten unflatten unsqueeze squeeze expand".split())
_PRODUCTS = frozenset({"matmul", "__matmul__", "mm", "bmm", "baddbmm"})
_LINEAR = "linear"


@dataclass(frozen=True, slots=True)
class Weighed:
    """Weights of a site, in some tensor."""

    site: Site
    axis: int
    """The axis along which they sum to 1."""


@dataclass(frozen=True, slots=True)
class Sum:
    """What is summed by weights."""

    values: int
    """Number of the operand that holds the values."""
    axes: tuple[int, ...]
    """Its axes that the weights have too, in their order, the one that is summed over last."""


def carried(name: str, args: Sequence[Any], given: Tensor, axis: int, returned: Tensor) -> int | None:
    """The axis that an operation moved ``axis`` of ``given`` to; None where it is lost."""
    if name in _SAME and returned.shape == given.shape:
        return axis
    if name in _RESHAPED:
        is_last = axis == given.dim() - 1 and returned.dim() > 0 and returned.shape[-1] == given.shape[-1]
        return returned.dim() - 1 if is_last else None
    if name == _LINEAR and axis != given.dim() - 1:  # heads that are mixed after the softmax
        return axis
    if name in ("transpose", "swapaxes", "swapdims") and len(args) == 3:
        one, other = (int(at) % given.dim() for at in args[1:])
        return {one: other, other: one}.get(axis, axis)
    if name == "permute":
        order = args[1] if len(args) == 2 and isinstance(args[1], Sequence) else args[1:]
        return [int(at) % given.dim() for at in order].index(axis)
    return None


def weighed(name: str, args: Sequence[Any], operands: Sequence[Tensor], at: int, axis: int) -> Sum | None:
    """What an operation sums over ``axis`` of its operand number ``at``, where it does."""
    if name in _PRODUCTS:
        first = len(operands) - 2  # a bias may come before the two
        left = operands[at].dim() - 1 if at == first else operands[at].dim() - 2
        if at < first or axis != left:
            return None
        other = first if at == first + 1 else first + 1
        axes = list(range(operands[other].dim()))
        return Sum(other, (*axes[:-2], axes[-2] if at == first else axes[-1]))
    if name == "einsum" and isinstance(args[0], str) and "->" in args[0]:
        return _einsum(args[0], operands, at, axis)
    return None


def _einsum(equation: str, operands: Sequence[Tensor], at: int, axis: int) -> Sum | None:
    given, result = equation.replace(" ", "").split("->")
    terms = given.split(",")
    if len(terms) != len(operands) or len(operands) != 2 or "." in equation:
        return None
    mine, others, label = terms[at], terms[1 - at], terms[at][axis]
    if label in result or label not in others:
        return None
    return Sum(1 - at, (*(others.index(one) for one in mine if one in others and one != label), others.index(label)))
