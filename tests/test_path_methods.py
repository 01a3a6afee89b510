"""Expected gradients, BlurIG and guided integrated gradients: by hand, by another route, and captum's."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from captum.attr._core.gradient_shap import InputBaselineXGradient
from torch import Tensor

from gradviz_core.answers.oracle import SceneOracle
from gradviz_core.methods import blur_ig, guided_ig
from gradviz_core.methods.blurring import blurred
from gradviz_core.types.methods import METHODS, settled
from tests.oracles import MEAN, STD, Formula, attribution, entry, oracle_of, scene_of
from tests.reference import relative_error
from tests.test_integrated_gradients import blurred_by_loops, numbers
from tests.test_smoothgrad import image, network

DRAWS, SEED = 8, 3


@pytest.fixture(scope="module")
def x() -> Tensor:
    return image()


@pytest.fixture(scope="module")
def oracle(x: Tensor) -> SceneOracle:
    return oracle_of(scene_of(network(), x), entry(1))


# -------------------------------------------------------------------------------------------------- expected gradients


def drawn(x: Tensor, baselines: str, draws: int = DRAWS) -> Iterator[tuple[float, Tensor]]:
    """The share and the baseline of each draw."""
    mean, std = (torch.tensor(one, dtype=x.dtype).view(1, 3, 1, 1) for one in (MEAN, STD))
    for number in range(draws):
        source = torch.Generator().manual_seed(1024 * SEED + number)
        share = torch.rand((), generator=source).item()
        if baselines == "fixed":
            which = int(torch.randint(4, (), generator=source))
            start = (0 * x, (0 - mean) / std + 0 * x, (1 - mean) / std + 0 * x, blurred(x, 0.8))[which]
        else:
            shape = x.shape if baselines == "noise" else (1, 3, 1, 1)
            start = (torch.rand(shape, generator=source).double() - mean) / std + 0 * x
        yield share, start


@pytest.mark.parametrize("baselines", ["noise", "colours", "fixed"])
def test_expected_gradients_are_captums_with_the_same_draws(
    x: Tensor, oracle: SceneOracle, baselines: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares, starts = zip(*drawn(x, baselines), strict=True)
    monkeypatch.setattr(np.random, "uniform", lambda _low, _high, _count: np.array(shares))
    captums = InputBaselineXGradient(network())
    theirs = captums.attribute(x.repeat(DRAWS, 1, 1, 1), torch.cat(starts), target=1).mean(0)
    ours = attribution("expected_gradients", oracle, x, draws=DRAWS, baselines=baselines, seed=SEED)
    assert relative_error(ours[0], theirs) < 1e-5


def test_expected_gradients_of_a_linear_model_are_complete_in_every_draw() -> None:
    x, weights = image(), image(seed=1)
    oracle = oracle_of(scene_of(Formula(lambda x: (weights * x).sum(dim=(1, 2, 3))[:, None]), x), entry(0))
    start = torch.cat([start for _, start in drawn(x, "noise")]).mean(0)
    found = attribution("expected_gradients", oracle, x, draws=DRAWS, seed=SEED)
    assert relative_error(found, weights * (x - start)) < 1e-7


def test_expected_gradients_are_complete_in_expectation_alone(x: Tensor, oracle: SceneOracle) -> None:
    """With more draws the gap shrinks, and it is not among the methods that are called complete."""
    starts = [start for _, start in drawn(x, "colours", 512)]
    mean = sum(oracle.score(x) - oracle.score(start) for start in starts) / len(starts)
    gaps = [
        abs(
            attribution("expected_gradients", oracle, x, draws=many, baselines="colours", seed=SEED).sum().item() - mean
        )
        for many in (2, 512)
    ]
    assert gaps[1] < 0.1 * abs(mean)
    assert gaps[0] > 2 * gaps[1]
    assert METHODS["expected_gradients"].complete == ""
    assert "only in expectation" in METHODS["expected_gradients"].limits


# -------------------------------------------------------------------------------------------------------------- BlurIG


@pytest.mark.parametrize("sigma", [0.4, 1.5, 20.0])
def test_a_blur_is_the_mean_of_all_places_weighted_by_a_gaussian(x: Tensor, sigma: float) -> None:
    assert relative_error(blurred(x, sigma), blurred_by_loops(x, sigma)) < 1e-12
    assert torch.equal(blurred(x, 0.0), x)
    assert relative_error(blurred(torch.ones_like(x), sigma), torch.ones_like(x)) < 1e-12


@pytest.mark.parametrize("steps", [1, 7])
def test_blur_ig_of_a_linear_model_is_its_weights_times_what_the_blur_took(steps: int) -> None:
    x, weights = image(), image(seed=1)
    oracle = oracle_of(scene_of(Formula(lambda x: (weights * x).sum(dim=(1, 2, 3))[:, None]), x), entry(0))
    found = attribution("blur_ig", oracle, x, steps=steps, largest=0.3)
    assert relative_error(found, weights * (x - blurred_by_loops(x, 0.3 * 8))) < 1e-12


def test_blur_ig_is_the_integral_of_slope_times_what_a_little_less_blur_changes(x: Tensor, oracle: SceneOracle) -> None:
    """The formula of the paper, with the derivative of the path by differences, in many points."""
    many, little = 400, 1e-5

    def path(share: float) -> Tensor:
        return blurred(x, 0.2 * 8 * (1 - share))

    shares = [(n + 0.5) / many for n in range(many)]
    slopes = [asked.gradient for asked in oracle.each(path(share) for share in shares)]
    moves = [(path(share + little) - path(share - little)) / (2 * little) for share in shares]
    found = sum(slope * move / many for slope, move in zip(slopes, moves, strict=True))
    assert isinstance(found, Tensor)
    assert relative_error(attribution("blur_ig", oracle, x, steps=many), found) < 1e-3


def test_blur_ig_sums_to_the_score_less_that_of_the_blurred_image(x: Tensor, oracle: SceneOracle) -> None:
    true = blur_ig.total(oracle, x, settled("blur_ig", ()))
    assert true == pytest.approx(oracle.score(x) - oracle.score(blurred(x, 0.2 * 8)), abs=1e-12)
    gaps = [abs(attribution("blur_ig", oracle, x, steps=steps).sum().item() - true) for steps in (4, 512)]
    assert gaps[1] < 5e-3 * abs(true) < gaps[0]


# ----------------------------------------------------------------------------------------- guided integrated gradients


class Watched(SceneOracle):
    """An oracle that notes where it is asked."""

    def __init__(self, oracle: SceneOracle) -> None:
        vars(self).update(vars(oracle))
        self.points = list[Tensor]()

    def __call__(self, value: Tensor) -> Tensor:
        self.points.append(value)
        return super().__call__(value)


def test_the_number_with_the_smaller_slope_goes_first() -> None:
    """x² + 10 y from (0, 0) to (1, 1), one number at a time. By halves: x to 1/2 with slope 0, to 1 with slope 1, and
    then y with slope 10."""
    x = numbers(1.0, 1.0)
    both = oracle_of(scene_of(Formula(lambda x: (x[..., 0] ** 2 + 10 * x[..., 1]).flatten(1)), x), entry(0))
    watched = Watched(both)
    found = attribution("guided_ig", watched, x, steps=4, share=0.5, reach=1.0)
    assert torch.equal(
        torch.stack(watched.points).flatten(1), torch.tensor([[0, 0], [0.5, 0], [1, 0], [1, 0.5]]).double()
    )
    assert torch.equal(found, numbers(0.5, 10.0))


def test_without_reach_the_path_is_straight_and_captum_gives_the_same(x: Tensor, oracle: SceneOracle) -> None:
    theirs = IntegratedGradients(network()).attribute(x, target=1, n_steps=24, method="riemann_left")
    assert relative_error(attribution("guided_ig", oracle, x, steps=24, reach=0.0), theirs) < 1e-5


def test_each_step_goes_an_equal_share_of_the_distance_within_reach_of_the_straight_path(
    x: Tensor, oracle: SceneOracle
) -> None:
    steps, reach, watched = 20, 0.1, Watched(oracle)
    found = attribution("guided_ig", watched, x, steps=steps, reach=reach, baseline="black")
    path = torch.cat([*watched.points, x])
    start, way = path[0], x[0] - path[0]
    gone = (path - start) / way
    shares = torch.arange(steps + 1).double() / steps
    assert (gone.flatten(1).diff(dim=0) > -1e-12).all(), "no number turns back"
    assert ((gone - shares.view(-1, 1, 1, 1)).abs() <= reach + 1e-12).all()
    assert ((gone * way.abs()).sum((1, 2, 3)) / way.abs().sum() - shares).abs().max() < 1e-12
    assert ((gone - shares.view(-1, 1, 1, 1)).abs() > reach / 2).any(), "and it does leave the straight path"
    again = sum(oracle(at[None]) * (after - at) for at, after in pairwise(path))
    assert relative_error(found, again) < 1e-12


def test_guided_integrated_gradients_sum_to_the_score_less_that_of_the_baseline(x: Tensor, oracle: SceneOracle) -> None:
    true = guided_ig.total(oracle, x, settled("guided_ig", ()))
    assert true == pytest.approx(oracle.score(x) - oracle.score(0 * x), abs=1e-12)
    gaps = [abs(attribution("guided_ig", oracle, x, steps=steps).sum().item() - true) for steps in (5, 200)]
    assert gaps[1] < 0.03 * abs(true)
    assert gaps[1] < gaps[0] / 5


def test_a_slope_that_is_no_number_ends_the_path_all_the_same() -> None:
    x = numbers(1.0, 4.0)
    root = oracle_of(
        scene_of(Formula(lambda x: (x[..., 0].sqrt() + 0 * x[..., 0].log() + x[..., 1]).flatten(1)), x), entry(0)
    )
    found = attribution("guided_ig", root, x, steps=3)
    assert found.flatten()[0].isnan()
    assert found.flatten()[1] == pytest.approx(4.0)


def test_an_image_that_is_its_own_baseline_gets_zero(oracle: SceneOracle) -> None:
    nothing = torch.zeros(1, 3, 8, 8, dtype=torch.float64)
    for method in ("integrated_gradients", "guided_ig"):
        assert not attribution(method, oracle, nothing, steps=3).any()


def test_guided_ig_takes_nothing_from_an_infinite_slope_where_nothing_moves() -> None:
    """√a + 3 b with a = 0 as in the baseline: there the slope is infinite, and the way is zero."""
    x = torch.tensor([0.0, 2.0, 0.0]).view(1, 3, 1, 1).double()
    rooted = Formula(lambda x: (x[:, :1].sqrt() + 3 * x[:, 1:2]).flatten(1))
    found = attribution("guided_ig", oracle_of(scene_of(rooted, x), entry(0)), x, steps=3)
    assert found.flatten().tolist() == pytest.approx([0, 6, 0])
