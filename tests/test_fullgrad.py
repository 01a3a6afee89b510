"""FullGrad: input times gradient and all constant parts sum to the score, by hand and on networks with biases, norms,
smooth parts, gates and attention; the maps by an independent route."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gradviz_core.errors import QuestionError
from gradviz_core.methods import fullgrad
from gradviz_core.tracing.bias_terms import BiasTerms
from gradviz_core.types import ClassScore, Site, Target, Unit
from tests.own_oracle import attributed, oracle_of
from tests.reference import relative_error
from tests.test_relu_rules import Functional, InPlace, Modules, Reused, built
from tests.zoo import IMAGE_MODELS, build, image


def parts_of(module: nn.Module, x: Tensor, target: Target | None = None) -> BiasTerms:
    return oracle_of(module, x, target).bias_terms()


def together(parts: BiasTerms) -> float:
    return sum(term.sum().item() for term in (parts.input, *parts.layers.values())) + parts.reading


# ---------------------------------------------------------------------------------------------------------- the parts


def test_by_hand() -> None:
    """Of 2 · relu(3 x - 1) + 5 · relu(x - 4) + 7 at x = 2 the input gives 12, the first bias -2, the second nothing
    (its unit is off), and the last 7."""
    module = nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1)).requires_grad_(False)
    for layer, weight, bias in ((0, [[3.0], [1.0]], [-1.0, -4.0]), (2, [[2.0, 5.0]], [7.0])):
        module[layer].weight.copy_(torch.tensor(weight))  # type: ignore[operator]
        module[layer].bias.copy_(torch.tensor(bias))  # type: ignore[operator]
    parts = parts_of(module, torch.tensor([[2.0]]), Unit(Site(""), (0,)))
    assert parts.input.tolist() == [[12.0]]
    assert {str(site): term.tolist() for site, term in parts.layers.items()} == {"0": [[-2.0, 0.0]], "2": [[7.0]]}
    assert (parts.reading, parts.score) == (0.0, 17.0)


def test_batch_norm_and_a_smooth_activation_have_implicit_biases() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.BatchNorm2d(2), nn.Softplus()).double().eval().requires_grad_(False)
    norm = module[0]
    assert isinstance(norm, nn.BatchNorm2d)
    for tensor in (norm.weight, norm.bias, norm.running_mean):
        assert tensor is not None
        tensor.normal_()
    x = torch.randn(1, 2, 3, 3, dtype=torch.float64)
    parts = parts_of(module, x, Unit(Site("1"), (1, 0, 2)))
    assert norm.running_var is not None
    z = norm(x)[0, 1, 0, 2]
    factor = norm.weight[1] / (norm.running_var[1] + norm.eps).sqrt()
    of_norm = torch.sigmoid(z) * (norm.bias[1] - norm.running_mean[1] * factor)  # type: ignore[index]
    assert parts.layers[Site("0")].sum().item() == pytest.approx(of_norm.item())
    assert parts.layers[Site("1")].sum().item() == pytest.approx((F.softplus(z) - torch.sigmoid(z) * z).item())
    assert parts.input.sum().item() == pytest.approx((torch.sigmoid(z) * factor * x[0, 1, 0, 2]).item())


@pytest.mark.parametrize("kind", [Modules, Functional, InPlace, Reused])
def test_the_parts_sum_to_the_score_of_piecewise_linear_networks(kind: type[nn.Module]) -> None:
    module = built(kind)
    x = torch.randn(1, 3, 6, 6, dtype=torch.float64)
    parts = parts_of(module, x, ClassScore(1))
    assert parts.score == module(x)[0, 1].item()
    assert together(parts) == pytest.approx(parts.score, rel=1e-12)
    assert abs(parts.input.sum().item() - parts.score) > 1e-3
    with_constants = {"conv1", "bn1", "conv2", "fc1", "fc2", "fc3"}
    assert {site.path for site in parts.layers} == with_constants, "a ReLU, a sum and a pooling have none"


@pytest.mark.parametrize("name", IMAGE_MODELS)
@pytest.mark.parametrize("scale", ["logit", "log_probability"])
def test_the_parts_sum_to_the_score_of_every_other_network(name: str, scale: str) -> None:
    """With smooth activations, norms of each image, gates, attention, functions between the layers, and how the score
    is read."""
    module = build(name)
    parts = parts_of(module, image(), ClassScore(1, scale))  # type: ignore[arg-type]
    assert together(parts) == pytest.approx(parts.score, rel=1e-9)
    assert (parts.reading == 0) == (scale == "logit")


def test_a_model_that_differentiates_itself_is_refused() -> None:
    with pytest.raises(QuestionError, match="takes gradients in its own forward pass"):
        parts_of(build("energy"), image())


# -------------------------------------------------------------------------------------------------------------- the map


@pytest.fixture(scope="module")
def small() -> tuple[nn.Module, Tensor]:
    return built(Modules), torch.randn(1, 3, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


def test_the_map_of_the_paper_by_another_route(small: tuple[nn.Module, Tensor]) -> None:
    """Biases as the paper's own code takes them: of convolutions, and of a batch norm with its statistics."""
    module, x = small
    found, notes = attributed("fullgrad", module, x, ClassScore(2))
    kept, leaf = {}, x.clone().requires_grad_()
    handles = [
        part.register_forward_hook(lambda _m, _i, out, name=name: kept.update({name: out}))
        for name, part in module.named_children()
    ]
    slopes = torch.autograd.grad(module(leaf)[0, 2], [leaf, kept["conv1"], kept["bn1"], kept["conv2"]])
    for handle in handles:
        handle.remove()
    norm = module.bn1
    implicit = norm.bias - norm.running_mean * norm.weight / (norm.running_var + norm.eps).sqrt()  # type: ignore[operator, union-attr]
    biases = [module.conv1.bias, implicit, module.conv2.bias]  # type: ignore[union-attr]
    terms = [x * slopes[0], *(b[:, None, None] * g for b, g in zip(biases, slopes[1:], strict=True))]  # type: ignore[index]
    sizes = [term.abs() - term.abs().min() for term in terms]
    true = sum((size / size.max()).sum(1, keepdim=True) for size in sizes)
    assert isinstance(true, Tensor)
    assert relative_error(found.sum(1, keepdim=True), true) < 1e-6
    assert (found >= 0).all()
    assert "the biases of 3 layer outputs with positions" in notes[0]
    assert "those of 3 others, which are not in the map" in notes[0]
    assert notes[0].endswith(f"together {module(x)[0, 2]:.6g}; the score is {module(x)[0, 2]:.6g}.")


