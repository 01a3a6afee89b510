"""Checkpoints with more in them than weights: objects that run code once somebody makes them, the format before torch
1.6, names with prefixes, heads, and archives of several files."""

# ruff: noqa: E501 - a table has one row in each line

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence

import safetensors.torch
import torch

from tests.hostile.case import COMMAND, Case
from tests.hostile.pickles import Call, text
from tests.hostile.weights import archive_of, parts, saved, tensors

INDEX = "model.safetensors.index.json"
PARTS = ("model-1.safetensors", "model-2.safetensors")
_SYSTEM = b"\x8c\x05posix\x8c\x06system\x93"
_COMMAND = text(COMMAND)


def saved_before_zip(value: object) -> bytes:
    """What ``torch.save`` made of any value before version 1.6."""
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the source of a class cannot be found
        torch.save(value, out, _use_new_zipfile_serialization=False)
    return out.getvalue()


def beside(*steps: bytes) -> bytes:
    """Sound weights, and beside them what these steps of a pickle make."""
    pickled = parts().pickled
    assert pickled.endswith(b".")
    return archive_of(b"\x80\x04}(" + text("state_dict") + pickled[2:-1] + text("other") + b"".join(steps) + b"u.")


def _sound_checkpoint(protocol: int = 2) -> bytes:
    """A checkpoint with objects of many kinds in it."""
    import argparse
    import datetime
    import pathlib

    import numpy as np

    out = io.BytesIO()
    others = {
        "args": argparse.Namespace(lr=0.1, out=pathlib.PurePosixPath("/data")),
        "rng": np.arange(4),
        "best": np.float64(0.5),
        "when": datetime.datetime(2020, 2, 3),
        "seen": {1, 2},
        "raw": b"abc",
        "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"params": [0]}]},
    }
    torch.save(
        {"state_dict": {f"module.{k}": v for k, v in tensors().items()}, **others}, out, pickle_protocol=protocol
    )
    return out.getvalue()


def sound() -> list[bytes]:
    """Checkpoints that are accepted, one for each protocol."""
    return [_sound_checkpoint(protocol) for protocol in (2, 3, 4, 5)]


# ---------------------------------------------------------------------------------------------------- before torch 1.6


def pickles_of(data: bytes) -> list[bytes]:
    """The five pickles of a file before torch 1.6, and what follows them."""
    rest, found = io.BytesIO(data), []
    unpickler: type[pickle.Unpickler] = _Harmless
    for _ in range(5):
        start = rest.tell()
        unpickler(rest).load()
        found.append(data[start : rest.tell()])
    return [*found, data[rest.tell() :]]


class _Harmless(pickle.Unpickler):
    """Finds where a pickle of our own ends."""

    def find_class(self, module: str, name: str) -> object:
        return lambda *_: {}

    def persistent_load(self, pid: object) -> object:
        return None


def _old(at: int, change: Callable[[bytes], bytes]) -> bytes:
    """The old format with one of its six parts changed."""
    found = pickles_of(saved_before_zip(tensors()))
    found[at] = change(found[at])
    return b"".join(found)


def _first_size(size: int) -> bytes:
    return _old(5, lambda raw: struct.pack("<q", size) + raw[8:])


def _names(value: object) -> bytes:
    return _old(4, lambda _: pickle.dumps(value, 2))


def _source_of_a_class() -> bytes:
    """The old format keeps the source code of a pickled module's class beside its name."""
    value = b"\x80\x02}(" + text("state_dict") + b"}" + text("model") + b"("
    value += (
        text("module") + b"cposix\nsystem\n" + text("model.py") + text(f"import os; os.system({COMMAND!r})") + b"tQ"
    )
    return _old(3, lambda _: value + b")\x81}bu.")


def _nested_old() -> bytes:
    return _old(3, lambda _: b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b".")


# ------------------------------------------------------------------------------------------------ names, heads, parts


def _endless_prefix() -> bytes:
    """4,000 tensors, each behind 240 parts of a prefix of its own."""
    one = torch.zeros(1)
    return saved({".".join(f"{chr(97 + i % 26)}" for i in range(240)) + f".{n}.w": one.clone() for n in range(4_000)})


def _a_thousand_averages() -> bytes:
    one = tensors()
    return saved({f"ema_{i}": dict(one) for i in range(1_000)})


def _a_name_in_its_prefix() -> bytes:
    return saved({("fc1." * 50) + name: value for name, value in tensors().items()})


def _endless_head(word: str) -> bytes:
    import torchvision

    state = torchvision.models.shufflenet_v2_x0_5(num_classes=4).state_dict()
    head = {f"fc.{word}.{name.removeprefix('fc.')}": state.pop(name) for name in ("fc.weight", "fc.bias")}
    return saved({**state, **head})


def _pairs_twice() -> bytes:
    pair = b"]" + text("a") + b"aNa"
    return beside(b"ccollections\nOrderedDict\n](", pair, pair, b"e\x85R")


