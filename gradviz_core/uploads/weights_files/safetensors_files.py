"""``.safetensors`` files: a header in JSON, then the elements of each tensor, one behind the other.

The format is described at https://github.com/huggingface/safetensors#format. This reader takes what the library
writes and nothing looser: every byte belongs to exactly one tensor.
"""

from __future__ import annotations

import json
import math
from typing import NoReturn

import torch

from gradviz_core.errors import BadModel
from gradviz_core.uploads.weights_files.tensors import MOST_TENSORS, StoredTensor, check, dense_strides

MOST_HEADER = 1_000_000
"""Bytes; the header of DenseNet-201's 1,207 tensors has 150,000."""
LONGEST_NAME = 500

_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "C64": torch.complex64,
}
_AGAIN = "Save the weights again with safetensors.torch.save_file."


def looks_like(data: bytes | memoryview) -> bool:
    """Whether the first bytes are those of a safetensors file."""
    return len(data) >= 9 and data[8] == ord("{") and bytes(data[:4]) != b"PK\x03\x04"


def read(data: bytes | memoryview) -> dict[str, StoredTensor]:
    """Each tensor by its name, in the order of their bytes. One without elements is not checked.

    Raises:
        BadModel: the header is too long, no JSON, or describes other bytes than those that follow.
    """
    whole = memoryview(data)
    length = int.from_bytes(whole[:8], "little")
    if length > MOST_HEADER:
        raise _bad(f"its header claims to have {length:,} bytes; the limit is {MOST_HEADER:,}")
    if 8 + length > len(whole):
        raise _bad(f"its header of {length:,} bytes does not fit into the file")
    content = whole[8 + length :]
    header = _header(bytes(whole[8 : 8 + length]))
    header.pop("__metadata__", None)
    if not 0 < len(header) <= MOST_TENSORS:
        raise _bad(f"it holds {len(header):,} tensors; there must be at least 1 and at most {MOST_TENSORS:,}")
    found = {name: _entry(name, entry) for name, entry in header.items()}
    tensors: dict[str, StoredTensor] = {}
    at = 0
    for name, (dtype, shape, start, end) in sorted(found.items(), key=lambda item: item[1][2:]):
        if start != at:
            what = "overlap those of another tensor" if start < at else "do not follow those of the tensor before"
            raise _bad(f"the bytes of {name[:80]!r} {what}")
        if end > len(content) or end - start != math.prod(shape) * dtype.itemsize:
            raise _bad(f"the number of bytes of {name[:80]!r} does not match its shape and dtype")
        tensors[name] = StoredTensor(content[start:end], dtype, shape, dense_strides(shape))
        if 0 not in shape:
            check(name, tensors[name])
        at = end
    if at != len(content):
        raise _bad(f"{len(content) - at:,} bytes at its end belong to no tensor")
    return tensors


def _header(raw: bytes) -> dict[str, object]:
    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except BadModel:
        raise
    except (ValueError, RecursionError):
        raise _bad("its header is not valid JSON") from None
    if not isinstance(header, dict):
        raise _bad("its header is not a JSON object")
    return header


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise _bad(f"its header has {name[:80]!r} twice")
        found[name] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _entry(name: str, entry: object) -> tuple[torch.dtype, tuple[int, ...], int, int]:
    """Dtype, shape, and where the bytes start and end."""
    match entry:
        case {"dtype": str(kind), "shape": list(shape), "data_offsets": [start, end], **others} if not others:
            numbers = (*shape, start, end)
            if kind not in _DTYPES:
                raise _bad(f"{name[:80]!r} has the dtype {kind[:20]!r}, which no layer uses")
            if len(name) <= LONGEST_NAME and len(shape) <= 8 and all(_plain(number) for number in numbers):
                return _DTYPES[kind], tuple(shape), int(start), int(end)
    raise _bad(f"{name[:80]!r} is not described by a dtype, a shape and two offsets")


def _plain(number: object) -> bool:
    return type(number) is int and 0 <= number < 2**40


def _bad(what: str) -> BadModel:
    return BadModel(f"The safetensors file cannot be read: {what}. {_AGAIN}")
