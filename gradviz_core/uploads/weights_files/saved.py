"""What ``torch.save`` wrote, whichever of its two formats it is in: a value, and the bytes of its tensors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from gradviz_core.errors import BadModel
from gradviz_core.uploads.weights_files.pickle_values import TensorRef
from gradviz_core.uploads.weights_files.tensors import StoredTensor, check

_DTYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128,
}
_OTHER_SIZES = {"QInt8Storage": 1, "QUInt8Storage": 1, "QInt32Storage": 4, "UntypedStorage": 1}
"""Bytes of one element of what is stepped over."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved value."""

    value: object
    """As in ``Pickled``."""
    objects: Counter[str]
    """How many Python objects of each class are in it, none of which is read."""
    storages: Mapping[str, memoryview]
    """The elements of its tensors, by the names of the storages."""

    def tensor(self, name: str, ref: TensorRef) -> StoredTensor:
        """The tensor that the value describes, once it is known to lie inside its storage.

        Raises:
            BadModel: its storage is not there or has another size, or it reaches beyond it.
        """
        storage = ref.storage
        content = self.storages.get(storage.key)
        if content is None:
            raise BadModel(
                f"The storage {storage.key[:80]!r} of the tensor {name[:80]!r} is not in the file. Save the weights "
                "again."
            )
        dtype = _DTYPES[storage.kind]
        if storage.elements * dtype.itemsize != len(content):
            raise BadModel(
                f"The tensor {name[:80]!r} claims a storage of {storage.elements:,} elements of {dtype.itemsize} "
                f"bytes, but the file holds {len(content):,} bytes for it. Save the weights again."
            )
        tensor = StoredTensor(
            content, dtype, _whole(name, ref.shape), _whole(name, ref.strides), *_whole(name, (ref.offset,))
        )
        check(name, tensor)
        return tensor


def element_size(kind: str) -> int | None:
    """Bytes of one element in a storage of this kind; None for a kind that is not known."""
    return _DTYPES[kind].itemsize if kind in _DTYPES else _OTHER_SIZES.get(kind)


def _whole(name: str, numbers: tuple[object, ...]) -> tuple[int, ...]:
    if not all(type(number) is int for number in numbers):
        raise BadModel(f"The shape of the tensor {name[:80]!r} is not a list of whole numbers. Save the weights again.")
    return tuple(number for number in numbers if isinstance(number, int))
