"""Integrated gradients: worked out by hand, its rules and baselines, and captum's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, NeuronIntegratedGradients
from torch import Tensor, nn

from gradviz_core.errors import QuestionError
from gradviz_core.methods.integrated_gradients import points, total
from gradviz_core.types import Site, Unit
from gradviz_core.types.methods import settled
from gradviz_core.types.steps import RULE
from tests.oracles import MEAN, STD, Formula, attribution, entry, oracle_of, scene_of
from tests.reference import relative_error
from tests.test_smoothgrad import image, network

METHOD = "integrated_gradients"
RULES = tuple(option.value for option in RULE.options)
CAPTUMS = {"midpoint": "riemann_middle", "gauss": "gausslegendre"}


def of(function: str, x: Tensor, **options: float | str) -> Tensor:
    """Integrated gradients of a function of the numbers of the picture."""
    functions = {
        "cube": lambda x: (x**3).sum(dim=(1, 2, 3))[:, None],
        "product": lambda x: x.prod(dim=3).sum(dim=(1, 2))[:, None],
        "saturated": lambda x: (1 - (1 - x).relu()).sum(dim=(1, 2, 3))[:, None],
    }
    return attribution(METHOD, oracle_of(scene_of(Formula(functions[function]), x), entry(0)), x, **options)


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(1, 1, 1, -1)


# ------------------------------------------------------------------------------------------------------------- by hand


@pytest.mark.parametrize(
    ("rule", "steps", "share"),
    [
        ("midpoint", 1, 3 / 4),
        ("midpoint", 2, 15 / 16),
        ("trapezoid", 2, 3 / 2),
        ("trapezoid", 3, 9 / 8),
        ("gauss", 2, 1),
    ],
)
def test_the_integral_of_a_cube_by_each_rule(rule: str, steps: int, share: float) -> None:
    """It is x · Σ w 3 (α x)²: exact for the rule of Gauss and Legendre from two points on."""
    x = numbers(2.0, -1.0)
    assert relative_error(of("cube", x, rule=rule, steps=steps), share * x**3) < 1e-12


@pytest.mark.parametrize("rule", RULES)
def test_a_product_is_shared_equally_between_its_factors(rule: str) -> None:
    assert relative_error(of("product", numbers(3.0, 4.0), rule=rule, steps=5), numbers(6.0, 6.0)) < 1e-12


def test_a_saturated_score_gives_a_share_where_the_gradient_is_zero() -> None:
    """1 − relu(1 − x) at 2, the example of the paper: half of the path has slope 1."""
    x = numbers(2.0)
    assert of("saturated", x, steps=4) == 1.0
    oracle = oracle_of(scene_of(Formula(lambda x: (1 - (1 - x).relu()).flatten(1)), x), entry(0))
    assert oracle(x) == 0.0


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("steps", [1, 2, 9, 1000])
def test_the_weights_of_a_rule_sum_to_1_and_its_points_lie_on_the_path(rule: str, steps: int) -> None:
    shares, weights = points(rule, steps)
    assert len(shares) == len(weights) == steps
    assert weights.sum() == pytest.approx(1, abs=1e-13)
    assert shares.min() >= 0
    assert shares.max() <= 1
    if rule != "trapezoid" or steps > 1:
        assert weights @ shares == pytest.approx(1 / 2, abs=1e-13), "a straight line is integrated exactly"


def test_one_step_is_the_difference_times_the_gradient_halfway_or_at_the_image() -> None:
    x, module = image(), network()
    oracle = oracle_of(scene_of(module, x), entry(0))
    for rule, at in {"midpoint": x / 2, "gauss": x / 2, "trapezoid": x}.items():
        assert relative_error(attribution(METHOD, oracle, x, steps=1, rule=rule), x * oracle(at)) < 1e-12


# ----------------------------------------------------------------------------------------------------------- baselines


def blurred_by_loops(x: Tensor, sigma: float) -> Tensor:
    """Each place by itself, the weight of every other one as it is."""
    found = torch.zeros_like(x)
    for row, column in np.ndindex(*x.shape[2:]):
        distances = [(i - row) ** 2 + (j - column) ** 2 for i, j in np.ndindex(*x.shape[2:])]
        weights = torch.exp(-torch.tensor(distances, dtype=x.dtype) / (2 * sigma**2)).view(x.shape[2:])
        found[:, :, row, column] = (x * weights).sum((2, 3)) / weights.sum()
    return found


def test_a_linear_model_gives_its_weights_times_the_difference_from_each_baseline() -> None:
    x, weights = image(size=6), image(seed=1, size=6)
    oracle = oracle_of(scene_of(Formula(lambda x: (weights * x).sum(dim=(1, 2, 3))[:, None] + 3), x), entry(0))
    mean, std = (torch.tensor(one, dtype=x.dtype).view(1, 3, 1, 1) for one in (MEAN, STD))
    levels = torch.rand(x.shape, generator=torch.Generator().manual_seed(1024 * 7)).double()
    for name, start in {
        "zero": torch.zeros_like(x),
        "black": (0 - mean) / std,
        "white": (1 - mean) / std,
        "blurred": blurred_by_loops(x, 0.6),
        "noise": (levels - mean) / std,
    }.items():
        found = attribution(METHOD, oracle, x, baseline=name, steps=3, seed=7)
        assert relative_error(found, weights * (x - start)) < 1e-12, name
        options = settled(METHOD, (("baseline", name), ("seed", 7)))
        assert total(oracle, x, options) == pytest.approx(found.sum().item(), abs=1e-9), name


def test_a_layer_output_has_zero_as_its_only_baseline() -> None:
    x, site = image(), Site("1")
    oracle = oracle_of(scene_of(network(), x), entry(1), site)
    with pytest.raises(
        QuestionError, match=r"The baseline 'black' is a picture, so only the input has it\. At a layer"
    ):
        attribution(METHOD, oracle, oracle._here, baseline="black")
    found = attribution(METHOD, oracle, oracle._here, steps=300)
    gap = found.sum().item() - total(oracle, oracle._here, settled(METHOD, ()))
    assert abs(gap) < 1e-3 * found.abs().sum()


# -------------------------------------------------------------------------------------------------------------- captum


@pytest.mark.parametrize("rule", CAPTUMS)
def test_captum_gives_the_same(rule: str) -> None:
    x, module = image(), network()
    theirs = IntegratedGradients(module).attribute(x, baselines=0, target=2, n_steps=20, method=CAPTUMS[rule])
    ours = attribution(METHOD, oracle_of(scene_of(module, x), entry(2)), x, steps=20, rule=rule)
    assert relative_error(ours, theirs) < 1e-5


def test_captums_trapezoid_has_weights_that_sum_to_less_than_1() -> None:
    """Of 20 points it misses a twentieth, also of a linear model; with that mended it gives the same."""
    x, module = image(), network()
    theirs = IntegratedGradients(module).attribute(x, target=2, n_steps=20, method="riemann_trapezoid")
    ours = attribution(METHOD, oracle_of(scene_of(module, x), entry(2)), x, steps=20, rule="trapezoid")
    assert relative_error(ours, theirs * 20 / 19) < 1e-5
    linear = Formula(lambda x: x.sum(dim=(1, 2, 3))[:, None])
    missed = IntegratedGradients(linear).attribute(x, target=0, n_steps=20, method="riemann_trapezoid")
    assert relative_error(missed, x * 19 / 20) < 1e-7


@pytest.mark.parametrize(("layer", "index"), [("0", (1, 2, 3)), ("2", (3, 1, 0)), ("5", (2,))])
def test_of_a_unit_it_is_captums_neuron_integrated_gradients(layer: str, index: tuple[int, ...]) -> None:
    x, module = image(), network()
    neurons = NeuronIntegratedGradients(module, module.get_submodule(layer))
    theirs = neurons.attribute(x.clone(), neuron_selector=index, n_steps=16, method="gausslegendre")
    ours = attribution(METHOD, oracle_of(scene_of(module, x), Unit(Site(layer), index)), x, steps=16)
    assert relative_error(ours, theirs) < 1e-5


class Overwritten(nn.Module):
    """A convolution whose result a ReLU overwrites in place."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.conv, self.relu, self.head = nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.relu(self.conv(x)).mean((2, 3)))  # type: ignore[no-any-return]


def test_of_a_unit_that_is_overwritten_it_is_that_of_the_value_before() -> None:
    """The unit before the ReLU is linear in the image, so each number contributes its weight times its value."""
    x, module = image(), Overwritten().double()
    scene = scene_of(module, x)
    index = (1, 1, 1)
    assert module.conv(x)[0][index] < 0, "the ReLU changes it"
    ours, after = (
        attribution(METHOD, oracle_of(scene, Unit(Site(layer), index)), x, steps=4) for layer in ("conv", "relu")
    )
    true = torch.zeros_like(x)
    true[0, :, 1:4, 1:4] = module.conv.weight[1] * x[0, :, 1:4, 1:4]
    assert relative_error(ours, true) < 1e-12
    assert relative_error(after, true) > 0.1
    neurons = NeuronIntegratedGradients(module, module.conv)
    theirs = neurons.attribute(x.clone(), neuron_selector=index, n_steps=4, method="riemann_middle")
    assert relative_error(theirs, ours) < 1e-5
