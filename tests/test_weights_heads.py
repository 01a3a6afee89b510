"""Heads that people put in the place of an architecture's own: read, built, and what was assumed of them said."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from gradviz_core.errors import BadModel
from gradviz_core.types import keys
from gradviz_core.uploads import model_files, own_models, weights_files


def saved(module: nn.Module) -> bytes:
    out = io.BytesIO()
    torch.save(module.state_dict(), out)
    return out.getvalue()


def made(name: str, path: str, head: nn.Module) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        module: nn.Module = torchvision.models.get_model(name, num_classes=9)
    module.set_submodule(path, head)
    return module.eval()


def sequential(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers)


HEADS: dict[str, tuple[str, str, Callable[[], nn.Module], str]] = {
    "dropout and a linear layer": (
        "resnet18",
        "fc",
        lambda: sequential(nn.Dropout(0.5), nn.Linear(512, 7)),
        "The head 'fc' has one linear layer, 'fc.1'. What else is in it has no weights in the file, and was assumed to "
        "be dropout",
    ),
    "without a bias": ("resnet18", "fc", lambda: sequential(nn.Dropout(), nn.Linear(512, 7, bias=False)), "'fc.1'"),
    "under a word": ("resnet18", "fc", lambda: nn.Sequential(OrderedDict(linear=nn.Linear(512, 7))), "'fc.linear'"),
    "a hidden layer": (
        "resnet18",
        "fc",
        lambda: sequential(nn.Linear(512, 32), nn.ReLU(), nn.Dropout(), nn.Linear(32, 7)),
        "two linear layers, 'fc.0' and 'fc.3'. What stands between them has no weights in the file, and was assumed to "
        "be ReLU and dropout.",
    ),
    "one layer for dropout and a layer": (
        "efficientnet_b0",
        "classifier",
        lambda: nn.Linear(1280, 7),
        "The head 'classifier' is one linear layer in the place of the architecture's own.",
    ),
    "a hidden layer inside": (
        "mobilenet_v2",
        "classifier",
        lambda: sequential(nn.Dropout(), nn.Linear(1280, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 7)),
        "'classifier.1' and 'classifier.4'",
    ),
    "inside the last layer": (
        "mobilenet_v2",
        "classifier.1",
        lambda: sequential(nn.Dropout(), nn.Linear(1280, 7)),
        "'classifier.1.1'",
    ),
    "of a vision transformer": ("vit_b_32", "heads", lambda: nn.Linear(768, 7), "'heads' is one linear layer"),
    "of DenseNet": (
        "densenet121",
        "classifier",
        lambda: sequential(nn.Dropout(), nn.Linear(1024, 7)),
        "'classifier.1'",
    ),
}


@pytest.mark.parametrize("name", HEADS)
def test_other_heads_give_the_original_output(name: str) -> None:
    architecture, path, make, said = HEADS[name]
    expected = made(architecture, path, make())
    data = saved(expected)
    report = model_files.inspect(data)
    best = report.fits[0]
    assert (best.architecture, best.classes, best.differences) == (f"torchvision/{architecture}", 7, 0)
    assert any(said in note for note in report.notes)
    built = weights_files.build(best.architecture, weights_files.read(data).tensors)
    assert {key for key, _ in built.named_parameters()} == {key for key, _ in expected.named_parameters()}
    x = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(built(x), expected(x), rtol=1e-6, atol=1e-6)


def test_the_own_head_with_another_class_count_is_not_remarked_upon() -> None:
    report = model_files.inspect(saved(made("resnet34", "fc", nn.Linear(512, 3))))
    assert (report.fits[0].classes, report.notes) == (3, ())


def test_what_a_file_without_a_head_returns_is_read_as_numbers(tmp_path: Path) -> None:
    for name, head, reading in (("features", nn.Identity(), "numbers"), ("classes", nn.Linear(512, 7), None)):
        file = tmp_path / f"{name}.pt"
        file.write_bytes(saved(made("resnet18", "fc", head)))
        assert model_files.inspect(file.read_bytes()).fits[0].features == (name == "features")
        digest = keys.digest(own_models.lend(file).key)
        assert digest is not None
        assert model_files.load(digest)[1].reading == reading


UNKNOWN: dict[str, Callable[[], nn.Module]] = {
    "batch norm inside": lambda: sequential(nn.Linear(512, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 7)),
    "three layers": lambda: sequential(nn.Linear(512, 9), nn.ReLU(), nn.Linear(9, 8), nn.ReLU(), nn.Linear(8, 7)),
    "nothing between": lambda: sequential(nn.Linear(512, 9), nn.Linear(9, 7)),
    "far apart": lambda: sequential(nn.Linear(512, 9), *[nn.ReLU()] * 5, nn.Linear(9, 7)),
    "other features": lambda: sequential(nn.Dropout(), nn.Linear(100, 7)),
    "layers that do not follow": lambda: sequential(nn.Linear(512, 9), nn.ReLU(), nn.Linear(8, 7)),
    "deeper": lambda: sequential(sequential(nn.Dropout(), nn.Linear(512, 7))),
    "the sixteenth place": lambda: sequential(*[nn.Identity()] * 16, nn.Linear(512, 7)),
    "a convolution": lambda: sequential(nn.Conv2d(512, 7, 1)),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_could_be_anything_is_not_guessed(name: str) -> None:
    with pytest.raises(BadModel, match=r"'fc\.weight' is missing"):
        model_files.inspect(saved(made("resnet18", "fc", UNKNOWN[name]())))


@pytest.mark.parametrize("word", ["forward", "training", "9" * 400, "٣", "_modules", "a.b"])
def test_names_that_no_layer_can_have_are_not_built(word: str) -> None:
    state = made("resnet18", "fc", nn.Identity()).state_dict()
    out = io.BytesIO()
    torch.save({**state, f"fc.{word}.weight": torch.ones(7, 512), f"fc.{word}.bias": torch.ones(7)}, out)
    with pytest.raises(BadModel, match=r"'fc\.weight' is missing"):
        model_files.inspect(out.getvalue())
