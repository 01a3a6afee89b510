"""What a refusal tells a person to do next is done, with the code that it carries, and the file that comes is taken."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import warnings
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torchvision import models

from gradviz_core.errors import BadModel
from gradviz_core.text.codec import error_from_json, error_to_json
from gradviz_core.types.cards import ModelReport
from gradviz_core.uploads import exported, foreign_files, model_files, next_steps, weights_files

SOURCE = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, channels=3):
        super().__init__()
        self.convolution = nn.Conv2d(channels, 4, 3)
        self.classes = nn.Linear(4, 5)

    def forward(self, x):
        return self.classes(self.convolution(x).relu().mean((2, 3)))
"""
TAKES_ANY_CLASS = "model = ..."
OTHER_CHANNELS = "3 channels: change it if your model takes others"


@pytest.fixture
def nets(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module that only the person has whose file it is."""
    module = ModuleType("nets")
    exec(SOURCE, module.__dict__)
    monkeypatch.setitem(sys.modules, "nets", module)
    return module


def refused(data: bytes) -> BadModel:
    """The refusal, as it comes from a worker."""
    with pytest.raises(BadModel) as caught:
        model_files.inspect(data)
    error = error_from_json(error_to_json(caught.value))
    assert isinstance(error, BadModel)
    return error


def followed(error: BadModel, folder: Path, data: bytes, *, model: str = "", name: str = "a 'file'.pt") -> bytes:
    """What comes of running the code where the file lies. ``model`` is what the person puts in for the dots."""
    (folder / name).write_bytes(data)
    (folder / "nets.py").write_text(SOURCE, encoding="utf-8")
    code = next_steps.naming(error.code, name)
    assert repr(next_steps.FILE) not in code
    if TAKES_ANY_CLASS in code:
        code = code.replace(TAKES_ANY_CLASS, f"model = {model}")
    (folder / "run.py").write_text(code, encoding="utf-8")
    ran = subprocess.run([sys.executable, "run.py"], cwd=folder, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, (code, ran.stderr[-2000:])
    (made,) = [file for file in folder.iterdir() if file.name in ("model.pt2", "weights.pt")]
    return made.read_bytes()


def saved(value: object) -> bytes:
    out = io.BytesIO()
    torch.save(value, out)
    return out.getvalue()


def says(model: nn.Module, channels: int = 3) -> Tensor:
    """What the model says of one image."""
    torch.manual_seed(3)
    said: Tensor = model(torch.rand(1, channels, 224, 224))
    return said.detach()


def read_back(data: bytes, channels: int = 3) -> Tensor:
    """The same of the exported file."""
    return says(exported.read(data).module, channels)


def scripted(module: nn.Module) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(module), out)
    return out.getvalue()


@pytest.mark.parametrize("key", [None, "model"])
def test_a_whole_pickled_model_is_exported_with_its_own_class(
    nets: ModuleType, tmp_path: Path, key: str | int | None
) -> None:
    model = nets.Net().eval()
    half = nets.Net().half()
    half.load_state_dict(model.state_dict())
    data = saved(model if key is None else {key: half, "epoch": 4, "train_args": {"lr": 0.1}})
    error = refused(data)
    assert "'nets.Net'" in str(error)
    assert "from nets import Net" in error.code
    assert OTHER_CHANNELS in error.code
    expected = says(model if key is None else half.float())
    torch.testing.assert_close(read_back(followed(error, tmp_path, data)), expected, rtol=0, atol=0)


def test_a_class_of_a_script_is_to_be_put_into_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["__main__"], "Net", None, raising=False)
    space = {"__name__": "__main__"}
    exec(SOURCE, space)
    kind: Callable[[], nn.Module] = space["Net"]  # type: ignore[assignment]
    monkeypatch.setattr(sys.modules["__main__"], "Net", kind, raising=False)
    data = saved(kind())
    error = refused(data)
    place = "# Put the definition of the class Net here.\n"
    assert place in error.code
    error.code = error.code.replace(place, SOURCE)
    assert model_files.inspect(followed(error, tmp_path, data)).classes == 5


@pytest.mark.parametrize("prefix", ["", "net."])
def test_weights_of_an_unknown_model_are_put_into_it_and_it_is_exported(
    nets: ModuleType, tmp_path: Path, prefix: str
) -> None:
    model = nets.Net(6).eval()
    weights = {f"{prefix}{name}": value for name, value in model.state_dict().items()}
    data = saved({"state_dict": weights, "args": Namespace(lr=0.1), "epoch": 3})
    error = refused(data)
    assert "torch.zeros(1, 6, 224, 224)" in error.code
    assert OTHER_CHANNELS not in error.code
    assert "only do it if you trust whoever made it.\nweights = torch.load(" in error.code
    assert "weights_only=False" in error.code
    made = followed(error, tmp_path, data, model="__import__('nets').Net(6)")
    program = torch.export.load(io.BytesIO(made))
    torch.testing.assert_close(says(program.module(), 6), says(model, 6), rtol=0, atol=0)


def test_the_same_for_safetensors(nets: ModuleType, tmp_path: Path) -> None:
    model = nets.Net().eval()
    data = save(model.state_dict())
    error = refused(data)
    made = followed(error, tmp_path, data, model="__import__('nets').Net()", name="a.safetensors")
    torch.testing.assert_close(read_back(made), says(model), rtol=0, atol=0)


def test_weights_come_out_of_torchscript_where_the_layers_are_torchvisions(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = models.squeezenet1_1().eval()
    data = scripted(model)
    made = followed(refused(data), tmp_path, data)
    (fit, *_) = model_files.inspect(made).fits
    assert fit.architecture == "torchvision/squeezenet1_1"
    again = weights_files.build(fit.architecture, weights_files.read(made).tensors)
    torch.testing.assert_close(says(again), says(model), rtol=0, atol=0)


MODEL = "torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.LazyLinear(2))"
FOREIGN: dict[str, Callable[[], bytes]] = {
    "TorchScript": lambda: scripted(nn.Linear(2, 2)),
    "ONNX": lambda: b"\x08\x0a\x12\x07pytorch\x1a\x052.15.",
    "Keras": lambda: b"\x89HDF\r\n\x1a\n" + bytes(50),
    "TensorFlow Lite": lambda: b"\x1c\0\0\0TFL3" + bytes(50),
    "SavedModel": lambda: b"\x08\x01\x12\x90\x02" + bytes(50),
    "Python": lambda: b"import torch\nclass Net: ...\n",
    "anything": lambda: b"\x01\x02\x03 anything",
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_who_has_the_pytorch_model_is_told_to_export_it(kind: str) -> None:
    error = refused(FOREIGN[kind]())
    assert next_steps.EXPORT in str(error)
    assert error.code == next_steps.export()
    assert OTHER_CHANNELS in error.code


def test_who_has_the_pytorch_model_exports_it(tmp_path: Path) -> None:
    data = FOREIGN["ONNX"]()
    made = followed(refused(data), tmp_path, data, model=f"{MODEL}; model(torch.zeros(1, 3, 224, 224))")
    assert model_files.inspect(made).classes == 2


def resnet() -> nn.Module:
    torch.manual_seed(1)
    model: nn.Module = models.resnet18().eval()
    return model


def arrays() -> bytes:
    out = io.BytesIO()
    np.savez(out, **{name: value.numpy() for name, value in resnet().state_dict().items()})
    return out.getvalue()


@pytest.mark.parametrize(
    "make",
    [
        lambda: pickle.dumps(resnet()),
        lambda: pickle.dumps(dict(resnet().state_dict())),
        arrays,
    ],
    ids=["a pickled model", "a pickled state dict", "npz"],
)
def test_what_others_saved_is_saved_again_with_torch(tmp_path: Path, make: Callable[[], bytes]) -> None:
    data = make()
    report: ModelReport = model_files.inspect(followed(refused(data), tmp_path, data))
    assert report.fits[0].architecture == "torchvision/resnet18"


@pytest.mark.parametrize("kind", ["posix.system", "os.system", "builtins.eval", "a.os.system", "a b.c", "a", "x" * 99])
def test_no_code_loads_what_is_not_the_class_of_a_model(kind: str) -> None:
    assert next_steps.export_pickled(kind) == next_steps.export()


class Harm:
    """What an unpickler would do: call ``os.system``."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("true",)


def test_no_code_loads_weights_beside_what_runs_a_command(nets: ModuleType) -> None:
    error = refused(saved({"state_dict": nets.Net().state_dict(), "extra": Harm()}))
    assert error.code == next_steps.export()
    assert not next_steps.runs_things("argparse.Namespace")
    assert not next_steps.runs_things("pathlib.PosixPath")
    assert next_steps.runs_things("builtins.eval")


def test_a_name_from_a_file_is_never_more_than_a_text_in_the_code() -> None:
    for name in ("');import os;os.system('id", 'a"""', "a\nb", "\u202e.pt", "\\", "'"):
        code = next_steps.naming(next_steps.export_pickled("nets.Net", (name,)), name)
        tree = compile(code, "pasted", "exec")
        assert name in tree.co_consts
        assert "os" not in tree.co_names


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "git lfs pull"),
        (b"\n<!DOCTYPE html><html>", "a web page"),
        (b"GGUF\x03\0\0\0", "GGUF, the weights of a language model"),
        (b"\x1f\x8b\x08", "Unpack it"),
        (bytes(257) + b"ustar", "Unpack it"),
        (b"\x93NUMPY\x01", "Upload it where images are chosen"),
        (bytes(128) + b"DICM", "Upload it where images are chosen"),
        (b"\0\0\0\x20ftypheic", "Upload it where images are chosen"),
        (pickle.dumps(np.float64(3.0)), "not a PyTorch model"),
    ],
)
def test_each_other_kind_is_named(data: bytes, sentence: str) -> None:
    assert sentence in str(refused(data))


def test_other_extensions_are_named_before_they_are_sent() -> None:
    known = dict(foreign_files.by_ending())
    assert {"onnx", "gguf", "h5", "keras", "tflite", "pb"} <= known.keys()
    assert all(text.endswith(".") for text in known.values())
