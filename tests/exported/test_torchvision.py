"""torchvision's models, exported and read back: the very same numbers, and the same names of layers."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import Tensor, nn

from gradviz_core.tracing import trace
from gradviz_core.types import ClassScore, Site, Unit
from gradviz_core.uploads import exported
from tests.exported.files import exported_bytes

pytestmark = pytest.mark.slow

SPREAD = (
    "resnet18",
    "squeezenet1_1",
    "shufflenet_v2_x0_5",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mnasnet0_5",
    "googlenet",
    pytest.param("inception_v3", marks=pytest.mark.sweep),
    "efficientnet_b0",
    "regnet_y_400mf",
    "densenet121",
    "convnext_tiny",
    "swin_t",
    pytest.param("vit_b_32", marks=pytest.mark.sweep),
)
"""Of two that are built of the same parts the larger is a sweep."""
DRAWN_SLOWLY = {"googlenet", "inception_v3"}


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    options = {"init_weights": False} if name in DRAWN_SLOWLY else {}
    return ready(torchvision.models.get_model(name, weights=None, **options))


def ready(module: nn.Module) -> nn.Module:
    """In evaluation mode, and without weights that are all zero, through which no gradient passes."""
    for parameter in module.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.02)
    return module.eval().requires_grad_(False)


def small_transformer() -> nn.Module:
    torch.manual_seed(0)
    return ready(torchvision.models.VisionTransformer(64, 16, 3, 2, 24, 48, num_classes=7))


def image(name: str) -> Tensor:
    size = 224 if name.startswith("vit") else 96 if name == "inception_v3" else 64
    return torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(1))


def scores_and_slope(module: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    leaf = x.clone().requires_grad_()
    scores = module(leaf)
    return scores.detach(), torch.autograd.grad(scores[0, 7], leaf)[0]


@pytest.mark.parametrize("name", SPREAD)
def test_scores_and_input_gradients_are_identical(name: str) -> None:
    module, x = build(name), image(name)
    found = exported.read(exported_bytes(module, x))
    for mine, true in zip(scores_and_slope(found.module, x), scores_and_slope(module, x), strict=True):
        assert torch.equal(mine, true)
    assert found.classes == 1000
    assert found.input_shape == tuple(x.shape)
    assert found.preprocessing.size == tuple(x.shape[2:])
    assert found.parameters == sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", ["resnet18", "transformer"])
def test_sites_are_those_of_the_original(name: str) -> None:
    module, x = small_transformer() if name == "transformer" else build(name), image(name)
    found = exported.read(exported_bytes(module, x)).module
    true, mine = trace.survey(module, x), trace.survey(found, x)
    assert [(s.site, s.kind, s.shape, s.calls, s.layout) for s in mine] == [
        (s.site, s.kind, s.shape, s.calls, s.layout) for s in true
    ]
    sites = [info.site for info in true]
    target = ClassScore(3)
    assert {info.kind for info in mine} >= ({"BasicBlock"} if name == "resnet18" else {"EncoderBlock"})
    expected = trace.gradients(module, x, target=target, wrt=sites)
    answer = trace.gradients(found, x, target=target, wrt=sites)
    for site in sites:
        assert torch.equal(answer.activations[site], expected.activations[site]), site
        assert torch.equal(answer.gradients[site], expected.gradients[site]), site


def test_one_class_at_one_pixel_of_a_segmentation() -> None:
    torch.manual_seed(0)
    module = torchvision.models.segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None).eval()
    x = image("lraspp")
    found = exported.read(exported_bytes(module, x))
    assert found.classes is None
    target = Unit(Site("", 0, "out"), (5, 30, 50))
    mine = trace.gradients(found.module, x, target=target)
    true = trace.gradients(module, x, target=target)
    assert mine.score == true.score
    assert torch.equal(mine.gradients[Site(".input")], true.gradients[Site(".input")])


def test_the_authors_line_is_told_by_file_and_number() -> None:
    module, x = build("resnet18"), image("resnet18")
    infos = trace.survey(exported.read(exported_bytes(module, x)).module, x)
    source = {info.site: info.source for info in infos}
    assert source[Site("layer2.0.conv1")].startswith("resnet.py:")
    assert source[Site("layer2.0.conv1")].endswith("  out = self.conv1(x)")
    assert source[Site("layer2.0.relu", 1)].endswith("  out = self.relu(out)")
    assert not any("/" in line or "\\" in line for line in source.values())
