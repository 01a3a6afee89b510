"""State dicts whose pickle is harmless and whose tensors are not: views of what is not there, odd types, odd names."""

# ruff: noqa: E501 - a table has one row in each line

from __future__ import annotations

import io
import pickle
import warnings
from collections import OrderedDict
from collections.abc import Sequence

import torch

from tests.hostile.case import Case
from tests.hostile.weights import ARCHITECTURE, archive_of, saved, tensors

WITH_BATCH_NORM = "preset/shapes-cnn"


class Storage:
    """A storage as a pickle names it: its member in the archive, and how many elements it says it has."""

    def __init__(self, key: str, count: int, kind: str = "FloatStorage") -> None:
        self.key, self.count, self.kind = key, count, kind


class View:
    """A tensor as a pickle describes it."""

    def __init__(self, storage: Storage, offset: int, size: Sequence[int], stride: Sequence[int]) -> None:
        self.storage, self.offset, self.size, self.stride = storage, offset, tuple(size), tuple(stride)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        rebuild = torch._utils._rebuild_tensor_v2
        return rebuild, (self.storage, self.offset, self.size, self.stride, False, OrderedDict())


class _Pickler(pickle.Pickler):
    def persistent_id(self, value: object) -> tuple[object, ...] | None:
        if isinstance(value, Storage):
            return "storage", getattr(torch, value.kind), value.key, "cpu", value.count
        return None


def views(named: object) -> bytes:
    """An archive whose pickle holds views, over two storages of 64 and 16 bytes."""
    out = io.BytesIO()
    _Pickler(out, 2).dump(named)
    return archive_of(out.getvalue(), {"0": bytes(64), "1": bytes(16)})


def _view(offset: int, size: Sequence[int], stride: Sequence[int], *, count: int = 16, key: str = "0") -> bytes:
    return views({"fc1.weight": View(Storage(key, count), offset, size, stride)})


def _changed(name: str, value: object) -> bytes:
    return saved({**tensors(), name: value})


def _without(name: str) -> bytes:
    return saved({key: value for key, value in tensors().items() if key != name})


def _batch_norm(value: float) -> bytes:
    found = tensors(WITH_BATCH_NORM)
    name = next(key for key in found if key.endswith("running_var"))
    return saved({**found, name: torch.full_like(found[name], value)})


def _nan() -> bytes:
    weight = tensors()["fc1.weight"].clone()
    weight[0, 0] = float("nan")
    return _changed("fc1.weight", weight)


def _colliding() -> bytes:
    return saved({**tensors(), "module.fc1.weight": torch.zeros(128, 784)})


def _colliding_after_unwrapping() -> bytes:
    named = {f"module.{key}": value for key, value in tensors().items()}
    return saved({"state_dict": {**named, "fc1.weight": torch.ones(128, 784)}})


def _wrapped_a_hundred_times() -> bytes:
    found: dict[str, object] = dict(tensors())
    for _ in range(100):
        found = {"state_dict": found}
    return saved(found)


def _sparse() -> bytes:
    return _changed("fc1.weight", tensors()["fc1.weight"].to_sparse())


def _quantised() -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that such tensors are to go
        weight = torch.quantize_per_tensor(tensors()["fc1.weight"], 0.1, 0, torch.qint8)
    return _changed("fc1.weight", weight)


SCRIPT = "<script>alert(1)</script>"

