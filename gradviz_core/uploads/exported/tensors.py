"""The weights of a ``.pt2`` file: raw bytes and, in JSON, how to look at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gradviz_core.errors import BadModel
from gradviz_core.settings import settings
from gradviz_core.uploads.exported.plain_json import fixed_size, load, shown, take, whole
from gradviz_core.uploads.exported.sentences import AGAIN, REWRITE

DTYPES: dict[int, torch.dtype] = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    10: torch.complex64,
    11: torch.complex128,
    12: torch.bool,
    13: torch.bfloat16,
}
"""torch's numbers for the types of values that are read; quantised ones and 8-bit floats are not."""

_STRIDED = 7
_MOST_AXES = 16
_LARGEST_SIZE = 2**31


@dataclass(frozen=True, slots=True)
class TensorMeta:
    """What the file says of a tensor."""

    dtype: torch.dtype
    sizes: tuple[int | None, ...]
    """None where the size is an expression, so free."""
    strides: tuple[int | None, ...]
    offset: int | None


@dataclass(slots=True)
class Weights:
    """The tensors of a file by the author's names; those with the same bytes are one tensor."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    """``nn.Parameter`` for those that the file calls one."""
    parameters: int = 0
    """How many numbers the parameters hold, each once."""
    _storages: dict[str, Tensor] = field(default_factory=dict)
    _seen: dict[tuple[Any, ...], Tensor] = field(default_factory=dict)

    def add(self, config: memoryview, folder: str, files: Mapping[str, memoryview]) -> None:
        """Read all tensors of a folder, as its ``config`` lists them.

        Raises:
            BadModel: one is pickled, too large, not within its bytes, of a type that is not read, or overlaps itself.
        """
        listed = take(load(config, "The list of weights"), "config", dict)
        for name, entry in listed.items():
            if name in self.tensors:
                raise BadModel(f"The file has two tensors called {shown(name)}. {AGAIN}")
            self.tensors[name] = self._tensor(name, entry, folder, files)

    def _tensor(self, name: str, entry: object, folder: str, files: Mapping[str, memoryview]) -> Tensor:
        if take(entry, "use_pickle", bool):
            raise BadModel(
                f"{shown(name)} is stored as a pickle, which can run code when it is opened, so it is not read. "
                "Export a model whose weights and constants are ordinary tensors."
            )
        assert isinstance(entry, dict)
        meta = read_meta(entry.get("tensor_meta"), shown(name))
        path = folder + take(entry, "path_name", str)
        if path not in files:
            raise BadModel(f"The bytes of {shown(name)} are missing from the file. {AGAIN}")
        sizes, strides, offset = _checked_view(meta, files[path], shown(name))
        is_parameter = take(entry, "is_param", bool)
        if is_parameter and not (meta.dtype.is_floating_point or meta.dtype.is_complex):
            raise BadModel(
                f"The parameter {shown(name)} holds {meta.dtype}; parameters must not be whole numbers. Call "
                "model.float(), and export it again."
            )
        key = (path, meta.dtype, sizes, strides, offset, is_parameter)
        if key not in self._seen:
            if is_parameter:
                self._count(prod(sizes))
            if path not in self._storages:
                self._storages[path] = _copied(files[path])
            storage = self._storages[path].untyped_storage()
            values = torch.empty(0, dtype=meta.dtype).set_(storage, offset, sizes, strides)
            self._seen[key] = nn.Parameter(values, requires_grad=False) if is_parameter else values
        return self._seen[key]

    def _count(self, more: int) -> None:
        self.parameters += more
        limit = settings().max_parameters
        if self.parameters > limit:
            raise BadModel(f"The model has more than {limit:,} parameters, the limit here. Choose a smaller model.")


def _copied(data: memoryview) -> Tensor:
    raw = torch.empty(len(data), dtype=torch.uint8)
    raw.numpy()[:] = np.frombuffer(data, np.uint8)
    return raw


def read_meta(record: object, what: str) -> TensorMeta:
    """What the file says of one tensor.

    Raises:
        BadModel: it says something impossible, or the tensor is of a kind that is not read.
    """
    number = whole(take(record, "dtype", int), "dtype")
    if number not in DTYPES:
        raise BadModel(
            f"{what} has the type of values with torch's number {number}, which is not supported here. {REWRITE}"
        )
    if take(record, "layout", int) != _STRIDED:
        raise BadModel(f"{what} is not a dense tensor. Export a model with dense tensors.")
    sizes = tuple(fixed_size(size, f"a size of {what}") for size in take(record, "sizes", list))
    strides = tuple(fixed_size(stride, f"a stride of {what}") for stride in take(record, "strides", list))
    if len(sizes) != len(strides) or len(sizes) > _MOST_AXES:
        raise BadModel(f"{what} has {len(sizes)} sizes and {len(strides)} strides. {AGAIN}")
    return TensorMeta(DTYPES[number], sizes, strides, fixed_size(take(record, "storage_offset", dict), "an offset"))


def _checked_view(meta: TensorMeta, data: memoryview, what: str) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Sizes, strides and offset, where no element lies outside the bytes and no two lie in one place."""
    sizes = tuple(size for size in meta.sizes if size is not None)
    strides = tuple(stride for stride in meta.strides if stride is not None)
    if len(sizes) != len(meta.sizes) or len(strides) != len(meta.strides) or meta.offset is None:
        raise BadModel(f"{what} is stored, but its size is not fixed. {AGAIN}")
    if any(size > _LARGEST_SIZE for size in sizes):
        raise BadModel(f"{what} has an impossible size. {AGAIN}")
    if 0 in sizes:
        return sizes, (1,) * len(sizes), 0
    reach = 1
    for stride, size in sorted((stride, size) for size, stride in zip(sizes, strides, strict=True) if size > 1):
        if stride < reach:
            raise BadModel(f"{what} is a view whose elements share memory. Call .contiguous() on it before exporting.")
        reach += stride * (size - 1)
    there = len(data) // meta.dtype.itemsize
    if meta.offset + reach > there:
        raise BadModel(
            f"{what} reaches beyond its bytes: it needs {meta.offset + reach:,} numbers of {there:,}. {AGAIN}"
        )
    return sizes, strides, meta.offset
