"""What is no gradient: by hand, against captum, and by the masks themselves; and scores of many points at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import Occlusion
from torch import Tensor, nn

from gradviz_core.answers import gradient
from gradviz_core.answers import oracle as oracles
from gradviz_core.answers.scene import Clock
from gradviz_core.drawing import screen
from gradviz_core.drawing.screen.arrays import MARK
from gradviz_core.errors import QuestionError
from gradviz_core.methods import occlusion, rise
from gradviz_core.types import INPUT, ClassScore, GradientQuestion, Site, Unit
from gradviz_core.types.looks import Look
from gradviz_core.types.methods import OptionValues, settled
from tests.oracles import Formula, entry, scene_of
from tests.own_oracle import attributed, oracle_of
from tests.reference import relative_error
from tests.zoo import build


@pytest.fixture(scope="module")
def x() -> Tensor:
    return torch.randn(1, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))


class Weighted(nn.Module):
    """Two linear scores of an image of one channel."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weight.flatten(1).T + 3.0


LINEAR = Weighted(torch.stack([torch.arange(16.0).view(4, 4), torch.ones(4, 4)]))


# -------------------------------------------------------------------------------------------------------------- scores


@pytest.mark.parametrize("name", ["in-place", "functional", "train-mode-norm"])
def test_scores_of_many_points_are_those_of_each_alone_whether_a_batch_mixes_them_or_not(name: str, x: Tensor) -> None:
    module = build(name)
    points = [x * k for k in range(1, 12)]
    found = list(oracle_of(module, x, ClassScore(2)).scores(points))
    true = [module(point)[0, 2].item() for point in points]
    assert found == pytest.approx(true, rel=1e-10)


def test_scores_take_no_way_back_and_points_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []

    def points() -> Iterator[Tensor]:
        for k in range(20):
            taken.append(k)
            yield torch.ones(1, 1, 4, 4) * k

    oracle = oracle_of(LINEAR, torch.ones(1, 1, 4, 4))
    next(oracle.scores(points()))
    monkeypatch.setattr(oracles, "differentiate", None)
    monkeypatch.setattr(oracles, "differentiate_each", None)
    taken.clear()
    scores = oracle.scores(points())
    assert next(scores) == 3
    assert taken == list(range(oracles.TOGETHER))
    assert list(scores) == [120.0 * k + 3 for k in range(1, 20)]
    with pytest.raises(QuestionError, match="a value of shape"):
        list(oracle.scores([torch.ones(1, 1, 3, 4)]))


# ----------------------------------------------------------------------------------------------------------- occlusion


def test_occlusion_by_hand() -> None:
    """Four windows of 2x2 that do not meet: each pixel has the sum of weight times value over its window."""
    found, _ = attributed("occlusion", LINEAR, torch.ones(1, 1, 4, 4), rows=2, size=0.5)
    assert found[0, 0].tolist() == [[10, 10, 18, 18], [10, 10, 18, 18], [42, 42, 50, 50], [42, 42, 50, 50]]


def test_a_window_as_large_as_the_image_is_the_whole_difference_and_pixels_under_none_are_zero() -> None:
    image = torch.full((1, 1, 4, 4), 2.0)
    whole, _ = attributed("occlusion", LINEAR, image, rows=2, size=1.0)
    assert torch.equal(whole, torch.full_like(image, 2 * 120.0))
    corners, _ = attributed("occlusion", LINEAR, image, rows=2, size=0.25)
    assert corners[0, 0].tolist() == [[0, 0, 0, 6], [0, 0, 0, 0], [0, 0, 0, 0], [24, 0, 0, 30]]
    same, _ = attributed("occlusion", LINEAR, image, rows=2, size=0.25, baseline="blurred")
    assert same.abs().max() < 1e-4, "an image of one colour is not changed by its blur"


@pytest.mark.parametrize("name", ["in-place", "functional", "attention"])
def test_occlusion_is_captums_with_the_same_windows(name: str, x: Tensor) -> None:
    """Windows of 4 in steps of 2, which overlap; captum gives each channel what all of them together have, in
    float32."""
    module = build(name)
    found, _ = attributed("occlusion", module, x, ClassScore(1), rows=3, size=0.5)
    captums = Occlusion(module).attribute(x, (3, 4, 4), strides=(3, 2, 2), target=1, baselines=0)
    assert relative_error(3 * found, captums) < 1e-6
    assert not torch.equal(found[..., :4, :4], found[..., 4:, 4:])


def test_each_row_is_the_same_whichever_part_it_comes_in(x: Tensor) -> None:
    oracle, options = oracle_of(build("pools"), x), settled("occlusion", (("rows", 4),))
    whole = list(occlusion.occlusion(oracle, x, options, range(4)))
    parts = [*occlusion.occlusion(oracle, x, options, range(1)), *occlusion.occlusion(oracle, x, options, range(1, 4))]
    assert all(map(torch.equal, whole, parts))


