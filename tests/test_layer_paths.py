"""Layer integrated gradients, internal influence and conductance: by hand, the law of each, and captum's."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from captum.attr import InternalInfluence, LayerConductance, LayerIntegratedGradients
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.answers.scene import Scene
from gradviz_core.methods.attributions import series_of, total_of
from gradviz_core.types.methods import settled
from tests.at_a_layer import oracle_at, scene_of
from tests.reference import relative_error

METHODS = ("internal_influence", "conductance", "layer_integrated_gradients")
FIRST, RELU, BESIDE = gv.Site("first"), gv.Site("relu", 1), gv.Site("beside")


class Branched(nn.Module):
    """Biases, a smooth part, one ReLU in place called twice, and a branch that passes it by."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.beside = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3)
        self.relu, self.smooth, self.head = nn.ReLU(inplace=True), nn.Softplus(), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.first(x))
        x = self.relu(self.second(x)) + 0.3 * self.beside(x)
        return self.head(self.smooth(x).flatten(2).square().mean(2))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def branched() -> tuple[Branched, Tensor, Scene]:
    torch.manual_seed(0)
    module = Branched()
    x = torch.randn(1, 3, 9, 9)
    return module, x, scene_of(module, x)


def summed(scene: Scene, site: gv.Site, method: str, **options: float | str) -> Tensor:
    """The map: the sum of all terms."""
    oracle, values = oracle_at(scene, site, gv.ClassScore(1)), settled(method, tuple(options.items()))
    value = scene.trace.value(site).detach().clone()
    terms = series_of(method)(oracle, value, values, range(int(values["steps"])))
    return torch.stack(list(terms)).double().sum(0)


def total(scene: Scene, site: gv.Site, method: str, **options: float | str) -> float | None:
    oracle, values = oracle_at(scene, site, gv.ClassScore(1)), settled(method, tuple(options.items()))
    return total_of(method)(oracle, scene.trace.value(site).detach().clone(), values)


class Square(nn.Module):
    """S = 2 (3 x)² of one pixel: at the layer a = 3 x the slope is 4 a."""

    def __init__(self) -> None:
        super().__init__()
        self.three = nn.Conv2d(1, 1, 1, bias=False)
        self.three.weight.data[:] = 3.0

    def forward(self, x: Tensor) -> Tensor:
        return 2 * self.three(x).flatten(1).square().expand(-1, 2)  # type: ignore[no-any-return]


def test_of_a_square_they_are_what_comes_out_by_hand() -> None:
    """From x = 0 to x = 1 the layer goes from 0 to 3, the slope from 0 to 12: on average 6, and 18 is the score."""
    site = gv.Site("three")
    scene = scene_of(Square(), torch.ones(1, 1, 1, 1))
    assert summed(scene, site, "internal_influence", steps=2).item() == pytest.approx(6)
    assert summed(scene, site, "layer_integrated_gradients", steps=2).item() == pytest.approx(18)
    assert summed(scene, site, "conductance", steps=2).item() == pytest.approx(18)
    assert summed(scene, site, "conductance", steps=2, ends="first").item() == pytest.approx(0 * 1.5 + 6 * 1.5)
    assert total(scene, site, "layer_integrated_gradients") == pytest.approx(18)


def test_captum_has_the_same_numbers_where_nothing_is_in_place(branched: tuple[Branched, Tensor, Scene]) -> None:
    module, x, scene = branched
    apart = deepcopy(module)
    apart.relu.inplace = False
    for site, convolution in ((FIRST, apart.first), (BESIDE, apart.beside)):
        theirs = LayerIntegratedGradients(apart, convolution).attribute(x, target=1, n_steps=12)
        ours = summed(scene, site, "layer_integrated_gradients", steps=12, rule="gauss")
        assert relative_error(ours.float(), theirs) < 1e-5
    with pytest.raises(RuntimeError, match="used in an in-place operation"):
        LayerIntegratedGradients(module, module.first).attribute(x, target=1, n_steps=12)
    layers: dict[gv.Site, nn.Module] = {FIRST: module.first, RELU: module.relu, BESIDE: module.beside}
    for site, layer in layers.items():
        influence = InternalInfluence(module, layer).attribute(x, target=1, n_steps=12, method="gausslegendre")
        assert (
            relative_error(summed(scene, site, "internal_influence", steps=12, rule="gauss").float(), influence) < 1e-5
        )
        flow = LayerConductance(module, layer).attribute(x, target=1, n_steps=12, method="riemann_trapezoid")
        assert relative_error(summed(scene, site, "conductance", steps=12, ends="first").float(), flow) < 1e-5


def test_the_last_call_of_a_layer_by_another_route(branched: tuple[Branched, Tensor, Scene]) -> None:
    """What captum cannot ask: the value of the second call alone, put into the rest of the network by hand."""
    module, x, scene = branched

    def rest(value: Tensor) -> Tensor:
        passed = module.beside(module.first(x).relu())
        return module.head(module.smooth(value + 0.3 * passed).flatten(2).square().mean(2))[0, 1]  # type: ignore[no-any-return]

    start, end = (module.second(module.first(at).relu()).relu().detach() for at in (0 * x, x))
    found = torch.zeros_like(end)
    for step in range(20):
        at = (start + (step + 0.5) / 20 * (end - start)).requires_grad_()
        found += torch.autograd.grad(rest(at), at)[0] * (end - start) / 20
    ours = summed(scene, RELU, "layer_integrated_gradients", steps=20)
    assert relative_error(ours.float(), found) < 1e-5
    true = (rest(end) - rest(start)).item()
    assert total(scene, RELU, "layer_integrated_gradients") == pytest.approx(true, rel=1e-5)
    assert ours.sum().item() == pytest.approx(true, rel=1e-2)


def test_conductance_adds_up_where_every_path_leads_through_the_layer(branched: tuple[Branched, Tensor, Scene]) -> None:
    module, x, scene = branched
    with torch.no_grad():
        true = (module(x) - module(0 * x))[0, 1].item()
    whole = summed(scene, FIRST, "conductance", steps=128).sum().item()
    assert whole == pytest.approx(true, rel=1e-3)
    first = summed(scene, FIRST, "conductance", steps=128, ends="first").sum().item()
    assert abs(first - true) > 10 * abs(whole - true), "at the beginnings of steps alone it takes many more"
    two = sum(summed(scene, site, "conductance", steps=128).sum().item() for site in (RELU, BESIDE))
    beside = summed(scene, BESIDE, "conductance", steps=128).sum().item()
    assert abs(beside) > 0.01 * abs(true)
    assert two == pytest.approx(true, rel=1e-2), "the two branches together"


@pytest.mark.parametrize("method", METHODS)
def test_baselines_are_those_of_the_input_and_parts_make_the_whole(
    branched: tuple[Branched, Tensor, Scene], method: str
) -> None:
    _, x, scene = branched
    zero, black = (summed(scene, FIRST, method, steps=4, baseline=name) for name in ("zero", "black"))
    assert relative_error(black, zero) > 0.01
    oracle, values = oracle_at(scene, FIRST, gv.ClassScore(1)), settled(method, (("steps", 4.0),))
    value = scene.trace.value(FIRST).detach().clone()
    parts = [list(series_of(method)(oracle, value, values, which)) for which in (range(1), range(1, 4))]
    assert relative_error(torch.stack([*parts[0], *parts[1]]).sum(0), zero.float()) < 1e-5
    assert x.shape != value.shape