def test_the_signed_map_sums_to_the_score_less_the_layers_without_positions(small: tuple[nn.Module, Tensor]) -> None:
    module, x = small
    found, _ = attributed("fullgrad", module, x, ClassScore(2), map="signed")
    oracle = oracle_of(module, x, ClassScore(2))
    law = fullgrad.total(oracle, x, {"map": "signed"})
    assert law is not None
    assert found.sum().item() == pytest.approx(law, rel=1e-10)
    parts = oracle.bias_terms()
    others = sum(parts.layers[Site(path)].sum().item() for path in ("fc1", "fc2", "fc3"))
    assert law == pytest.approx(parts.score - others, rel=1e-10)
    assert fullgrad.total(oracle, x, {"map": "paper"}) is None
    assert (found < 0).any()


def test_without_constant_parts_the_signed_map_is_gradient_times_input() -> None:
    torch.manual_seed(2)
    layers = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 3))
    module = layers.double().eval().requires_grad_(False)
    nn.init.zeros_(layers[4].bias)  # type: ignore[arg-type]
    x = torch.randn(1, 3, 6, 6, dtype=torch.float64)
    found, notes = attributed("fullgrad", module, x, ClassScore(1), map="signed")
    assert torch.equal(found, attributed("gradient_x_input", module, x, ClassScore(1))[0])
    assert "the biases of 0 layer outputs" in notes[0]


@pytest.mark.parametrize("size", [(5, 7), (9, 8), (4, 20)])
def test_a_plane_that_is_enlarged_keeps_its_sum_and_sign(size: tuple[int, int]) -> None:
    plane = torch.randn(1, 1, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = fullgrad.keeping_sums(plane, torch.Size(size))
    assert found.shape[2:] == size
    assert found.sum().item() == pytest.approx(plane.sum().item())
    assert (fullgrad.keeping_sums(plane.abs(), torch.Size(size)) >= 0).all()
