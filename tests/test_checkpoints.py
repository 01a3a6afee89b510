"""Checkpoints as training loops write them: what is no tensor is never made, and what is read computes what it did."""

from __future__ import annotations

import argparse
import datetime
import enum
import functools
import io
import pathlib
import pickle
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gradviz_core.errors import BadModel
from gradviz_core.models import architectures
from gradviz_core.uploads import model_files, weights_files
from gradviz_core.uploads.weights_files import pickles
from gradviz_core.uploads.weights_files.pickle_values import Stub

ARCHITECTURE = "preset/digits-mlp"


def network(seed: int = 3) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return architectures.build("digits-mlp").eval()


PLAIN = dict(network().state_dict())


def saved(value: object, protocol: int = 2, zipped: bool = True) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that sources of classes in a test cannot be found
        torch.save(value, out, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    return out.getvalue()


def check_same(data: bytes, expected: nn.Module, architecture: str = ARCHITECTURE, part: str = "") -> tuple[str, ...]:
    """The file fits the architecture and gives what the original gives; returns what was said of it."""
    report = model_files.inspect(data)
    assert (report.fits[0].architecture, report.fits[0].differences) == (architecture, 0)
    built = weights_files.build(architecture, weights_files.read(data).part(part).tensors)
    x = torch.randn(2, 1, 28, 28) if architecture == ARCHITECTURE else torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(built(x), expected(x), rtol=1e-6, atol=1e-6)
    return report.notes


# ------------------------------------------------------------------------------------------------------ Python objects


class Colour(enum.Enum):
    RED = 1


class Config:
    def __init__(self) -> None:
        self.layers, self.kind = [1, 2], Colour.RED


class Slotted(dict[str, int]):
    """A dictionary with a state of its own, as configuration libraries have them."""

    def __reduce__(self) -> tuple[object, ...]:
        return Slotted, (), {"frozen": True}, iter([1]), iter([("a", 1)])

    def append(self, value: object) -> None:
        raise AssertionError("never called")


class WithNew:
    def __getnewargs_ex__(self) -> tuple[tuple[int, ...], dict[str, int]]:
        return (1,), {"size": 2}

    def __new__(cls, *of: int, **named: int) -> WithNew:
        return super().__new__(cls)


OBJECTS: dict[str, tuple[object, str]] = {
    "arguments": (argparse.Namespace(lr=0.1, data=pathlib.PurePosixPath("/data")), "argparse.Namespace"),
    "a path": (pathlib.PurePosixPath("/data"), "pathlib.PurePosixPath"),
    "a date": (datetime.datetime(2020, 2, 3), "datetime.datetime"),
    "a number of NumPy's": (np.float64(0.5), "numpy.scalar"),
    "an array": (np.arange(300.0), "numpy.ndarray"),
    "an array of objects": (np.array([Config()], object), "numpy.ndarray"),
    "a set": ({1, 2}, "set"),
    "a frozen set": (frozenset({1}), "frozenset"),
    "bytes": (b"abc", ""),
    "many bytes": (bytes(300), ""),
    "a byte array": (bytearray(b"abc"), "bytearray"),
    "a partial": (functools.partial(max, 1), "functools.partial"),
    "an enum": (Colour.RED, "test_checkpoints.Colour"),
    "a configuration": (Config(), "test_checkpoints.Config"),
    "a dictionary of a class": (Slotted(), "test_checkpoints.Slotted"),
    "made by __new__": (WithNew(), ""),
    "a method": ({"f": "x".upper}, "getattr"),
    "a complex number": (1j, "complex"),
    "a range": (range(5), "range"),
    "a slice": (slice(1, 2), "slice"),
    "a whole number of 2,000 bits": (2**2000, "int"),
    "a long text": ("x" * 200_000, "str"),
    "a module": (network(), "architectures.DigitsMLP"),
    "a device": (torch.device("cpu"), "torch.device"),
    "a dtype": (torch.float32, ""),
    "a generator's state": (torch.get_rng_state(), ""),
    "a scheduler": ({"milestones": {30: 1}, "base_lrs": [0.1]}, ""),
    "a class": (Config, ""),
    "keys that are no text": ({(1, 2): 3, frozenset({1}): 4, None: 5, 1.5: 6}, ""),
    "a tuple that holds itself": (lambda: None, ""),
}


def itself() -> tuple[list[object]]:
    inner: list[object] = []
    outer = (inner,)
    inner.append(outer)
    return outer


OBJECTS["a tuple that holds itself"] = (itself(), "")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", OBJECTS)
def test_what_is_no_tensor_becomes_a_stub_and_is_named(name: str, protocol: int) -> None:
    value, said = OBJECTS[name]
    data = saved({"state_dict": PLAIN, "other": value, "last": "text"}, protocol)
    found = weights_files.read(data)
    assert found.tensors.keys() == PLAIN.keys()
    notes = " ".join(found.notes)
    assert "Left out: 'other', 'last'." in notes
    assert not said or said.rpartition(".")[2] in notes


def test_objects_are_counted_and_shortened() -> None:
    others = [argparse.Namespace(), argparse.Namespace(), pathlib.PurePosixPath("/")]
    (sentence,) = weights_files.read(saved({"state_dict": PLAIN, "others": others})).said
    assert sentence == (
        "Python objects in the file were not loaded, and no code of theirs was run: argparse.Namespace (2 times), "
        "pathlib.PurePosixPath."
    )


def test_nothing_that_a_pickle_names_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved({"state_dict": PLAIN, "args": Config(), "when": datetime.datetime(2020, 2, 3)}).replace(
        b"tests.test_checkpoints", b"tests.test_chequepoints"
    )
    assert b"chequepoints" in data

    def imports(name: str, *_: object) -> object:
        raise AssertionError(f"{name} is imported")

    pickled = pickle.dumps({"a": Config(), "b": np.float64(1)}, 4)
    monkeypatch.setattr("builtins.__import__", imports)
    found = pickles.interpret(pickled)
    monkeypatch.undo()
    assert isinstance(found.value, dict)
    assert all(isinstance(value, Stub) for value in found.value.values())


# ----------------------------------------------------------------------------------------------- the original's output


def trained() -> tuple[nn.Module, dict[str, Any]]:
    """A network after two steps of training, and what a script saves of it."""
    model = network().train()
    optimizer = torch.optim.AdamW(model.parameters())
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    for _ in range(2):
        optimizer.zero_grad()
        loss = model(torch.randn(4, 1, 28, 28)).square().mean()
        loss.backward()
        optimizer.step()
        scheduler.step()
    return model.eval(), {
        "epoch": 9,
        "arch": "mlp",
        "state_dict": model.state_dict(),
        "best_acc1": torch.tensor(70.0),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "args": argparse.Namespace(lr=0.1, out=pathlib.PurePosixPath("/tmp")),
        "rng": torch.get_rng_state(),
        "numpy_rng": np.random.RandomState(0).get_state(),
        "history": defaultdict(list, {"loss": [np.float32(0.5)]}),
        "when": datetime.datetime(2020, 2, 3),
    }


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_checkpoint_with_everything_in_it(protocol: int, zipped: bool) -> None:
    model, content = trained()
    notes = " ".join(check_same(saved(content, protocol, zipped), model))
    assert "found under 'state_dict'. Left out: 'epoch', 'arch', 'best_acc1', 'optimizer', 'scheduler' and 5" in notes
    assert "argparse.Namespace" in notes


def under(prefix: str, state: dict[str, Tensor] = PLAIN) -> dict[str, Tensor]:
    return {f"{prefix}{name}": value for name, value in state.items()}


ALIKE: dict[str, tuple[object, str]] = {
    **{
        f"behind {prefix}": ({"state_dict": under(prefix)}, f"The prefix '{prefix}' was removed")
        for prefix in ("net.", "backbone.", "encoder.", "student.", "model.model.", "module.net.", "a.b.c.d.")
    },
    "compiled inside": ({name.replace("fc1", "fc1._orig_mod"): v for name, v in PLAIN.items()}, "'_orig_mod.'"),
    "sharded": (under("_fsdp_wrapped_module."), "'_fsdp_wrapped_module.'"),
    "a loss inside": (
        {**under("model."), "criterion.weight": torch.ones(10)},
        "outside of 'model.': 'criterion.weight'",
    ),
    "a loss beside": ({**PLAIN, "criterion.weight": torch.ones(10)}, "no layer of digits-mlp: 'criterion.weight'"),
    "metrics beside": (
        {**PLAIN, "val_acc.tp": torch.ones(10), "train_loss_fn.weight": torch.ones(10), "best_acc1": torch.tensor(1.0)},
        "no layer of digits-mlp: 'val_acc.tp', 'train_loss_fn.weight', 'best_acc1'",
    ),
    "a counter beside": ({**PLAIN, "num_updates": torch.tensor(7)}, "'num_updates'"),
    "a projector beside": (
        {**under("encoder."), "projector.0.weight": torch.ones(9, 9), "projector.0.bias": torch.ones(9)},
        "Left out, because they are outside of 'encoder.': 2 tensors under 'projector.'.",
    ),
    "no elements beside": ({**PLAIN, "queue": torch.empty(0)}, "'queue'"),
    "sparse beside": ({**PLAIN, "adjacency": torch.eye(3).to_sparse()}, "'adjacency'"),
    "float8 beside": ({**PLAIN, "scale": torch.ones(3).to(torch.float8_e4m3fn)}, "'scale'"),
    "on meta beside": ({**PLAIN, "table": torch.ones(3, device="meta")}, "'table'"),
    "lists beside": ({**PLAIN, "classes": ["a", "b"], "sizes": {"x": 1}}, "Left out: 'classes', 'sizes'"),
    "a module beside": ({"state_dict": PLAIN, "model": network()}, "DigitsMLP"),
    "parameters with attributes": ({name: nn.Parameter(value) for name, value in PLAIN.items()}, ""),
    "a tensor with attributes": ({name: value.clone() for name, value in PLAIN.items()}, ""),
    "defaultdict": (defaultdict(list, PLAIN), ""),
    "deep inside": ({"a": {"b": {"c": {"d": PLAIN}}}}, "found under 'd'"),
    "an optimiser by names": (
        {"model": PLAIN, "optim": {name: {"m": value, "v": value} for name, value in PLAIN.items()}},
        "Left out: 'optim'",
    ),
}
for _tensor in ALIKE["a tensor with attributes"][0].values():  # type: ignore[attr-defined]
    _tensor.note = "kept by torch.save"
next(iter(ALIKE["parameters with attributes"][0].values())).decay = False  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ALIKE)
def test_read_as_the_original(name: str) -> None:
    content, sentence = ALIKE[name]
    assert sentence in " ".join(check_same(saved(content), network()))