def _types_in_types() -> bytes:
    """A tensor of a class, whose tensor is of a class, and so on."""
    rebuild, kind = b"ctorch._tensor\n_rebuild_from_type_v2\n", b"ctorch\nTensor\n"
    start = rebuild + b"q\xc8" + kind + b"q\xc900)q\xca0"
    level = b"(h\xc8h\xc9h\xcaNtq\xca0"
    return beside(start, level * 50_000, b"h\xc8h\xcaR")


def _keys_that_hash_for_ever() -> bytes:
    """A tuple of ten tuples of ten tuples, thirty times, as a key: whoever hashes it never ends."""
    steps = b")q\x64"
    for level in range(100, 130):
        steps += b"0(" + (b"h" + bytes([level])) * 10 + b"tq" + bytes([level + 1])
    return beside(b"}(", steps, b"Nu")


# ----------------------------------------------------------------------------------------------------- several files


def shards(index: object = None, content: Mapping[str, bytes] | None = None, method: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of two safetensors files and their index."""
    names = list(tensors())
    where = {name: PARTS[i % 2] for i, name in enumerate(names)}
    held = {file: {name: tensors()[name] for name in names if where[name] == file} for file in PARTS}
    files = {INDEX: json.dumps({"weight_map": where} if index is None else index).encode()}
    files |= {file: safetensors.torch.save(held[file]) for file in PARTS} | dict(content or {})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def _flood(steps: Sequence[bytes]) -> bytes:
    return archive_of(b"\x80\x04" + b"".join(steps) + b".")


FITS = r"Weights \W*(state|safetensors)"
"""What the page says of a file that is accepted, whatever escapes its signs have."""
CASES = (
    Case("system-in-an-optimiser", "c.pt", lambda: saved({"state_dict": tensors(), "optimizer": {"state": {0: Call(os.system, COMMAND)}}}), "not loaded.*system", "kept"),
    Case("object-of-protocol-0", "c.pt", lambda: beside(b"(", _COMMAND, b"iposix\nsystem\n"), "not loaded.*system", "kept"),
    Case("object-of-protocol-1", "c.pt", lambda: beside(b"(", _SYSTEM, _COMMAND, b"o"), "not loaded.*system", "kept"),
    Case("new-object", "c.pt", lambda: beside(_SYSTEM, _COMMAND, b"\x85\x81"), "not loaded.*system", "kept"),
    Case("new-object-with-names", "c.pt", lambda: beside(_SYSTEM, _COMMAND, b"\x85}\x92"), "not loaded.*system", "kept"),
    Case("state-that-is-a-call", "c.pt", lambda: beside(b"cargparse\nNamespace\n)\x81", _SYSTEM, _COMMAND, b"\x85Rb"), "not loaded.*system", "kept"),
    Case("items-that-are-calls", "c.pt", lambda: beside(b"ccollections\nUserDict\n)R(", _SYSTEM, _COMMAND, b"\x85R", b"Nu"), "not loaded.*system", "kept"),
    Case("elements-of-a-set-that-are-calls", "c.pt", lambda: beside(b"\x8f(", _SYSTEM, _COMMAND, b"\x85R\x90"), "not loaded.*system", "kept"),
    Case("call-of-what-a-call-gave", "c.pt", lambda: beside(b"cbuiltins\ngetattr\n", _SYSTEM, text("__call__"), b"\x86R", _COMMAND, b"\x85R"), "not loaded.*getattr", "kept"),
    Case("factory-of-a-dictionary", "c.pt", lambda: beside(b"ccollections\ndefaultdict\n", _SYSTEM, b"\x85R"), FITS, "kept"),
    Case("class-with-markup", "c.pt", lambda: beside(text("<script>"), text("alert(1)"), b"\x93)\x81"), "script", "kept"),
    Case("class-over-two-lines", "c.pt", lambda: beside(text("a\n# b"), text("c\u202e"), b"\x93)\x81"), r"not loaded.*U\+", "kept"),
    Case("keys-that-hash-for-ever", "c.pt", _keys_that_hash_for_ever, FITS, "kept"),
    Case("number-of-20-MB", "c.pt", lambda: beside(b"\x8b", struct.pack("<i", 20_000_000), bytes(20_000_000)), "not loaded.*int", "kept"),
    Case("bytes-of-8-EB", "c.pt", lambda: beside(b"\x8e", struct.pack("<Q", 2**63)), "cut off"),
    Case("byte-array-of-8-EB", "c.pt", lambda: beside(b"\x96", struct.pack("<Q", 2**63)), "cut off"),
    Case("text-of-8-EB", "c.pt", lambda: beside(b"\x8d", struct.pack("<Q", 2**63)), "cut off"),
    Case("number-of-a-negative-length", "c.pt", lambda: beside(b"\x8b\xff\xff\xff\xff"), "cut off"),
    Case("pickle-of-40-MB", "c.pt", lambda: beside(b"\x8e", struct.pack("<Q", 40_000_000), bytes(40_000_000)), "the limit is 32 MB"),
    Case("500000-marks", "c.pt", lambda: _flood([b"(" * 500_000]), "more than 500,000 steps"),
    Case("300000-dictionaries-in-the-memo", "c.pt", lambda: _flood([b"}\x94" * 300_000]), "more than 500,000 steps"),
    Case("160000-objects-of-as-many-classes", "c.pt", lambda: _flood([b"".join(b"ca\n%d\n)\x81" % i for i in range(160_000))]), "pickled object"),
    Case("a-buffer-from-outside", "c.pt", lambda: beside(b"\x97"), "no state dict needs"),
    Case("a-dictionary-of-pairs-twice", "c.pt", _pairs_twice, "a key of its own"),
    Case("types-in-types", "c.pt", _types_in_types, FITS, "kept"),
    Case("a-call-of-a-number", "c.pt", lambda: beside(b"K\x01)R"), "not a function"),
    Case("an-object-of-a-number", "c.pt", lambda: beside(b"K\x01)\x81"), "no class"),
    Case("attributes-of-a-number", "c.pt", lambda: beside(b"K\x01}b"), "has none"),
    Case("before-1.6", "c.pth", lambda: saved_before_zip(tensors()), FITS, "kept"),
    Case("before-1.6-system-beside", "c.pth", lambda: saved_before_zip({"state_dict": tensors(), "x": Call(os.system, COMMAND)}), "not loaded.*system", "kept"),
    Case("before-1.6-system-alone", "c.pth", lambda: saved_before_zip(Call(os.system, COMMAND)), "whole pickled object.*system"),
    Case("before-1.6-source-of-a-class", "c.pth", _source_of_a_class, "reaches beyond|no tensor uses|system"),
    Case("before-1.6-storage-of-2^60", "c.pth", lambda: _first_size(2**60), "reaches beyond"),
    Case("before-1.6-storage-of-minus-1", "c.pth", lambda: _first_size(-1), "reaches beyond"),
    Case("before-1.6-storage-of-1", "c.pth", lambda: _first_size(1), "reaches beyond|belong to no tensor|claims a storage"),
    Case("before-1.6-cut-off", "c.pth", lambda: saved_before_zip(tensors())[:-1000], "reaches beyond"),
    Case("before-1.6-something-added", "c.pth", lambda: saved_before_zip(tensors()) + b"#!/bin/sh", "9 bytes at its end"),
    Case("before-1.6-no-names", "c.pth", lambda: _names([]), "belong to no tensor"),
    Case("before-1.6-names-that-are-paths", "c.pth", lambda: _names(["/etc/passwd"]), "no tensor uses"),
    Case("before-1.6-one-name-twice", "c.pth", lambda: _old(4, lambda raw: raw.replace(b"e.", b"h\x01e.") if b"q\x01" in raw else raw), "twice|contains|beyond|no tensor uses"),
    Case("before-1.6-200000-names", "c.pth", lambda: _names([""] * 200_000), "more than 15,000 steps"),
    Case("before-1.6-big-endian", "c.pth", lambda: _old(2, lambda _: pickle.dumps({"little_endian": False}, 2)), "byte order"),
    Case("before-1.6-deep", "c.pth", _nested_old, "holds a list|pickled|no tensor uses"),
    Case("before-1.6-five-bombs", "c.pth", lambda: _old(2, lambda _: b"\x80\x02" + b"(" * 700_000), "more than 1,000 steps"),
    Case("prefixes-of-240-parts", "c.pt", _endless_prefix, "No known architecture"),
    Case("a-name-in-its-prefix", "c.pt", _a_name_in_its_prefix, "No known architecture|do not fit"),
    Case("a-thousand-averages", "c.pt", _a_thousand_averages, "several sets of weights", "kept"),
    Case("head-at-the-place-10^9", "c.pt", lambda: _endless_head("999999999"), "'fc.weight' is missing"),
    Case("head-at-the-place-10^400", "c.pt", lambda: _endless_head("9" * 400), "'fc.weight' is missing"),
    Case("head-called-forward", "c.pt", lambda: _endless_head("forward"), "'fc.weight' is missing"),
    Case("shards", "c.zip", shards, FITS, "kept"),
    Case("shards-compressed", "c.zip", lambda: shards(method=zipfile.ZIP_DEFLATED), "is compressed"),
    Case("shards-of-300-MB-in-1", "c.zip", lambda: shards(content={PARTS[0]: bytes(300_000_000)}, method=zipfile.ZIP_DEFLATED), "is compressed"),
    Case("shards-that-are-paths", "c.zip", lambda: shards({"weight_map": {"fc1.weight": "../../etc/passwd.safetensors"}}), "is not there"),
    Case("shards-with-a-deep-index", "c.zip", lambda: shards(content={INDEX: b"[" * 500_000}), "not valid JSON"),
    Case("shards-with-a-number-of-10^6-digits", "c.zip", lambda: shards(content={INDEX: b'{"weight_map": ' + b"9" * 900_000 + b"}"}), "not valid JSON"),
    Case("shards-with-a-script", "c.zip", lambda: shards({"weight_map": {"<script>alert(1)</script>": PARTS[0]}}), "script|does not say so"),
    Case("an-index-alone", "c.zip", lambda: json.dumps({"weight_map": {"a": PARTS[0]}}).encode(), "holds no weights itself"),
)  # fmt: skip
