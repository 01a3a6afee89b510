"""SmoothGrad, SmoothGrad squared and VarGrad: worked out by hand, and captum's with the same noise."""

from __future__ import annotations

import pytest
import torch
from captum.attr import NoiseTunnel, Saliency
from torch import Tensor, nn

from gradviz_core.methods.draws import generator
from gradviz_core.types.draws import DRAWS as DRAWS_OPTION
from gradviz_core.types.methods import METHODS
from tests.oracles import Formula, attribution, entry, oracle_of, scene_of
from tests.reference import relative_error

DRAWS, SPREAD, SEED = 6, 0.3, 4
OPTIONS: dict[str, float] = {"draws": DRAWS, "spread": SPREAD, "seed": SEED}
FAMILY = ("smoothgrad", "smoothgrad_squared", "vargrad")


def image(*, seed: int = 0, size: int = 8) -> Tensor:
    return torch.randn(1, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def noises(x: Tensor, seed: int = SEED, draws: int = DRAWS) -> Tensor:
    """The noise of each draw, one after the other."""
    seeds = [torch.Generator().manual_seed(1024 * seed + number) for number in range(draws)]
    return torch.cat([torch.randn(x.shape, generator=one) for one in seeds]).double() * SPREAD * (x.max() - x.min())


def network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.SiLU(), nn.Conv2d(4, 4, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)
    ).double()


def test_half_the_sum_of_squares_has_the_noisy_copies_themselves_as_slopes() -> None:
    x = image()
    oracle = oracle_of(scene_of(Formula(lambda x: x.square().sum(dim=(1, 2, 3))[:, None] / 2), x), entry(0))
    copies = x + noises(x)
    for method, true in {
        "smoothgrad": copies.mean(0),
        "smoothgrad_squared": copies.square().mean(0),
        "vargrad": copies.var(0, correction=0),
    }.items():
        assert relative_error(attribution(method, oracle, x, **OPTIONS)[0], true) < 1e-7, method


def test_where_slopes_are_the_same_everywhere_noise_changes_nothing() -> None:
    x, weights = image(), image(seed=1)
    oracle = oracle_of(scene_of(Formula(lambda x: (weights * x).sum(dim=(1, 2, 3))[:, None]), x), entry(0))
    assert relative_error(attribution("smoothgrad", oracle, x), weights) < 1e-12
    assert relative_error(attribution("smoothgrad_squared", oracle, x), weights.square()) < 1e-12
    assert attribution("vargrad", oracle, x).max() < 1e-12


def test_without_noise_it_is_the_gradient() -> None:
    x, module = image(), network()
    oracle = oracle_of(scene_of(module, x), entry(1))
    slope = oracle(x)
    assert torch.equal(attribution("smoothgrad", oracle, x, draws=1, spread=0.0), slope)
    assert relative_error(attribution("smoothgrad", oracle, x, draws=5, spread=0.0), slope) < 1e-12
    assert relative_error(attribution("smoothgrad_squared", oracle, x, spread=0.0), slope.square()) < 1e-12
    assert attribution("vargrad", oracle, x, spread=0.0).max() < 1e-12 * slope.square().max()
    assert relative_error(attribution("smoothgrad", oracle, x, **OPTIONS), slope) > 0.1, "and noise does change it"


@pytest.mark.parametrize(("method", "kind"), list(zip(FAMILY, ("smoothgrad", "smoothgrad_sq", "vargrad"), strict=True)))
def test_captum_gives_the_same_with_the_same_noise(method: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x, module = image(), network()
    monkeypatch.setattr(torch, "normal", lambda _mean, _std: noises(x))
    tunnel = NoiseTunnel(Saliency(module))
    theirs = tunnel.attribute(x.clone(), nt_type=kind, nt_samples=DRAWS, stdevs=1.0, target=1, abs=False)
    ours = attribution(method, oracle_of(scene_of(module, x), entry(1)), x, **OPTIONS)
    assert relative_error(ours, theirs) < 1e-5


def test_the_same_seed_draws_the_same_and_two_seeds_share_no_draw() -> None:
    x = image()
    oracle = oracle_of(scene_of(network(), x), entry(1))
    first, again, other = (attribution("smoothgrad", oracle, x, draws=2, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert relative_error(other, first) > 0.1
    most = int(DRAWS_OPTION.high)
    seeds = {generator({"seed": seed}, number).initial_seed() for seed in (1, 2) for number in (0, most - 1)}
    assert seeds == {most, 2 * most - 1, 2 * most, 3 * most - 1}


def test_the_cards_say_what_is_squared_and_what_has_a_sign() -> None:
    for method in FAMILY:
        squared = method != "smoothgrad"
        assert METHODS[method].unit == ("($score per $value)²" if squared else "$score per $value")
        assert METHODS[method].signed == (not squared)
    assert "population variance" in METHODS["vargrad"].shows
    assert METHODS["vargrad"].gathered == "variance"
