"""Safetensors files: headers that lie about their own length, about offsets, types and shapes."""

from __future__ import annotations

import json
import struct

import numpy as np
import safetensors.numpy

from tests.hostile.case import Case
from tests.hostile.weights import ARCHITECTURE, tensors


def written(header: object, data: bytes = b"", *, length: int | None = None) -> bytes:
    """A file with this header (text, or what becomes JSON), whatever its length is said to be."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def sound() -> bytes:
    """A file that is accepted."""
    return safetensors.numpy.save({name: tensor.numpy() for name, tensor in tensors().items()})


def entry(start: int, end: int, shape: list[object] | None = None, dtype: object = "F32") -> dict[str, object]:
    """What the header says of one tensor."""
    return {"dtype": dtype, "shape": [(end - start) // 4] if shape is None else shape, "data_offsets": [start, end]}


def _claimed() -> bytes:
    """A header of 96 MB that is really there."""
    return written('{"a":' + " " * 96_000_000 + "1}")


def _twice() -> bytes:
    one = json.dumps(entry(0, 16))
    return written('{"fc1.weight": ' + one + ', "fc1.weight": ' + one + "}", bytes(16))


def _deep() -> bytes:
    return written('{"a":' + "[" * 100_000 + "]" * 100_000 + "}")


def _nan() -> bytes:
    found = {name: tensor.numpy() for name, tensor in tensors().items()}
    return safetensors.numpy.save({**found, "fc3.bias": np.full(10, np.nan, np.float32)})


def _many() -> bytes:
    return written({f"t{i}": entry(0, 0, [0]) for i in range(14_000)})


A = "fc1.weight"
CASES = (
    Case("st-header-of-96-MB", "w.safetensors", _claimed, "96,000,007 bytes"),
    Case(
        "st-header-claims-96-MB",
        "w.safetensors",
        lambda: written({A: entry(0, 16)}, bytes(16), length=96_000_000),
        "96,000,000 bytes",
    ),
    Case("st-header-claims-2^63", "w.safetensors", lambda: written({}, length=2**63), "9,223,372,036,854,775,808"),
    Case("st-header-cut-short", "w.safetensors", lambda: sound()[:40], "does not fit"),
    Case(
        "st-overlapping", "w.safetensors", lambda: written({A: entry(0, 16), "b": entry(8, 24)}, bytes(24)), "overlap"
    ),
    Case(
        "st-gapped", "w.safetensors", lambda: written({A: entry(0, 16), "b": entry(32, 48)}, bytes(48)), "do not follow"
    ),
    Case("st-bytes-left-over", "w.safetensors", lambda: written({A: entry(0, 16)}, bytes(48)), "belong to no tensor"),
    Case("st-duplicate-key", "w.safetensors", _twice, "twice"),
    Case("st-outside", "w.safetensors", lambda: written({A: entry(0, 4_000_000_000)}, bytes(16)), A),
    Case("st-backwards", "w.safetensors", lambda: written({A: entry(16, 0, [4])}, bytes(16)), A),
    Case("st-size-mismatch", "w.safetensors", lambda: written({A: entry(0, 16, [5])}, bytes(16)), A),
    Case("st-shape-overflow", "w.safetensors", lambda: written({A: entry(0, 16, [2**62, 2**62, 4])}, bytes(16)), A),
    Case("st-negative-shape", "w.safetensors", lambda: written({A: entry(0, 16, [-2, -2])}, bytes(16)), A),
    Case("st-shape-of-fractions", "w.safetensors", lambda: written({A: entry(0, 16, [4.0])}, bytes(16)), A),
    Case("st-shape-of-30000-ones", "w.safetensors", lambda: written({A: entry(0, 4, [1] * 30_000)}, bytes(4)), A),
    Case("st-unknown-type", "w.safetensors", lambda: written({A: entry(0, 16, None, "F32; rm -rf /")}, bytes(16)), A),
    Case("st-type-is-a-list", "w.safetensors", lambda: written({A: entry(0, 16, None, ["F32"])}, bytes(16)), A),
    Case("st-header-is-a-list", "w.safetensors", lambda: written([1, 2]), "not a model that can be read"),
    Case("st-header-is-no-json", "w.safetensors", lambda: written("{'a': __import__('os')}"), "header|JSON"),
    Case("st-header-nested-100000-deep", "w.safetensors", _deep, "header|JSON"),
    Case(
        "st-number-of-100000-digits", "w.safetensors", lambda: written('{"a":' + "9" * 100_000 + "}"), "header|JSON|a"
    ),
    Case("st-14000-tensors", "w.safetensors", _many, "14,000 tensors"),
    Case("st-nothing-inside", "w.safetensors", lambda: written({}), "0 tensors"),
    Case("st-nan", "w.safetensors", _nan, "NaN or infinite.*fc3.bias", "kept", architecture=ARCHITECTURE),
    Case(
        "st-script-in-a-key",
        "w.safetensors",
        lambda: written({"<script>alert(1)</script>": entry(0, 16)}, bytes(16)),
        "script|no architecture|fits",
    ),
)