# ---------------------------------------------------------------------------------------------------------------- rise


def test_rise_with_all_cells_open_is_the_score(x: Tensor) -> None:
    module = build("in-place")
    found, _ = attributed("rise", module, x, masks=3, share=1.0)
    assert torch.allclose(found, torch.full_like(x, module(x)[0, 0].item() / 3))


def test_rise_is_the_mean_of_masks_weighted_by_the_score_of_what_is_seen(x: Tensor) -> None:
    module = build("tuple")
    options = settled("rise", (("masks", 11), ("cells", 3), ("share", 0.4), ("seed", 5)))
    found, _ = attributed("rise", module, x, ClassScore(3), masks=11, cells=3, share=0.4, seed=5)
    masks = [rise.mask(x, options, n) for n in range(11)]
    true = sum(module(x * one)[0][0, 3] * one for one in masks) / (11 * 0.4)
    assert isinstance(true, Tensor)
    assert relative_error(found.sum(1, keepdim=True), true) < 1e-12
    assert torch.equal(found[:, 0], found[:, 2])


def test_masks_are_soft_differ_and_are_open_as_often_as_is_said(x: Tensor) -> None:
    options = settled("rise", (("cells", 4), ("share", 0.3)))
    masks = torch.stack([rise.mask(x, options, n) for n in range(600)])
    assert masks.shape == (600, 1, 1, 8, 8)
    assert masks.min() == 0
    assert masks.max() == 1
    assert ((masks > 0) & (masks < 1)).double().mean() > 0.2
    assert (masks.mean(0) - 0.3).abs().max() < 0.08
    assert torch.equal(masks[7], rise.mask(x, options, 7))
    assert not torch.equal(masks[7], masks[8])


def test_in_a_linear_model_rise_finds_the_weights() -> None:
    """The mean is a constant and (1 - share) · weight · value, but for the draw of the masks."""
    weight = torch.arange(16.0) - 7.5
    found, _ = attributed(
        "rise", Weighted(weight.view(1, 4, 4).repeat(2, 1, 1)), torch.ones(1, 1, 4, 4), masks=800, cells=4
    )
    assert torch.corrcoef(torch.stack([found.flatten(), weight]))[0, 1] > 0.9


def test_both_take_any_score(x: Tensor) -> None:
    unit = Unit(Site("conv2"), (1, 2, 3))
    for method, options in (("occlusion", {"rows": 4, "size": 0.2}), ("rise", {"masks": 9})):
        found, _ = attributed(method, build("in-place"), x, unit, **options)
        assert found.shape == x.shape
        assert found.any()


# -------------------------------------------------------------------------------------------------- without a gradient


def above(image: Tensor) -> Tensor:
    return (image > 0.5).float()


def step(image: Tensor) -> Tensor:
    """The same by an operation for which PyTorch has no derivative."""
    return torch.heaviside(image - 0.5, torch.zeros(()))


@pytest.mark.parametrize(("threshold", "why"), [(above, "No gradient of"), (step, "no derivative for .*heaviside")])
@pytest.mark.parametrize(
    ("method", "options"), [("occlusion", (("rows", 2), ("size", 0.5))), ("rise", ()), ("kernelshap", ())]
)
def test_what_asks_for_scores_alone_has_a_map_where_no_gradient_reaches(
    method: str, options: OptionValues, threshold: Callable[[Tensor], Tensor], why: str
) -> None:
    def count(image: Tensor) -> Tensor:
        lit = threshold(image).flatten(1).sum(1, keepdim=True)
        return torch.cat([lit, torch.zeros_like(lit)], dim=1)

    scene = scene_of(Formula(count), torch.ones(1, 3, 4, 4))
    question = GradientQuestion(model="", image="", target=entry(0), method=method, options=options)
    found = gradient.answer(scene, question, (), Clock(torch.device("cpu"), 0.0))
    assert found.unreached == (INPUT,)
    assert found.attributions[INPUT].max() > 0
    if method == "occlusion":
        assert found.attributions[INPUT] == pytest.approx(np.full((1, 3, 4, 4), 4.0))
    with pytest.raises(QuestionError, match=why):
        gradient.answer(scene, replace(question, method="gradient", options=()), (), Clock(torch.device("cpu"), 0.0))


def test_a_large_map_without_a_gradient_is_drawn_as_well() -> None:
    scene = scene_of(Formula(lambda image: above(image).sum((1, 2, 3)).reshape(1, 1)), torch.ones(1, 3, 1200, 1200))
    options: OptionValues = (("rows", 2), ("size", 0.5))
    question = GradientQuestion(model="", image="", target=entry(0), method="occlusion", options=options)
    found = gradient.answer(scene, question, (), Clock(torch.device("cpu"), 0.0))
    shown = screen.fit(found, Look())
    assert MARK in shown.arrays
    assert any(name.startswith(f"attribution/{INPUT}") for name in shown.arrays)