def test_as_python_2_wrote_it() -> None:
    """Texts of one byte a letter, and a dictionary made of pairs."""
    zipped = saved(OrderedDict(PLAIN), zipped=False)
    for name in PLAIN:
        zipped = zipped.replace(
            b"X" + len(name).to_bytes(4, "little") + name.encode(), b"U" + bytes([len(name)]) + name.encode()
        )
    assert b"U\x0afc1.weight" in zipped
    check_same(zipped, network())


# ---------------------------------------------------------------------------------------- a choice, where there is one


CHOICES: dict[str, tuple[Callable[[dict[str, Tensor]], object], tuple[str, ...]]] = {
    "an average": (lambda other: {"state_dict": PLAIN, "state_dict_ema": other}, ("state_dict", "state_dict_ema")),
    "student and teacher": (lambda other: {**under("student."), **under("teacher.", other)}, ("student.", "teacher.")),
    "an average inside": (
        lambda other: {"state_dict": {**under("model."), **under("model_ema.module.", other)}},
        ("state_dict/model.", "state_dict/model_ema.module."),
    ),
    "with and without": (lambda other: {**PLAIN, **under("ema.", other)}, ("", "ema.")),
    "behind other names": (lambda other: {"generator": PLAIN, "critic": other}, ("generator", "critic")),
}