CASES = (
    Case("view-out-of-bounds", "w.pt", lambda: _view(0, (128, 784), (784, 1)), "reaches beyond"),
    Case("view-with-an-offset-behind-the-end", "w.pt", lambda: _view(1_000_000, (4,), (1,)), "reaches beyond"),
    Case("view-with-a-negative-offset", "w.pt", lambda: _view(-4, (4,), (1,)), "strides that do not match"),
    Case("view-of-10^12-elements", "w.pt", lambda: _view(0, (10**6, 10**6), (0, 0)), "more than once"),
    Case("stride-0", "w.pt", lambda: _view(0, (16, 16), (0, 1)), "more than once"),
    Case("negative-stride", "w.pt", lambda: _view(15, (16,), (-1,)), "strides that do not match"),
    Case("overlapping-strides", "w.pt", lambda: _view(0, (8, 8), (1, 1)), "more than once"),
    Case("size-beyond-64-bits", "w.pt", lambda: _view(0, (2**63, 2**63), (1, 1)), "at most 8 dimensions"),
    Case("negative-size", "w.pt", lambda: _view(0, (-4,), (1,)), "fc1.weight"),
    Case("30000-dimensions", "w.pt", lambda: _view(0, (1,) * 30_000, (1,) * 30_000), "at most 8 dimensions"),
    Case("storage-claims-more-than-it-has", "w.pt", lambda: _view(0, (16,), (1,), count=4_000_000_000), "4,000,000,000 elements"),
    Case("storage-that-is-not-there", "w.pt", lambda: _view(0, (4,), (1,), key="77"), "not in the file"),
    Case("storage-of-another-name", "w.pt", lambda: _view(0, (4,), (1,), key="../version"), "not in the file"),
    Case("sparse", "w.pt", _sparse, "sparse"),
    Case("meta", "w.pt", lambda: _changed("fc1.weight", torch.empty(10**6, 10**6, device="meta")), "meta"),
    Case("quantised", "w.pt", _quantised, "quanti|qint8|QInt8"),
    Case("nested-lists", "w.pt", lambda: _changed("fc1.weight", [[torch.zeros(2)], [torch.zeros(2)]]), "fc1.weight' is missing"),
    Case("a-list", "w.pt", lambda: saved(list(tensors().values())), "holds a list"),
    Case("one-tensor", "w.pt", lambda: saved(torch.zeros(3)), "a single tensor"),
    Case("keys-that-are-numbers", "w.pt", lambda: saved(dict(enumerate(tensors().values()))), "no named tensors"),
    Case("nothing-inside", "w.pt", lambda: saved({}), "no named tensors"),
    Case("wrapped-100-times", "w.pt", _wrapped_a_hundred_times, "first 5 layers of dictionaries"),
    Case("colliding-keys", "w.pt", _colliding, "module.fc1.weight", architecture=ARCHITECTURE),
    Case("colliding-keys-in-a-wrapper", "w.pt", _colliding_after_unwrapping, "fc1.weight", architecture=ARCHITECTURE),
    Case("missing-key", "w.pt", lambda: _without("fc2.bias"), "fc2.bias", architecture=ARCHITECTURE),
    Case("extra-key", "w.pt", lambda: _changed("fc9.weight", torch.zeros(3)), "fc9.weight", architecture=ARCHITECTURE),
    Case("reshaped-key", "w.pt", lambda: _changed("fc1.weight", torch.zeros(784, 128)), r"784", architecture=ARCHITECTURE),
    Case("scalar-instead", "w.pt", lambda: _changed("fc1.bias", torch.tensor(1.0)), "fc1.bias", architecture=ARCHITECTURE),
    Case("int8", "w.pt", lambda: _changed("fc1.weight", torch.ones(128, 784, dtype=torch.int8)), "holds int8", architecture=ARCHITECTURE),
    Case("complex", "w.pt", lambda: _changed("fc1.weight", torch.ones(128, 784, dtype=torch.complex64)), "holds complex64", architecture=ARCHITECTURE),
    Case("bfloat16", "w.pt", lambda: saved({k: v.bfloat16() for k, v in tensors().items()}), "6 tensors are bfloat16", "kept", ARCHITECTURE),
    Case("nan", "w.pt", _nan, "NaN or infinite.*fc1.weight", "kept"),
    Case("infinity", "w.pt", lambda: _changed("fc1.bias", torch.full((128,), float("inf"))), "NaN or infinite.*fc1.bias", "kept"),
    Case("negative-variance", "w.pt", lambda: _batch_norm(-1.0), "Negative variances.*running_var", "kept", architecture=WITH_BATCH_NORM),
    Case("zero-size", "w.pt", lambda: _changed("fc1.weight", torch.zeros(0, 784)), "fc1.weight", architecture=ARCHITECTURE),
    Case("key-of-a-million-characters", "w.pt", lambda: _changed("k" * 1_000_000, torch.zeros(1)), "a key of the type str", "kept"),
    Case("20000-tensors", "w.pt", lambda: saved({f"t{i}": torch.zeros(()) for i in range(20_000)}), "20,006 members"),
    Case("script-in-a-key", "w.pt", lambda: _changed(SCRIPT, torch.zeros(1)), "script", architecture=ARCHITECTURE),
    Case("script-in-the-file-name", f"{SCRIPT}.pt", lambda: b"no model", "script|not a model"),
)  # fmt: skip
