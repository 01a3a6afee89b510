"""``.pt`` and ``.pth`` files: the archive that ``torch.save`` writes, and the tensors its pickle describes."""

from __future__ import annotations

import torch

from gradviz_core.errors import BadModel
from gradviz_core.uploads import archive
from gradviz_core.uploads.weights_files import pickles
from gradviz_core.uploads.weights_files.sentences import SAVE_A_STATE_DICT
from gradviz_core.uploads.weights_files.tensors import StoredTensor, check
from gradviz_core.uploads.weights_files.unwrapping import unwrap

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


def read(data: bytes | memoryview) -> tuple[dict[str, StoredTensor], tuple[str, ...]]:
    """Each tensor of the state dict by its name, wrappers taken off, and what was done to get there.

    Raises:
        BadModel: it is TorchScript, a pickled object, damaged, or breaks a limit.
    """
    if is_torchscript(archive.names(data)):
        raise BadModel(
            "The file is TorchScript, which contains code; code in uploads is never run. " + SAVE_A_STATE_DICT
        )
    members = archive.members(data)
    folder = _folder(members)
    order = members.get(f"{folder}/byteorder")
    if order is not None and bytes(order[:10]) != b"little":
        raise BadModel(f"The byte order of the file is {bytes(order[:10])!r}; it must be little.")
    root = pickles.interpret(members[f"{folder}/data.pkl"])
    found, notes = unwrap(root)
    return {name: _tensor(name, ref, members, folder) for name, ref in found.items()}, notes


def is_torchscript(names: tuple[str, ...]) -> bool:
    """Whether an archive with members of these names was written by ``torch.jit.save``."""
    return any("code" in name.split("/")[1:2] or name.endswith("/constants.pkl") for name in names)


def _folder(members: dict[str, memoryview]) -> str:
    folders = {name.partition("/")[0] for name in members}
    if len(folders) != 1 or f"{min(folders)}/data.pkl" not in members:
        raise BadModel(
            "The file is a zip archive, but neither a state dict nor an exported program: it has no data.pkl. "
            + SAVE_A_STATE_DICT
        )
    return folders.pop()


def _tensor(name: str, ref: pickles.TensorRef, members: dict[str, memoryview], folder: str) -> StoredTensor:
    storage = ref.storage
    content = members.get(f"{folder}/data/{storage.key}")
    if content is None:
        raise BadModel(
            f"The storage {storage.key[:80]!r} of the tensor {name[:80]!r} is not in the file. Save the weights again."
        )
    dtype = _DTYPES[storage.kind]
    if storage.elements * dtype.itemsize != len(content):
        raise BadModel(
            f"The tensor {name[:80]!r} claims a storage of {storage.elements:,} elements of {dtype.itemsize} bytes, "
            f"but the file holds {len(content):,} bytes for it. Save the weights again."
        )
    tensor = StoredTensor(
        content, dtype, _whole(name, ref.shape), _whole(name, ref.strides), *_whole(name, (ref.offset,))
    )
    check(name, tensor)
    return tensor


def _whole(name: str, numbers: tuple[object, ...]) -> tuple[int, ...]:
    if not all(type(number) is int for number in numbers):
        raise BadModel(f"The shape of the tensor {name[:80]!r} is not a list of whole numbers. Save the weights again.")
    return tuple(number for number in numbers if isinstance(number, int))
