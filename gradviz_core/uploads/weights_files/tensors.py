"""One tensor as it lies in a file: checked numbers and a view of bytes. Nothing is allocated before ``load``."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from gradviz_core.errors import BadModel

MOST_DIMENSIONS = 8
MOST_TENSORS = 5_000


class Loadable(Protocol):
    """A tensor of which shape and dtype are known before anything is allocated."""

    @property
    def dtype(self) -> torch.dtype:
        """As in the file."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    def load(self) -> torch.Tensor:
        """The tensor in memory of its own; every floating-point dtype becomes float32."""


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A dense tensor inside a file. Offset and strides count elements, as torch counts them."""

    content: memoryview
    """The bytes of the storage it is a view of, little-endian."""
    dtype: torch.dtype
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int = 0

    @property
    def extent(self) -> int:
        """Elements of the storage from the tensor's first to its last."""
        return 1 + sum((n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True))

    def load(self) -> torch.Tensor:
        """The tensor in memory of its own; every floating-point dtype becomes float32."""
        flat = torch.empty(self.extent, dtype=self.dtype)
        width = self.dtype.itemsize
        flat.view(torch.uint8).numpy()[:] = np.frombuffer(
            self.content, np.uint8, self.extent * width, self.offset * width
        )
        tensor = flat.as_strided(self.shape, self.strides).contiguous()
        return tensor.float() if self.dtype.is_floating_point else tensor


def dense_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of a tensor whose elements lie one behind the other, the last dimension fastest."""
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))


def check(name: str, tensor: StoredTensor) -> None:
    """Refuse a tensor that is not wholly inside its storage, or uses one element twice.

    Raises:
        BadModel: with the tensor's name and the numbers that contradict each other.
    """
    shown = repr(name[:80])
    numbers = (*tensor.shape, *tensor.strides, tensor.offset)
    if len(tensor.shape) != len(tensor.strides) or min(numbers) < 0:
        raise BadModel(f"The tensor {shown} has strides that do not match its shape. Save the weights again.")
    if len(tensor.shape) > MOST_DIMENSIONS or min(tensor.shape, default=1) < 1 or max(numbers) >= 2**40:
        raise BadModel(
            f"The tensor {shown} has the shape {_sizes(tensor.shape)}; at most {MOST_DIMENSIONS} dimensions of at "
            "least one element each can be read. Save the weights again."
        )
    if (tensor.offset + tensor.extent) * tensor.dtype.itemsize > len(tensor.content):
        raise BadModel(
            f"The tensor {shown} of shape {_sizes(tensor.shape)} reaches beyond the {len(tensor.content):,} bytes that "
            "the file holds for it: the file is damaged. Save the weights again."
        )
    reach = 1
    for stride, n in sorted(zip(tensor.strides, tensor.shape, strict=True)):
        if n > 1 and stride < reach:
            raise BadModel(
                f"The tensor {shown} uses elements of its storage more than once (strides {_sizes(tensor.strides)}). "
                "Call .contiguous() or .clone() on it, and save the weights again."
            )
        reach += (n - 1) * stride


def check_total(tensors: Iterable[StoredTensor], bytes_in_file: int) -> None:
    """Refuse tensors that together would take more than twice the memory of the file they come from. Two names for one
    tensor are common: tied weights.

    Raises:
        BadModel: many tensors are views of the same bytes.
    """
    total = sum(tensor.extent * tensor.dtype.itemsize for tensor in tensors)
    if total > 2 * bytes_in_file:
        raise BadModel(
            f"The tensors take {total / 1e6:,.1f} MB, but the file has {bytes_in_file / 1e6:,.1f} MB: they share "
            "memory. Call .clone() on each, and save the weights again."
        )


def shape_text(shape: tuple[int, ...]) -> str:
    """Such as ``64 x 3 x 7 x 7``, and ``a single number`` for no dimensions."""
    return " x ".join(map(str, shape)) or "a single number"


def _sizes(numbers: tuple[int, ...]) -> str:
    """Numbers from a file, which may be many and long."""
    return "(" + ", ".join(str(number)[:20] for number in numbers[: MOST_DIMENSIONS + 1]) + ")"
