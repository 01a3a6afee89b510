"""Weights in several safetensors files with an index, in one archive."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import safetensors.torch
import torch

from gradviz_core.errors import BadModel
from gradviz_core.models import architectures
from gradviz_core.uploads import model_files, weights_files
from gradviz_core.uploads.weights_files import shards

INDEX = "model.safetensors.index.json"
PARTS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
STATE = dict(architectures.build("digits-mlp").state_dict())


def files() -> dict[str, bytes]:
    """Index and two files, each with some of the tensors."""
    where = {name: PARTS[i % 2] for i, name in enumerate(STATE)}
    held = {file: {name: STATE[name] for name in STATE if where[name] == file} for file in PARTS}
    index = {"metadata": {"total_size": 1}, "weight_map": where}
    return {INDEX: json.dumps(index).encode(), **{file: safetensors.torch.save(held[file]) for file in PARTS}}


def zipped(content: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize("folder", ["", "model/"])
def test_all_tensors_are_read_from_all_files(folder: str) -> None:
    data = zipped({**{folder + name: content for name, content in files().items()}, folder + "config.json": b"{}"})
    report = model_files.inspect(data)
    assert (report.format, report.fits[0].architecture, report.fits[0].differences) == (
        "safetensors",
        "preset/digits-mlp",
        0,
    )
    assert report.notes == (f"Left out: '{folder}config.json'.",)
    tensors = weights_files.read(data).tensors
    assert {name: tensor.load().tolist() for name, tensor in tensors.items()} == {
        name: value.tolist() for name, value in STATE.items()
    }


def test_the_command_that_is_advised_makes_such_an_archive(tmp_path: Path) -> None:
    for name, content in files().items():
        (tmp_path / name).write_bytes(content)
    command = shards.AS_ONE_FILE.partition("python -c ")[2].strip().strip('"')
    subprocess.run([sys.executable, "-c", command], cwd=tmp_path, check=True, env=dict(os.environ))
    assert model_files.inspect((tmp_path / "weights.zip").read_bytes()).fits[0].differences == 0


def spoilt(change: Callable[[dict[str, bytes]], None]) -> bytes:
    content = files()
    change(content)
    return zipped(content)


def index_of(where: object, **more: object) -> Callable[[dict[str, bytes]], None]:
    return lambda content: content.update({INDEX: json.dumps({"weight_map": where, **more}).encode()})


WHERE = {name: PARTS[i % 2] for i, name in enumerate(STATE)}
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "compressed": (lambda: zipped(files(), zipfile.ZIP_DEFLATED), "is compressed.*without compression"),
    "a file that is not there": (lambda: spoilt(lambda c: c.__delitem__(PARTS[1])), "names, is not there"),
    "a file outside": (lambda: spoilt(index_of({**WHERE, "fc1.weight": "../x.safetensors"})), "is not there"),
    "another kind of file": (lambda: spoilt(index_of({**WHERE, "fc1.weight": "/etc/passwd"})), "is not .safetensors"),
    "a tensor that is not there": (
        lambda: spoilt(index_of({**WHERE, "fc9.weight": PARTS[0]})),
        "'fc9.weight' is not in",
    ),
    "a tensor too many": (
        lambda: spoilt(index_of({name: file for name, file in WHERE.items() if name != "fc1.weight"})),
        "'fc1.weight' is in .* does not say so",
    ),
    "a tensor elsewhere": (lambda: spoilt(index_of({**WHERE, "fc1.weight": PARTS[1]})), "does not say so"),
    "two indices": (lambda: spoilt(lambda c: c.update({"b" + INDEX: c[INDEX]})), "it has 2 indices"),
    "no map": (lambda: spoilt(lambda c: c.update({INDEX: b"{}"})), "has no weight_map"),
    "a map of numbers": (lambda: spoilt(index_of({"fc1.weight": 3})), "is not .safetensors"),
    "no JSON": (lambda: spoilt(lambda c: c.update({INDEX: b"{'a': 1}"})), "is not valid JSON"),
    "deep JSON": (lambda: spoilt(lambda c: c.update({INDEX: b"[" * 100_000})), "is not valid JSON"),
    "a name twice": (
        lambda: spoilt(lambda c: c.update({INDEX: b'{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}'})),
        "says something twice",
    ),
    "a long index": (lambda: spoilt(lambda c: c.update({INDEX: b" " * 1_000_001})), "the limit is 1,000,000"),
    "a spoilt file": (lambda: spoilt(lambda c: c.update({PARTS[0]: c[PARTS[0]][:-1]})), "does not match its shape"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    make, sentence = REFUSED[name]
    with pytest.raises(BadModel, match=sentence):
        model_files.inspect(make())


def test_numbers_are_those_of_all_files_together() -> None:
    tensors = weights_files.read(zipped(files())).tensors
    assert torch.equal(tensors["fc2.weight"].load(), STATE["fc2.weight"])
