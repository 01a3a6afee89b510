"""First layers as people change them: other channels, and the small convolution for images of 32 pixels."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from gradviz_core.errors import BadModel
from gradviz_core.uploads import model_files, weights_files
from tests.test_names_of_libraries import saved


def resnet(**changed: nn.Module) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        module: nn.Module = torchvision.models.resnet18(num_classes=5)
    for name, layer in changed.items():
        module.set_submodule(name, layer)
    return module.eval()


def built(data: bytes, architecture: str) -> nn.Module:
    return weights_files.build(architecture, weights_files.read(data).tensors)


@pytest.mark.parametrize("channels", [1, 2, 12, 16])
def test_other_channels_give_the_original_output(channels: int) -> None:
    expected = resnet(conv1=nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False))
    data = saved(expected.state_dict())
    report = model_files.inspect(data)
    best = report.fits[0]
    assert (best.architecture, best.differences) == ("torchvision/resnet18", 0)
    assert len(best.preprocessing.mean) == len(best.preprocessing.std) == channels
    assert any("channel" in note and "check mean and std" in note for note in report.notes)
    x = torch.randn(1, channels, 64, 64)
    torch.testing.assert_close(built(data, best.architecture)(x), expected(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("channels", [0, 17])
def test_no_other_number_of_channels(channels: int) -> None:
    state = resnet().state_dict()
    state["conv1.weight"] = torch.zeros(64, max(channels, 1), 7, 7)[:, :channels]
    report_or_error: object
    try:
        report_or_error = model_files.inspect(saved(state)).fits[0].differences
    except BadModel as error:
        report_or_error = str(error)
    assert report_or_error != 0


@pytest.mark.parametrize("pooled", [False, True])
def test_a_small_first_convolution_is_a_choice(pooled: bool) -> None:
    changed: dict[str, nn.Module] = {"conv1": nn.Conv2d(3, 64, 3, padding=1, bias=False)}
    expected = resnet(**changed) if pooled else resnet(**changed, maxpool=nn.Identity())
    data = saved(expected.state_dict())
    report = model_files.inspect(data)
    assert [fit.architecture for fit in report.fits if not fit.differences] == [
        "torchvision/resnet18+small-stem",
        "torchvision/resnet18+small-stem-pool",
    ]
    assert report.fits[0].preprocessing.size == (32, 32)
    assert any("The file does not say its stride, nor whether max pooling follows" in note for note in report.notes)
    x = torch.randn(1, 3, 32, 32)
    module = built(data, f"torchvision/resnet18+small-stem{'-pool' if pooled else ''}")
    torch.testing.assert_close(module(x), expected(x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("architecture", "path", "features"),
    [
        ("resnet18", "fc", 512),
        ("mobilenet_v3_small", "classifier.3", 1024),
        ("mobilenet_v2", "classifier", 1280),
    ],
)
def test_without_its_head_a_network_gives_its_features(architecture: str, path: str, features: int) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        expected: nn.Module = torchvision.models.get_model(architecture)
    expected.set_submodule(path, nn.Identity())
    data = saved(expected.eval().state_dict())
    report = model_files.inspect(data)
    best = report.fits[0]
    assert (best.architecture, best.classes, best.differences) == (f"torchvision/{architecture}", features, 0)
    assert any(f"{features:,} features" in note and "no class scores" in note for note in report.notes)
    x = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(built(data, best.architecture)(x), expected(x), rtol=1e-6, atol=1e-6)
