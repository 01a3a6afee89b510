"""Files of weights that must be refused, each with its sentence; and small files bent at random, of which nothing but
``BadModel`` may come."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import tracemalloc
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st
from torch import Tensor, nn

from gradviz_core.errors import BadModel
from gradviz_core.uploads import next_steps, weights_files
from gradviz_core.uploads.weights_files import pickles, safetensors_files


def saved(value: object, zipped: bool = True) -> bytes:
    out = io.BytesIO()
    torch.save(value, out, _use_new_zipfile_serialization=zipped)
    return out.getvalue()


def archive_of(pickled: bytes, storages: Mapping[str, bytes] | None = None, byteorder: bytes = b"little") -> bytes:
    out = io.BytesIO()
    files = {"data.pkl": pickled, "byteorder": byteorder, **{f"data/{k}": v for k, v in (storages or {}).items()}}
    with zipfile.ZipFile(out, "w") as zipper:
        for name, content in files.items():
            zipper.writestr(f"archive/{name}", content)
    return out.getvalue()


class Storage:
    """Pickled as torch pickles a storage."""

    def __init__(self, key: str = "0", elements: int = 16, kind: str = "FloatStorage") -> None:
        self.said = "storage", getattr(torch, kind), key, "cpu", elements


class View:
    """Pickled as torch pickles a tensor."""

    def __init__(self, offset: object, shape: object, strides: object, storage: object) -> None:
        hooks: OrderedDict[str, object] = OrderedDict()
        self.said = storage, offset, shape, strides, False, hooks

    def __reduce__(self) -> tuple[object, ...]:
        return torch._utils._rebuild_tensor_v2, self.said


class _Pickler(pickle.Pickler):
    def persistent_id(self, value: object) -> object:
        return value.said if isinstance(value, Storage) else None


def pickled(value: object) -> bytes:
    out = io.BytesIO()
    _Pickler(out, 2).dump(value)
    return out.getvalue()


def view(offset: object, shape: object, strides: object, storage: object = None) -> bytes:
    return archive_of(pickled({"w": View(offset, shape, strides, storage or Storage())}), {"0": bytes(64)})


class Call:
    """Pickled as a call of any function."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.said = function, arguments

    def __reduce__(self) -> tuple[object, ...]:
        return self.said


def steps(program: bytes) -> bytes:
    return archive_of(b"\x80\x02" + program)


def torchscript() -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), out)
    return out.getvalue()


def with_sparse_gradients() -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return torch.eye(3).to_sparse()


def quantised() -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)


def itself() -> dict[str, object]:
    value: dict[str, object] = {}
    value["state_dict"] = value
    return value


ONE = torch.ones(3)

REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    # what is no state dict
    "a pickled module": (lambda: saved(nn.Linear(2, 2)), "a whole pickled object ('torch.nn.modules.linear.Linear')"),
    "os.system": (lambda: archive_of(pickle.dumps(Call(os.system, "true"), 2)), "system')"),
    "eval": (lambda: archive_of(pickle.dumps(Call(eval, "1"), 4)), "builtins.eval"),
    "a bytearray bomb": (lambda: archive_of(pickle.dumps({"w": Call(bytearray, 10**10)}, 2)), "bytearray"),
    "TorchScript": (torchscript, "TorchScript"),
    "no pickle": (lambda: archive_of(b"").replace(b"data.pkl", b"data.pxl"), "it has no data.pkl"),
    "two folders": (lambda: archive_of(b".").replace(b"archive/byte", b"archivo/byte"), "it has no data.pkl"),
    "big-endian": (lambda: archive_of(b"}.", byteorder=b"big"), "must be little"),
    "a list": (lambda: saved([ONE]), "The file holds a list where a state dict should be"),
    "a tensor": (lambda: saved(ONE), "The file holds a single tensor where"),
    "a number": (lambda: saved(5), "The file holds a number where"),
    "nothing": (lambda: saved({}), "contains no named tensors"),
    "numbers alone": (lambda: saved({"a": 1}), "contains no named tensors"),
    "names that are numbers": (lambda: saved({0: ONE}), "contains no named tensors"),
    "a long name": (lambda: saved({"k" * 501: ONE}), "contains no named tensors"),
    "wrapped often": (lambda: saved({"a": {"a": {"a": {"a": {"a": {"w": ONE}}}}}}), "in its first 5 layers of dict"),
    "wrapped in itself": (lambda: archive_of(pickle.dumps(itself(), 2)), "in its first 5 layers of dictionaries"),
    # tensors that are not dense
    "sparse": (lambda: saved({"w": with_sparse_gradients()}), "a sparse tensor"),
    "quantised": (lambda: saved({"w": quantised()}), "a quantised tensor"),
    "meta": (lambda: saved({"w": torch.ones(3, device="meta")}), "from the meta device"),
    "float8": (lambda: saved({"w": ONE.to(torch.float8_e4m3fn)}), "of a dtype that no layer uses"),
    # views of what is not there
    "beyond the storage": (lambda: view(0, (17,), (1,)), "reaches beyond the 64 bytes"),
    "offset beyond the storage": (lambda: view(16, (1,), (1,)), "reaches beyond the 64 bytes"),
    "negative offset": (lambda: view(-1, (1,), (1,)), "strides that do not match its shape"),
    "negative stride": (lambda: view(15, (16,), (-1,)), "strides that do not match its shape"),
    "negative size": (lambda: view(0, (-4,), (1,)), "strides that do not match its shape"),
    "stride 0": (lambda: view(0, (10**6, 10**6), (0, 0)), "more than once (strides (0, 0))"),
    "overlapping rows": (lambda: view(0, (8, 8), (1, 1)), "more than once"),
    "strides too few": (lambda: view(0, (4, 4), (1,)), "strides that do not match its shape"),
    "fractional size": (lambda: view(0, (4.0,), (1,)), "not a list of whole numbers"),
    "size that is true": (lambda: view(0, (True,), (1,)), "not a list of whole numbers"),
    "no elements": (lambda: view(0, (0, 4), (4, 1)), "a tensor without elements"),
    "nine dimensions": (lambda: view(0, (1,) * 9, (1,) * 9), "at most 8 dimensions"),
    "huge numbers": (lambda: view(0, (2**62, 2**62), (1, 1)), "at most 8 dimensions"),
    "beyond 64 bits": (lambda: view(0, (2**80,), (1,)), "at most 8 dimensions"),
    "storage not there": (lambda: view(0, (1,), (1,), Storage("77")), "The storage '77' of the tensor 'w' is not in"),
    "storage of another size": (lambda: view(0, (1,), (1,), Storage(elements=10**9)), "1,000,000,000 elements of 4"),
    "storage of nothing": (lambda: view(0, (1,), (1,), "text"), "is called as torch never calls it"),
    "shared memory": (
        lambda: archive_of(
            pickled({f"w{i}": View(0, (999,), (1,), Storage(elements=999)) for i in range(99)}), {"0": bytes(3996)}
        ),
        "they share memory",
    ),
    # pickles that are no list of tensors
    "an object of protocol 1": (lambda: steps(b"(ios\nsystem\n."), "a whole pickled object ('os.system')"),
    "a step of protocol 0": (lambda: steps(b"S'touch'\n."), "an instruction that no state dict needs (STRING)"),
    "beyond 128 bits": (lambda: view(0, (2**200,), (1,)), "not a list of whole numbers"),
    "an extension": (lambda: steps(b"\x82\x01."), "needs (EXT1)"),
    "a set": (lambda: steps(b"\x8f."), "a whole pickled object ('builtins.set')"),
    "a buffer outside of the file": (lambda: steps(b"\x97."), "needs (NEXT_BUFFER)"),
    "a persistent id in text": (lambda: steps(b"Pstorage\n."), "needs (PERSID)"),
    "no such step": (lambda: steps(b"\xff."), "needs (b'\\xff')"),
    "cut off": (lambda: steps(b"}X\xff\xff\xff\xffabc"), "it is cut off"),
    "without an end": (lambda: steps(b"}"), "it is cut off"),
    "something after the end": (lambda: steps(b"}.}."), "something follows its end"),
    "an empty stack": (lambda: steps(b"."), "its stack is empty"),
    "no mark": (lambda: steps(b"t."), "a mark is missing"),
    "never kept": (lambda: steps(b"h\x05."), "a memo entry that does not exist"),
    "a call of a number": (lambda: steps(b"K\x01)R."), "it calls something that is not a function"),
    "a call without arguments": (lambda: steps(b"ctorch._utils\n_rebuild_tensor_v2\n)R."), "torch never calls it"),
    "items of a list": (lambda: steps(b"](K\x01K\x02u."), "adds items to something that is not a dictionary"),
    "items of a dictionary": (lambda: steps(b"}K\x01a."), "appends to something that is not a list"),
    "attributes of a list": (lambda: steps(b"]}b."), "attributes on something that has none"),
    "a key twice": (lambda: steps(b"}(X\1\0\0\0aK\1X\1\0\0\0aK\2u."), "holds 'a' twice"),
    "a storage that is a number": (lambda: steps(b"K\1Q."), "is not described as torch describes it"),
    "a name without an end": (lambda: steps(b"c" + b"x" * 300), "a name does not end"),
    "a name that is a number": (lambda: steps(b"K\1K\1\x93."), "a name is not a string"),
    "a text that is none": (lambda: steps(b"X\2\0\0\0\xff\xfe."), "a string is not UTF-8"),
    "many steps": (lambda: steps(b"N" * 500_001), "more than 500,000 steps"),
    "32 MB": (lambda: steps(b"B\xff\xff\xff\x01" + bytes(33_554_431) + b"."), "has 33.6 MB; the limit is 32 MB"),
    "deep": (lambda: steps(b"]" * 200_000 + b"a" * 199_999 + b"."), "holds a list where"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    make, sentence = REFUSED[name]
    with pytest.raises(BadModel) as caught:
        weights_files.read(make())
    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_module_is_refused_with_the_way_out() -> None:
    with pytest.raises(BadModel) as caught:
        weights_files.read(saved(nn.Linear(2, 2)))
    assert str(caught.value).endswith(next_steps.EXPORT)
    assert "torch.export.save" in caught.value.code


def test_lists_of_lists_of_lists_stay_small() -> None:
    """Thirty levels of ten references each: 10**30 numbers for whoever walks them all."""
    program = b"\x80\x02]q\x00"
    for level in range(30):
        program += b"](" + bytes([0x68, level]) * 10 + b"eq" + bytes([level + 1])
    with pytest.raises(BadModel, match="holds a list"):
        weights_files.read(archive_of(program + b"."))


# --------------------------------------------------------------------------------------------------------- safetensors


def entry(start: object, end: object, shape: object = (4,), dtype: object = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def tensors_of(header: object, content: int = 16, length: int | None = None) -> bytes:
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + bytes(content)


SAFETENSORS: dict[str, tuple[bytes, str]] = {
    "a long header": (tensors_of(" " * 1_000_001 + "{}").replace(b" ", b"{", 1), "1,000,003 bytes; the limit is 1,0"),
    "a header beyond the file": (tensors_of({"a": entry(0, 16)}, length=5_000), "does not fit into the file"),
    "no JSON": (tensors_of("{'a': 1}"), "its header is not valid JSON"),
    "deep JSON": (tensors_of('{"a":' + "[" * 100_000 + "]" * 100_000 + "}"), "its header is not valid JSON"),
    "a number of 5000 digits": (tensors_of('{"a":' + "9" * 5_000 + "}"), "its header is not valid JSON"),
    "not a number": (tensors_of('{"a": NaN}'), "its header is not valid JSON"),
    "not UTF-8": (tensors_of('{"a": 1}').replace(b"a", b"\xff"), "its header is not valid JSON"),
    "a name twice": (tensors_of('{"a": 1, "a": 2}'), "its header has 'a' twice"),
    "nothing": (tensors_of({}, 0), "it holds 0 tensors"),
    "6,000 tensors": (tensors_of({f"t{i}": {} for i in range(6_000)}), "it holds 6,000 tensors"),
    "overlapping": (tensors_of({"a": entry(0, 16), "b": entry(8, 24)}, 24), "'b' overlap those of another"),
    "the same bytes": (tensors_of({"a": entry(0, 16), "b": entry(0, 16)}), "overlap those of another"),
    "a gap": (tensors_of({"a": entry(0, 16), "b": entry(20, 36)}, 36), "'b' do not follow"),
    "bytes left over": (tensors_of({"a": entry(0, 16)}, 20), "4 bytes at its end belong to no tensor"),
    "beyond the end": (tensors_of({"a": entry(0, 32, [8])}), "'a' does not match its shape"),
    "another size": (tensors_of({"a": entry(0, 16, [5])}), "'a' does not match its shape"),
    "backwards": (tensors_of({"a": entry(16, 0)}), "'a' do not follow"),
    "no elements": (tensors_of({"a": entry(0, 0, [0])}, 0), "a tensor without elements"),
    "nine dimensions": (tensors_of({"a": entry(0, 4, [1] * 9)}, 4), "'a' is not described by"),
    "a negative shape": (tensors_of({"a": entry(0, 16, [-2, -2])}), "'a' is not described by"),
    "a fraction": (tensors_of({"a": entry(0, 16, [4.0])}), "'a' is not described by"),
    "one too many keys": (tensors_of({"a": {**entry(0, 16), "x": 1}}), "'a' is not described by"),
    "a dtype unheard of": (tensors_of({"a": entry(0, 16, [4], "F4")}), "'a' has the dtype 'F4'"),
    "a dtype that is a list": (tensors_of({"a": entry(0, 16, [4], ["F32"])}), "'a' is not described by"),
    "an entry that is a list": (tensors_of({"a": [1]}), "'a' is not described by"),
    "a long name": (tensors_of({"a" * 501: entry(0, 16)}), "is not described by"),
}


@pytest.mark.parametrize("name", SAFETENSORS)
def test_safetensors_refused(name: str) -> None:
    data, sentence = SAFETENSORS[name]
    with pytest.raises(BadModel, match=r"[Ss]ave the weights again") as caught:
        weights_files.read(data)
    assert sentence in str(caught.value)


def test_the_header_may_have_words_about_the_file() -> None:
    data = safetensors.torch.save({"a": torch.arange(4.0)}, metadata={"note": "x"})
    assert torch.equal(weights_files.read(data).tensors["a"].load(), torch.arange(4.0))


# ------------------------------------------------------------------------------------------------------- bent at random

STATE = {"fc.weight": torch.ones(3, 2), "fc.bias": torch.zeros(3, dtype=torch.float16), "n": torch.tensor(5)}
SMALL = {"zip": saved({"state_dict": STATE}), "safetensors": safetensors.torch.save(STATE)}
with zipfile.ZipFile(io.BytesIO(SMALL["zip"])) as _zipper:
    PICKLE = _zipper.read("archive/data.pkl")
    STORAGES = {
        name.removeprefix("archive/data/"): _zipper.read(name) for name in _zipper.namelist() if "/data/" in name
    }

Changes = Sequence[tuple[int, bytes]]


def changes(length: int) -> st.SearchStrategy[Changes]:
    return st.lists(st.tuples(st.integers(0, length - 1), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4)


def bent(data: bytes, where: Changes) -> bytes:
    out = bytearray(data)
    for at, new in where:
        out[at : at + len(new)] = new
    return bytes(out)


def check_reads_or_refuses(data: bytes) -> None:
    tracemalloc.start()
    try:
        found = weights_files.read(data)
        weights_files.findings(found.tensors)
    except BadModel as error:
        said = str(error)
    else:
        said = "read"
        assert sum(tensor.extent for tensor in found.tensors.values()) <= len(data)
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert most < 20_000_000
    assert 0 < len(said) < 1_000


@trying(max_examples=300, deadline=None)
@given(changes(len(PICKLE)))
def test_bent_pickles(where: Changes) -> None:
    check_reads_or_refuses(archive_of(bent(PICKLE, where), STORAGES))


@trying(max_examples=300, deadline=None)
@given(changes(len(SMALL["safetensors"])))
def test_bent_safetensors(where: Changes) -> None:
    data = bent(SMALL["safetensors"], where)
    if safetensors_files.looks_like(data):
        check_reads_or_refuses(data)


@trying(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_any_steps(program: bytes) -> None:
    check_reads_or_refuses(archive_of(b"\x80\x02" + program + b"."))


@trying(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(sorted(pickles.STEPS)), max_size=40), st.binary(max_size=20))
def test_known_steps_in_any_order(program: list[bytes], tail: bytes) -> None:
    check_reads_or_refuses(archive_of(b"}" + b"".join(program) + tail + b"."))
