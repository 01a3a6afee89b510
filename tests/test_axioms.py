"""The laws of methods that integrate a gradient, on networks with biases, kinks and smooth parts."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from gradviz_core.methods.attributions import total_of
from gradviz_core.types import OUTPUT, Combination, Term
from gradviz_core.types.methods import METHODS, settled
from tests.oracles import Formula, attribution, entry, oracle_of, scene_of
from tests.reference import relative_error

SIZE = 6
PATHS = ("blur_ig", "guided_ig", "integrated_gradients")
seeds = st.integers(0, 10_000)
few = settings(max_examples=5, deadline=None, derandomize=True)


def few_of(method: str) -> dict[str, float]:
    """Few draws or steps of a method that takes some, and the straight path where it depends on the score."""
    given = {"draws": 6, "steps": 6, "reach": 0.0}
    return {one.name: given[one.name] for one in METHODS[method].options if one.name in given}


def picture(seed: int) -> Tensor:
    return torch.randn(1, 3, SIZE, SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def network(seed: int, act: type[nn.Module] = nn.SiLU) -> nn.Sequential:
    """Smooth parts, a kink, a batch norm, and biases."""
    torch.manual_seed(seed)
    norm = nn.BatchNorm2d(4)
    assert norm.running_mean is not None
    norm.running_mean.normal_()
    layers = (
        nn.Conv2d(3, 4, 3),
        norm,
        act(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16, 5),
        nn.Tanh(),
        nn.Linear(5, 3),
    )
    return nn.Sequential(*layers).double().eval()


def test_every_method_that_is_called_complete_is_checked_here() -> None:
    assert {name for name, card in METHODS.items() if card.complete and card.where != "layer"} >= set(PATHS)


@few
@given(seed=seeds, act=st.sampled_from([nn.SiLU, nn.ReLU, nn.GELU]), method=st.sampled_from(PATHS))
def test_completeness(seed: int, act: type[nn.Module], method: str) -> None:
    """Σ attribution is the score less that of the baseline, but for the gap of finite steps: a larger one where each
    step takes its slope where it begins."""
    x = picture(seed)
    oracle = oracle_of(scene_of(network(seed, act), x), entry(seed % 3))
    true = total_of(method)(oracle, x, settled(method, ()))
    assert true is not None
    found = attribution(method, oracle, x, steps=200)
    share = 0.1 if method == "guided_ig" else 0.01
    assert abs(found.sum().item() - true) < share * found.abs().sum()


@few
@given(seed=seeds)
def test_gauss_and_legendre_need_few_steps_where_all_is_smooth(seed: int) -> None:
    torch.manual_seed(seed)
    smooth = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE**2, 6), nn.Tanh(), nn.Linear(6, 2)).double()
    x = picture(seed)
    oracle = oracle_of(scene_of(smooth, x), entry(0))
    true = total_of("integrated_gradients")(oracle, x, settled("integrated_gradients", ()))
    found = attribution("integrated_gradients", oracle, x, steps=24, rule="gauss").sum().item()
    assert found == pytest.approx(true, rel=1e-6)


@few
@given(seed=seeds, at=st.tuples(st.integers(0, 2), st.integers(0, SIZE - 1), st.integers(0, SIZE - 1)))
def test_sensitivity(seed: int, at: tuple[int, int, int]) -> None:
    """A single number that differs from the baseline gets all of the difference, one that the score ignores zero."""
    x = torch.zeros(1, 3, SIZE, SIZE, dtype=torch.float64)
    x[0][at] = 1.5
    module = network(seed)
    oracle = oracle_of(scene_of(module, x), entry(0))
    found = attribution("integrated_gradients", oracle, x, steps=400)
    difference = oracle.score(x) - oracle.score(0 * x)
    assert found[0][at].item() == pytest.approx(difference, abs=1e-3)
    assert found.count_nonzero() <= 1
    full = picture(seed)
    ignored = Formula(lambda x: module(x * mask))
    mask = torch.ones_like(full)
    mask[0][at] = 0.0
    blind = oracle_of(scene_of(ignored, full), entry(0))
    for method in ("integrated_gradients", "guided_ig", "blur_ig", "expected_gradients", "smoothgrad", "vargrad"):
        made = attribution(method, blind, full, **few_of(method))
        assert made[0][at] == 0.0, method
        assert made.any(), method


@few
@given(seed=seeds)
def test_implementation_invariance(seed: int) -> None:
    """Two networks that compute the same function in other ways: a batch norm folded into its convolution, a SiLU
    written out, the scores by two layers instead of one."""
    x, one = picture(seed), network(seed)
    conv, norm = one[0], one[1]
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert conv.bias is not None
    folded = nn.Conv2d(3, 4, 3).double()
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    with torch.no_grad():
        folded.weight.copy_(conv.weight * scale.view(-1, 1, 1, 1))
        assert folded.bias is not None
        folded.bias.copy_((conv.bias - norm.running_mean) * scale + norm.bias)
    turned = torch.randn(3, 3, dtype=torch.float64)

    def other(x: Tensor) -> Tensor:
        x = folded(x)
        found: Tensor = one[3:](x * torch.sigmoid(x)) @ torch.linalg.inv(turned) @ turned
        return found

    for method in (*PATHS, "expected_gradients", "smoothgrad"):
        maps = [
            attribution(method, oracle_of(scene_of(module, x), entry(2)), x, **few_of(method))
            for module in (one, Formula(other))
        ]
        assert relative_error(maps[1], maps[0]) < 1e-9, method


@few
@given(seed=seeds, weights=st.tuples(st.floats(-3, 3), st.floats(0.5, 3)))
def test_linearity(seed: int, weights: tuple[float, float]) -> None:
    """Of a sum of scores it is the sum of the attributions, along every path that does not depend on the score."""
    x = picture(seed)
    scene = scene_of(network(seed), x)
    both = Combination((Term((0, 0), weights[0]), Term((0, 1), weights[1])), OUTPUT)
    for method in ("integrated_gradients", "blur_ig", "expected_gradients", "smoothgrad"):
        together = attribution(method, oracle_of(scene, both), x, **few_of(method))
        first, second = (attribution(method, oracle_of(scene, entry(index)), x, **few_of(method)) for index in (0, 1))
        assert relative_error(together, weights[0] * first + weights[1] * second) < 1e-9, method


@few
@given(seed=seeds, steps=st.integers(1, 9), bias=st.floats(-5, 5))
def test_a_linear_model_gives_weight_times_difference_with_any_steps(seed: int, steps: int, bias: float) -> None:
    x, weights = picture(seed), picture(seed + 1)
    linear = Formula(lambda x: (weights * x).sum(dim=(1, 2, 3))[:, None] + bias)
    oracle = oracle_of(scene_of(linear, x), entry(0))
    for rule in ("midpoint", "trapezoid", "gauss"):
        found = attribution("integrated_gradients", oracle, x, steps=steps, rule=rule)
        assert relative_error(found, weights * x) < 1e-12
    assert relative_error(attribution("guided_ig", oracle, x, steps=steps), weights * x) < 1e-12
    assert relative_error(attribution("smoothgrad", oracle, x, draws=steps), weights) < 1e-12