@pytest.mark.parametrize("name", CHOICES)
def test_several_sets_of_weights_are_offered(name: str) -> None:
    make, names = CHOICES[name]
    other = network(seed=4)
    data = saved(make(dict(other.state_dict())))
    report = model_files.inspect(data)
    assert tuple((fit.part, fit.differences) for fit in report.fits) == tuple((part, 0) for part in names)
    assert any("several sets of weights" in note and "Choose one" in note for note in report.notes)
    check_same(data, network(), part=names[0])
    check_same(data, other, part=names[1])


def test_a_choice_that_is_not_there() -> None:
    with pytest.raises(BadModel, match="has no weights under 'teacher'"):
        weights_files.read(saved(PLAIN)).part("teacher")


# ------------------------------------------------------------------------------------------------------------ refused


def changed(name: str, value: object) -> dict[str, object]:
    return {**PLAIN, name: value}


def quantised() -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)


class Subclass(Tensor):
    pass


REFUSED: dict[str, tuple[object, str]] = {
    "sparse": (changed("fc1.weight", torch.eye(3).to_sparse()), "'fc1.weight' is a sparse tensor"),
    "quantised": (changed("fc1.weight", quantised()), "'fc1.weight' is a quantised tensor"),
    "on meta": (changed("fc1.weight", torch.ones(3, device="meta")), "'fc1.weight' is a tensor without data"),
    "of a class": (
        changed("fc1.bias", torch.ones(3).as_subclass(Subclass)),
        "'fc1.bias' is a tensor of a custom class",
    ),
    "no elements": (changed("fc1.bias", torch.empty(0)), "'fc1.bias' is a tensor without elements"),
    "a list": (changed("fc1.weight", [torch.ones(3)]), "'fc1.weight' is missing"),
    "an array": (changed("fc1.weight", np.ones(3)), "'fc1.weight' is missing"),
    "a layer more": (changed("attention.weight", torch.ones(3, 3)), "'attention.weight' is not used"),
    "a buffer that a network may use": (changed("mean", torch.ones(3)), "'mean' is not used"),
    "a temperature": (changed("temperature", torch.tensor(2.0)), "'temperature' is not used"),
    "one name twice": ({**under("module."), "fc1.weight": torch.ones(3)}, "two tensors are called 'fc1.weight'"),
    "a module": ({"epoch": 1, "model": network()}, "Under 'model' it holds a whole pickled object"),
    "a module alone": (network(), "a whole pickled object ('gradviz_core.models.architectures.DigitsMLP')"),
}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, zipped: bool) -> None:
    value, sentence = REFUSED[name]
    with pytest.raises(BadModel) as caught:
        model_files.inspect(saved(value, zipped=zipped or name == "on meta"))
    assert sentence in str(caught.value)


def test_a_spoilt_average_does_not_refuse_the_weights_beside_it() -> None:
    notes = check_same(saved({"state_dict": PLAIN, "ema": changed("fc1.weight", quantised())}), network())
    assert any("under 'ema' cannot be used: 'fc1.weight' is a quantised tensor" in note for note in notes)
