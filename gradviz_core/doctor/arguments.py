"""Tensors and numbers among the arguments of a function, and the inputs that a model may be examined with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gradviz_core.errors import QuestionError
from gradviz_core.tracing.inputs import Inputs, by_site, call_of
from gradviz_core.types.calls import Call

_COMPRESSED = frozenset({torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc})


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Every tensor in it, nested in tuples, lists and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from tensors_in(part)
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))


def numbers_in(value: Any) -> Iterator[object]:
    """Every floating-point number in it, and a digest of every array."""
    if isinstance(value, float | complex):
        yield value
    elif isinstance(value, np.ndarray | np.floating):
        yield blake2b(value.tobytes(), digest_size=16).digest()
    elif isinstance(value, tuple | list):
        for part in value:
            yield from numbers_in(part)
    elif isinstance(value, dict):
        yield from numbers_in(list(value.values()))


def checked(model: Callable[..., object], x: Inputs) -> Call:
    """The call of the model that is meant by ``x`` (``inputs.call_of``).

    Raises:
        QuestionError: there is no tensor in it.
    """
    call = call_of(model, x)
    if not by_site(call):
        raise QuestionError(
            "x is empty, but the doctor needs at least one tensor. Pass one that is not used: diagnose(lambda _: "
            "model(), torch.zeros(1))."
        )
    return call


def values_of(tensor: Tensor) -> Tensor:
    """Its numbers, detached, as a plain real tensor: complex ones as pairs, of a sparse tensor those it stores."""
    values = tensor.detach()
    if values.layout == torch.sparse_coo:
        values = values.coalesce().values()
    elif values.is_nested or values.layout in _COMPRESSED:
        values = values.values()
    elif values.layout != torch.strided:
        values = values.to_dense()
    return torch.view_as_real(values.resolve_conj()) if values.is_complex() else values.resolve_neg()


def print_of(tensor: Tensor) -> object:
    """Two sums that differ where the values do."""
    wide = values_of(tensor).double()
    return float(wide.sum()), float(wide.abs().sum())


def map_numbers(value: Any, change: Callable[[Any], Any]) -> Any:
    """``value`` with each floating-point number in it changed; arrays are copied first."""
    if isinstance(value, float) or (isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating)):
        return change(value)
    return [map_numbers(part, change) for part in value] if isinstance(value, list) else value


def largest(tensor: Tensor) -> float:
    """The largest absolute value; NaN where there is one, 0 where there is nothing."""
    values = values_of(tensor)
    if not values.numel():
        return 0.0
    low, high = torch.aminmax(values)
    return max(-low.item(), high.item())
