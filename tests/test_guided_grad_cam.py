"""Guided Grad-CAM is guided backprop times the enlarged Grad-CAM of a layer, as captum has it where captum is right."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from captum.attr import GuidedGradCam
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.drawing import snippets
from gradviz_core.errors import QuestionError, UnknownSite, Unreachable
from gradviz_core.types import ClassScore, Site, Unit
from gradviz_core.uploads import exported
from tests import snippet_runs
from tests.exported.files import exported_bytes
from tests.own_oracle import attributed
from tests.reference import relative_error
from tests.test_relu_rules import Functional, InPlace, Modules, Net, Reused, built, by_function

METHOD = "guided_grad_cam"


@pytest.fixture(scope="module")
def x() -> Tensor:
    return torch.randn(1, 3, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(8))


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Setting .* hooks")  # captum says so at each call
        yield


def captums(module: nn.Module, layer: str, x: Tensor, index: int) -> Tensor:
    method = GuidedGradCam(module, module.get_submodule(layer))
    leaf = x.clone().requires_grad_()
    found: Tensor = method.attribute(leaf, target=index, interpolate_mode="bilinear")
    return found.detach()


def worked_out(module: Net, x: Tensor, index: int) -> Tensor:
    """By the definition, at what is pooled, with functions in the place of the ReLUs."""
    first = torch.relu(module.bn1(module.conv1(x)))
    value = module.pool(torch.relu(module.conv2(first) + first)).detach().requires_grad_()
    h = torch.relu(module.fc2(torch.relu(module.fc1(value.flatten(1)))))
    (slope,) = torch.autograd.grad(module.fc3(h)[0, index], value)
    cam = (slope.mean((2, 3), keepdim=True) * value).sum(1, keepdim=True).relu().detach()
    assert 0 < (cam > 0).sum() < cam.numel(), "the ReLU matters"
    large = F.interpolate(cam, x.shape[-2:], mode="bilinear", align_corners=False)
    return by_function(module, x, "guided", index) * large


@pytest.mark.parametrize("kind", [Modules, Functional, InPlace, Reused])
def test_it_is_what_the_paper_says_however_a_relu_is_written(kind: type[Net], x: Tensor) -> None:
    module = built(kind)
    assert isinstance(module, Net)
    found, notes = attributed(METHOD, module, x, ClassScore(2), layer="pool")
    assert relative_error(found, worked_out(module, x, 2)) < 1e-12
    (said,) = notes
    rule = "The rule was applied at 4 ReLUs"
    assert said.startswith(f"Grad-CAM is that of pool, 3×3 positions, enlarged bilinearly. {rule}")
    assert torch.equal(found, attributed(METHOD, module, x, ClassScore(2))[0]), "the last with rows and columns"
    earlier = attributed(METHOD, module, x, ClassScore(2), layer="conv1")[0]
    assert relative_error(found, earlier) > 0.1


def test_equal_to_captum_where_each_relu_is_a_layer_and_right_where_it_is_not(x: Tensor) -> None:
    module, functional = built(Modules), built(Functional)
    for layer in ("pool", "conv2", "bn1"):
        found, _ = attributed(METHOD, module, x, ClassScore(2), layer=layer)
        assert relative_error(found, captums(module, layer, x, 2)) < 1e-12
    right, _ = attributed(METHOD, functional, x, ClassScore(2), layer="pool")
    assert relative_error(captums(functional, "pool", x, 2), right) > 0.05


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("resnet18", "layer4"),
        *(
            pytest.param(name, layer, marks=pytest.mark.sweep)
            for name, layer in (("alexnet", "features.10"), ("mnasnet0_5", "layers.14"), ("vgg11_bn", "features.25"))
        ),
    ],
)
def test_equal_to_captum_on_torchvisions_models(name: str, layer: str) -> None:
    torch.manual_seed(0)
    module = torchvision.models.get_model(name, weights=None).eval().requires_grad_(False)
    x = torch.randn(1, 3, 96, 96)
    found, _ = attributed(METHOD, module, x, ClassScore(7), layer=layer)
    for part in module.modules():
        if isinstance(part, nn.ReLU):
            part.inplace = False  # or captum hooks a value that is overwritten
    assert relative_error(found, captums(module, layer, x, 7)) < 1e-5


def test_the_same_in_an_exported_program(x: Tensor) -> None:
    module, small = built(Reused).float(), x.float()
    read = exported.read(exported_bytes(module, small)).module
    mine, theirs = attributed(METHOD, read, small, layer="pool"), attributed(METHOD, module, small, layer="pool")
    assert relative_error(mine[0], theirs[0]) < 1e-6
    assert mine[1] == theirs[1]


def test_a_unit_before_the_layer_has_no_map(x: Tensor) -> None:
    unit = Unit(Site("conv2"), (1, 2, 3))
    found, _ = attributed(METHOD, built(Modules), x, unit, layer="conv1")
    assert found.abs().max() > 0
    with pytest.raises(Unreachable, match="reaches pool"):
        attributed(METHOD, built(Modules), x, unit, layer="pool")


def test_it_is_refused_where_guided_backprop_or_the_layer_does_not_fit(x: Tensor) -> None:
    curved = nn.Sequential(nn.Conv2d(3, 2, 3), nn.GELU(), nn.Flatten(), nn.Linear(32, 3)).double()
    with pytest.raises(QuestionError, match="Guided backprop is defined for ReLUs alone"):
        attributed(METHOD, curved.requires_grad_(False), x)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(108, 5), nn.ReLU(), nn.Linear(5, 3)).double().requires_grad_(False)
    with pytest.raises(QuestionError, match="No layer output of this model has rows and columns"):
        attributed(METHOD, flat, x)
    with pytest.raises(
        QuestionError, match=r"a layer output with rows and columns over the image, and fc1 has the shape \(1, 12\)"
    ):
        attributed(METHOD, built(Modules), x, layer="fc1")
    with pytest.raises(QuestionError, match=r"a layer output with rows and columns over the image, and the input has"):
        attributed(METHOD, built(Modules), x, layer=".input")
    with pytest.raises(UnknownSite, match="The closest that did is conv1"):
        attributed(METHOD, built(Modules), x, layer="conv11")


@pytest.mark.parametrize("method", ["guided_backprop", "deconvolution", METHOD])
def test_an_answer_counts_layers_as_layers(method: str) -> None:
    """Though the pass for the input alone watches no layer."""
    answer = gv.answer(gv.GradientQuestion(model="preset/shapes-cnn", image="sample/star", method=method))
    assert any(note.endswith("The rule was applied at 6 ReLUs.") for note in answer.notes)


@pytest.mark.parametrize("layer", ["layer2.1.relu:1", "layer1.0.conv1", ""])
def test_the_program_reads_the_layer_that_was_chosen(layer: str, tmp_path: Path) -> None:
    model, image, options = "preset/shapes-resnet", "sample/star", (("layer", layer),)
    answer = gv.answer(gv.GradientQuestion(model=model, image=image, method=METHOD, options=options))
    code = snippets.saliency(snippet_runs.setting(model, image), ClassScore(), METHOD, "channel", options)
    drawn = answer.attributions[gv.INPUT][0]
    assert snippet_runs.error(snippet_runs.run(code, tmp_path), drawn) < 1e-5, code
    assert np.abs(drawn).max() > 0
