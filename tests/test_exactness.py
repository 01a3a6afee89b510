"""Every value and every gradient at every site, against a reference that shares nothing with the tracer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

from gradviz_core.errors import Unreachable
from gradviz_core.tracing import trace
from gradviz_core.tracing.nested import tensors
from gradviz_core.tracing.twin import twin
from gradviz_core.types import INPUT, ClassScore, CrossEntropy, Site
from tests import zoo
from tests.reference import OutOfPlace, reference, relative_error
from tests.second_oracle import USED_BEFORE_RETURNED, moved

BOUNDS = {torch.float32: 1e-5, torch.float64: 1e-10}


def _architecture(name: str) -> tuple[nn.Module, int]:
    torch.manual_seed(0)
    match name:
        case "vit_b_16":
            module = torchvision.models.vit_b_16(weights=None, image_size=64)
            nn.init.normal_(module.heads.head.weight, std=0.02)
            return module.eval(), 64
        case "googlenet":
            return torchvision.models.googlenet(weights=None, init_weights=False, aux_logits=False).eval(), 64
        case _:
            return torchvision.models.get_model(name, weights=None).eval(), 64


def _scramble_norms(module: nn.Module) -> None:
    """Fresh batch norms are nearly the identity, which hides mistakes."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d) and part.running_mean is not None and part.running_var is not None:
            part.running_mean.normal_(std=0.1)
            part.running_var.uniform_(0.5, 1.5)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", ["resnet18", "vgg11", "mobilenet_v2", "densenet121", "googlenet", "vit_b_16"])
def test_every_site_of_known_architectures(name: str, dtype: torch.dtype) -> None:
    module, size = _architecture(name)
    _scramble_norms(module)
    module = module.to(dtype)
    x = torch.randn(1, 3, size, size, dtype=dtype)
    sites = [info.site for info in trace.survey(module, x)]
    found = trace.gradients(module, x, target=ClassScore(3), wrt=sites)
    values, slopes = reference(module, x, lambda out: out[0, 3])

    assert set(values) == set(sites)
    assert len({site for site in sites if site.path and not site.path.startswith(".")}) > 20
    worst = {
        "value": max(relative_error(found.activations[site], values[site]) for site in sites),
        "gradient": max(relative_error(found.gradients[site], slopes[site]) for site in sites),
    }
    assert max(worst.values()) < BOUNDS[dtype], worst


def test_the_reference_really_replaces_what_is_written_in_place() -> None:
    module = zoo.build("in-place")
    with OutOfPlace() as mode:
        for part in module.modules():
            if isinstance(part, nn.ReLU):
                part.inplace = False
        module(zoo.image())
    assert mode.replaced == {"add_": 1, "mul_": 1, "relu_": 1}


def test_a_plain_hook_is_wrong_where_the_tracer_is_right() -> None:
    """If this fails, in-place operations no longer matter and the cloning could go."""
    module = zoo.build("in-place")
    kept: list[Tensor] = []
    handle = module.get_submodule("bn1").register_forward_hook(lambda _m, _i, out: kept.append(out.detach()))
    module(zoo.image())
    handle.remove()
    values, _ = reference(module, zoo.image(), lambda out: out[0, 1])
    truth = values[Site("bn1")]
    assert relative_error(kept[0], truth) > 0.1
    found = trace.gradients(module, zoo.image(), target=ClassScore(1), wrt=[Site("bn1")])
    assert relative_error(found.activations[Site("bn1")], truth) < 1e-12


# ----------------------------------------------------------------------------------------------- finite differences


def _score(output: Any, label: int) -> Tensor:
    (logits,) = [t for t in tensors(output).values() if t.dim() == 2]
    return logits[0, label]


@pytest.mark.parametrize("name", sorted(set(zoo.IMAGE_MODELS) - {"detached"}))
def test_finite_differences_at_every_site_of_the_zoo(name: str) -> None:
    """(f(v + h d) - f(v - h d)) / 2h equals <gradient, d>, in random directions d, in float64."""
    module, x = zoo.build(name), zoo.image()
    generator = torch.Generator().manual_seed(1)
    infos = [info for info in trace.survey(module, x) if info.differentiable]
    watched = trace.forward(module, x)
    found = trace.differentiate(watched, _score(watched.output, 2), [info.site for info in infos])
    checked = 0
    for info in infos:
        if (name, info.site) in USED_BEFORE_RETURNED or info.site.path == "":
            continue
        gradient = found[info.site]
        direction = torch.randn(info.shape, dtype=torch.float64, generator=generator)
        h = 1e-6
        up = moved(module, x, info.site, h * direction, lambda out: _score(out, 2))
        down = moved(module, x, info.site, -h * direction, lambda out: _score(out, 2))
        assert gradient is not None
        assert (gradient * direction).sum().item() == pytest.approx((up - down) / (2 * h), rel=2e-6, abs=2e-8), info
        checked += 1
    assert checked >= 1


@pytest.mark.parametrize("name", ["tuple", "dict"])
def test_a_value_counts_every_use_of_it_also_before_it_is_returned(name: str) -> None:
    """score_2 = <W_2, mean over places of the features> + b, so its slope is W_2c / 36 at each of the 6 x 6 places."""
    module = zoo.build(name)
    site = Site("body", 0, "1.0")
    found = trace.gradients(module, zoo.image(), target=ClassScore(2), wrt=[site])
    weight = module.get_parameter("body.head.weight")[2].detach()
    assert torch.allclose(found.gradients[site], (weight / 36)[None, :, None, None].expand(1, 5, 6, 6), atol=1e-15)


def test_a_detached_branch_adds_nothing_and_says_so() -> None:
    """Before the detach there is no gradient; at the input there is only the other branch's; after it, its own."""
    module, x = zoo.build("detached"), zoo.image()
    sites = [INPUT, Site("open"), Site("after")]
    found = trace.gradients(module, x, target=ClassScore(2), wrt=sites)
    blocked = module.get_submodule("after")(module.get_submodule("cut")(x)).detach()
    leaf = x.clone().requires_grad_()
    opened = module.get_submodule("open")(leaf)
    gate = blocked.clone().requires_grad_()
    score = module.get_submodule("head")((torch.tanh(opened) * torch.sigmoid(gate)).mean((2, 3)))[0, 2]
    for site, true in zip(sites, torch.autograd.grad(score, [leaf, opened, gate]), strict=True):
        assert relative_error(found.gradients[site], true) < 1e-12
    with pytest.raises(Unreachable, match="reaches cut: no differentiable path"):
        trace.gradients(module, x, target=ClassScore(2), wrt=[Site("cut")])


@pytest.mark.parametrize("name", ["shapes-cnn", "shapes-resnet", "shapes-vit", "digits-cnn", "digits-mlp"])
def test_finite_differences_at_the_input_of_the_presets(name: str) -> None:
    from gradviz_core.answers.load import load

    model = load(f"preset/{name}")
    module = twin(model.module).double()
    channels = len(model.card.preprocessing.mean)
    x = torch.rand(1, channels, *model.card.preprocessing.size, dtype=torch.float64)
    found = trace.gradients(module, x, target=CrossEntropy(4)).gradients[INPUT]
    direction = torch.randn(x.shape, dtype=torch.float64)
    h = 1e-7

    def loss(image: Tensor) -> float:
        with torch.no_grad():
            return nn.functional.cross_entropy(module(image), torch.tensor([4])).item()

    true = (loss(x + h * direction) - loss(x - h * direction)) / (2 * h)
    assert (found * direction).sum().item() == pytest.approx(true, rel=1e-4, abs=1e-7)


# ------------------------------------------------------------------------------------------------ known by their shape


def test_cells_that_are_not_connected_have_no_gradient() -> None:
    """A 4x4 grid of 2x2 cells, one convolution with stride 2: class k reads cell k and no other."""
    module = (
        nn.Sequential(nn.Conv2d(3, 2, 2, stride=2), nn.Softplus(), nn.Conv2d(2, 1, 1), nn.Flatten()).double().eval()
    )
    slope = trace.gradients(module, zoo.image(), target=ClassScore(6)).gradients[INPUT][0]
    inside = torch.zeros(8, 8, dtype=torch.bool)
    inside[2:4, 4:6] = True  # cell 6 of 16: row 1, column 2
    assert slope[:, inside].abs().min() > 0
    assert slope[:, ~inside].abs().max() == 0


def test_before_global_pooling_the_gradient_is_the_same_everywhere() -> None:
    """score_k = <W_k, mean over n places of a> + b, so ∂score_k/∂a_c = W_kc / n at each place."""
    module = zoo.build("writes-input")
    found = trace.gradients(module, zoo.image(), target=ClassScore(3), wrt=[Site("act")])
    weight = module.get_parameter("head.weight")[3].detach()
    expected = (1.5 * weight / 36)[None, :, None, None].expand(1, 5, 6, 6)  # y and z are one memory: 1 + 0.5
    assert torch.allclose(found.gradients[Site("act")], expected, rtol=1e-12, atol=0)
