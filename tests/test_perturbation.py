"""A small change of the picture along a gradient: its predicted and actual effect, and its limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core import images
from gradviz_core.answering import Answerer
from gradviz_core.answers.load import load
from gradviz_core.errors import BadTarget, QuestionError, UnknownSite, Unreachable
from gradviz_core.methods.perturbation import Network, curve, direction, in_whole_levels, walk
from gradviz_core.models import architectures
from gradviz_core.types import Norm, Preprocessing
from tests import zoo

MODEL, IMAGE = "preset/shapes-cnn", "sample/star"
PLAIN = Preprocessing((8, 8), None, (0.4, 0.5, 0.6), (0.2, 0.25, 0.5))
NORMS: tuple[Norm, Norm] = ("max", "l2")
STAR = gv.ClassScore(5)


def _levels(seed: int = 0, dtype: torch.dtype = torch.float64, low: int = 60, high: int = 196) -> Tensor:
    return torch.randint(low, high, (1, 3, 8, 8), generator=torch.Generator().manual_seed(seed)).to(dtype)


def _linear() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 4)).double()


def _curved() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 6, 3), nn.Tanh(), nn.Flatten(), nn.Linear(216, 4)).double()


def _asked(
    *,
    target: gv.Target = STAR,
    norm: Norm = "max",
    epsilon: int = 2,
    steps: int = 1,
    away: bool = False,
) -> gv.PerturbationAnswer:
    question = gv.PerturbationQuestion(
        model=MODEL, image=IMAGE, target=target, norm=norm, epsilon=epsilon, steps=steps, away=away
    )
    answer = gv.answer(question)
    assert answer.question == question
    return answer


def _change(answer: gv.PerturbationAnswer) -> np.ndarray:
    return answer.after.astype(np.float64) - answer.pixels


# ------------------------------------------------------------------------------------------------- predicted and actual


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("away", [False, True])
@pytest.mark.parametrize("steps", [1, 3])
def test_a_linear_model_changes_as_predicted(norm: Norm, away: bool, steps: int) -> None:
    network = Network.of(_linear(), gv.ClassScore(2), PLAIN, _levels())
    first = network.slope(_levels())
    walked = walk(network, _levels(), first, norm, 7.0, steps, away)
    np.testing.assert_allclose(walked.predicted, walked.actual, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(walked.sizes, np.linspace(0, 7, steps + 1), rtol=1e-11)
    predicted, actual = curve(network, _levels(), first, norm, away, (0.0, 1.0, 7.0))
    np.testing.assert_allclose(predicted, actual, rtol=1e-11, atol=1e-12)
    assert predicted[-1] == pytest.approx(walked.predicted[-1])


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("steps", [1, 3])
def test_the_prediction_is_for_the_steps_as_they_were_clipped(norm: Norm, steps: int) -> None:
    """From 250 levels a step of 20 upwards is cut to 5; a linear model then still changes as predicted."""
    levels = torch.full((1, 3, 8, 8), 250.0, dtype=torch.float64)
    network = Network.of(_linear(), gv.ClassScore(2), PLAIN, levels)
    first = network.slope(levels)
    epsilon = 20.0 if norm == "max" else 400.0
    walked = walk(network, levels, first, norm, epsilon, steps, away=False)
    np.testing.assert_allclose(walked.predicted, walked.actual, rtol=1e-11, atol=1e-12)
    assert walked.levels.max() == 255
    upwards = int((first.gradient > 0).sum())
    assert walked.cut == upwards if norm == "max" else 0 < walked.cut <= upwards
    predicted, actual = curve(network, levels, first, norm, False, (epsilon,))
    np.testing.assert_allclose(predicted, actual, rtol=1e-11, atol=1e-12)
    assert steps > 1 or predicted[0] == pytest.approx(walked.predicted[-1], rel=1e-11)


def test_a_number_that_any_step_cuts_is_counted_once() -> None:
    """A score that is highest at 253 levels, from 250 in two steps of 10: up to 255, and back to 245."""

    class Peak(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            mean, std = (torch.tensor(numbers, dtype=x.dtype)[:, None, None] for numbers in (PLAIN.mean, PLAIN.std))
            return -(255 * (x * std + mean) - 253).square().flatten(1).sum(1, keepdim=True)

    levels = torch.full((1, 3, 8, 8), 250.0, dtype=torch.float64)
    network = Network.of(Peak(), gv.ClassScore(0), PLAIN, levels)
    walked = walk(network, levels, network.slope(levels), "max", 20.0, 2, away=False)
    torch.testing.assert_close(walked.levels, torch.full_like(levels, 245.0))
    np.testing.assert_allclose(walked.sizes, [0, 5, 5])
    np.testing.assert_allclose(walked.predicted, [0, 192 * 30, 192 * (30 + 40)], rtol=1e-5)
    np.testing.assert_allclose(walked.actual, [0, 192 * 5, -192 * 55], rtol=1e-5)
    assert walked.cut == 192


def test_a_step_by_hand() -> None:
    """The weight of a pixel, over 255 and over its channel's standard deviation, is the gradient per level."""
    module = _linear()
    weight = module[1].weight[2].detach().reshape(1, 3, 8, 8)  # type: ignore[index]
    expected = weight / (255 * torch.tensor(PLAIN.std)[:, None, None].double())
    network = Network.of(module, gv.ClassScore(2), PLAIN, _levels())
    first = network.slope(_levels())
    walked = walk(network, _levels(), first, "max", 3.0, 1, away=False)
    torch.testing.assert_close(first.gradient, expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(walked.levels, _levels() + 3 * weight.sign())
    assert walked.actual[-1] == pytest.approx(3 * expected.abs().sum().item(), rel=1e-6)
    along = walk(network, _levels(), first, "l2", 3.0, 1, away=False)
    assert along.actual[-1] == pytest.approx(3 * expected.norm().item(), rel=1e-6)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("away", [False, True])
def test_the_curve_begins_with_the_predicted_slope(norm: Norm, away: bool) -> None:
    network = Network.of(_curved(), gv.ClassScore(1, "probability"), PLAIN, _levels())
    first = network.slope(_levels())
    for size, within in ((1e-2, 1e-3), (1e-3, 1e-4)):
        (predicted,), (actual,) = curve(network, _levels(), first, norm, away, (size,))
        assert actual == pytest.approx(predicted, rel=within)
        assert (actual < 0) == away
    (predicted,), (actual,) = curve(network, _levels(), first, norm, away, (200.0,))
    assert abs(actual - predicted) > 0.05 * abs(predicted), "far away it bends"


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(
    "target",
    [
        STAR,
        gv.ClassScore(2, "log_probability"),
        gv.ClassDifference(2, 5),
        gv.CrossEntropy(2),
        gv.Unit(gv.Site("features.7"), (2, 5, 6)),
        gv.ChannelMean(gv.Site("features.4"), 2),
    ],
    ids=str,
)
def test_towards_raises_any_target_and_away_lowers_it(norm: Norm, target: gv.Target) -> None:
    epsilon = 1 if norm == "max" else 60
    for away in (False, True):
        answer = _asked(target=target, norm=norm, epsilon=epsilon, away=away)
        assert (answer.score_after < answer.score) == away
        assert (answer.predicted_change < 0) == away
        assert answer.score_after - answer.score == pytest.approx(answer.predicted_change, rel=0.5)
        if isinstance(target, gv.ClassScore | gv.ClassDifference | gv.CrossEntropy):
            target = replace(target, head=gv.Head("", reading="softmax_logits"))
        assert answer.target == target


def test_several_steps_go_further_than_one_of_the_same_size() -> None:
    one, several = (_asked(target=gv.ClassScore(2), epsilon=8, steps=steps) for steps in (1, 8))
    assert several.score_after > one.score_after
    assert several.arrays["path_size"].tolist() == pytest.approx(range(9), abs=1e-4)
    assert len(one.arrays["path_size"]) == 2


# --------------------------------------------------------------------------------------------------------- the picture


@pytest.mark.parametrize("steps", [1, 3, 7])
@pytest.mark.parametrize(("norm", "epsilon"), [("max", 1), ("max", 30), ("max", 255), ("l2", 40), ("l2", 3000)])
def test_the_change_keeps_its_bound_and_the_picture_its_range(norm: Norm, epsilon: int, steps: int) -> None:
    answer = _asked(norm=norm, epsilon=epsilon, steps=steps)
    change = _change(answer)
    size = np.abs(change).max() if norm == "max" else np.sqrt(np.square(change).sum())
    assert answer.after.dtype == np.uint8
    assert answer.size == pytest.approx(size)
    assert 0 < answer.size <= epsilon
    assert answer.predicted_change == pytest.approx(
        (answer.arrays["gradient"][0].astype(np.float64) * change.transpose(2, 0, 1)).sum()
    )


def test_what_would_leave_the_range_is_cut_and_counted() -> None:
    answer = _asked(epsilon=255)
    ways = np.sign(answer.arrays["gradient"][0].transpose(1, 2, 0))
    wanted = answer.pixels + 255.0 * ways
    np.testing.assert_array_equal(answer.after, wanted.clip(0, 255))
    assert answer.cut == ((wanted < 0) | (wanted > 255)).sum() > 0
    assert _asked(epsilon=1).cut < answer.cut


@pytest.mark.parametrize("target", [STAR, gv.Unit(gv.Site("features.7"), (2, 5, 6))], ids=str)
@pytest.mark.parametrize("norm", NORMS)
def test_the_picture_shown_is_the_one_that_was_evaluated(norm: Norm, target: gv.Target) -> None:
    answer = _asked(target=target, norm=norm, epsilon=3 if norm == "max" else 400, steps=2)
    model = load(MODEL)
    x = torch.from_numpy(images.normalise(answer.after, model.card.preprocessing))
    found = gv.trace.gradients(model.module, x, target=target)
    assert answer.score_after == found.score
    logits = model.module(x)[0]
    assert [p.logit for p in answer.prediction_after] == [logits[p.index].item() for p in answer.prediction_after]
    assert answer.prediction_after[0].index == logits.argmax()
    assert {p.index for p in answer.prediction} == {p.index for p in answer.prediction_after}


def test_one_sign_step_in_whole_levels_is_the_marked_point_of_the_curve() -> None:
    answer = _asked(epsilon=4)
    assert answer.arrays["curve_size"].tolist() == pytest.approx([0, 4 / 3, 8 / 3, 4, 16 / 3, 20 / 3, 8])
    assert answer.arrays["curve_size"][3] == 4
    assert answer.notes == ()
    assert answer.arrays["curve_actual"][3] == pytest.approx(answer.score_after - answer.score, rel=1e-5)
    assert answer.arrays["curve_predicted"][3] == pytest.approx(answer.predicted_change, rel=1e-9)
    assert answer.arrays["path_actual"][-1] == answer.arrays["curve_actual"][3]
    assert answer.arrays["curve_actual"][0] == answer.arrays["curve_predicted"][0] == 0


@pytest.mark.parametrize("seed", range(5))
def test_whole_levels_are_near_and_keep_the_bound(seed: int) -> None:
    start = _levels(seed)
    way = torch.randn(start.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    for epsilon in (5.0, 30.0, 400.0):
        end = (start + epsilon * way / way.norm()).clamp(0, 255)
        whole = in_whole_levels(start, end, "l2", epsilon) - start[0].numpy()
        wanted = (end - start)[0].numpy()
        assert np.sqrt(np.square(whole).sum()) <= epsilon
        assert np.abs(whole - wanted).max() < 1
        back = np.abs(whole - wanted) > 0.5
        assert (np.abs(whole) < np.abs(wanted))[back].all(), "only downwards"
    nearest = in_whole_levels(start, start + 2.4 * way.sign(), "max", 2.4) - start[0].numpy()
    np.testing.assert_array_equal(nearest, 2 * way[0].sign().numpy())


# ------------------------------------------------------------------------------------------------- nothing to follow


def _dead_unit() -> gv.Unit:
    value = gv.answer(gv.GradientQuestion(model=MODEL, image=IMAGE, wrt=(gv.Site("features.8"),)))
    channel, row, column = np.argwhere(value.activations[gv.Site("features.8")][0] == 0)[0]
    return gv.Unit(gv.Site("features.8"), (int(channel), int(row), int(column)))


def test_a_dead_unit_leaves_nothing_to_follow() -> None:
    answer = _asked(target=_dead_unit(), epsilon=20, steps=5)
    (note,) = answer.notes
    assert "no direction to follow" in note
    assert answer.size == answer.cut == answer.predicted_change == 0
    np.testing.assert_array_equal(answer.after, answer.pixels)
    assert answer.score == answer.score_after
    assert answer.arrays["curve_size"].tolist() == answer.arrays["path_size"].tolist() == [0]


def test_a_gradient_that_ends_on_the_way_ends_the_walk() -> None:
    """The score falls with every level until a ReLU is off."""
    module = nn.Sequential(nn.Flatten(), nn.Linear(192, 1), nn.ReLU()).double()
    with torch.no_grad():
        module[1].bias.fill_(100.0)  # type: ignore[operator]
        module[1].weight.fill_(1.0)  # type: ignore[operator]
    start = torch.full((1, 3, 8, 8), 120.0, dtype=torch.float64)
    network = Network.of(module, gv.ClassScore(0), PLAIN, start)
    walked = walk(network, start, network.slope(start), "max", 100.0, 10, away=True)
    assert 1 < len(walked.sizes) - 1 < 10
    assert network.value(walked.levels) == 0


def test_a_change_that_rounds_to_nothing_says_so() -> None:
    answer = _asked(norm="l2", epsilon=1)
    assert answer.size == 0
    assert any("less" in n or "half a level" in n for n in answer.notes)


def test_a_tiny_gradient_still_has_a_direction() -> None:
    gradient = torch.full((1, 3, 8, 8), 1e-30)
    way = direction(gradient, "l2", away=False)
    assert way is not None
    assert float(way.norm()) == pytest.approx(1, rel=1e-5)


# ------------------------------------------------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("epsilon", "steps", "norm", "sentence"),
    [
        (0, 1, "max", "1 to 255 levels"),
        (256, 1, "max", "Epsilon is 256"),
        (10**6, 1, "l2", "Epsilon is 1000000"),
        (42_401, 1, "l2", "1 to 42400 levels"),
        (1, 0, "max", "number of steps is 0;"),
        (1, 21, "l2", "choose 1 to 20"),
    ],
)
def test_numbers_out_of_range_are_refused(epsilon: int, steps: int, norm: Norm, sentence: str) -> None:
    with pytest.raises(QuestionError, match=sentence):
        _asked(epsilon=epsilon, steps=steps, norm=norm)


def test_what_is_not_there_or_leads_nowhere_is_refused() -> None:
    with pytest.raises(BadTarget, match="Class 99 does not exist"):
        _asked(target=gv.ClassScore(99))
    with pytest.raises(UnknownSite):
        _asked(target=gv.Unit(gv.Site("nowhere"), (0, 0, 0)))

    class Cut(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.detach().flatten(1)

    network = Network.of(Cut(), gv.ClassScore(0), PLAIN, _levels(dtype=torch.float32))
    with pytest.raises(Unreachable):
        network.slope(_levels(dtype=torch.float32))


def test_a_gradient_that_is_not_finite_shows_no_way() -> None:
    class Root(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x - x).flatten(1).sqrt()

    network = Network.of(Root(), gv.ClassScore(0), PLAIN, _levels())
    with pytest.raises(QuestionError, match="not finite"):
        network.slope(_levels())


# ------------------------------------------------------------------------------------------- the same, however asked


@pytest.mark.parametrize("build", [zoo.InPlace, zoo.WritesInput, zoo.Reused, architectures.ShapesResNet])
def test_models_that_write_in_place_are_differentiated_as_they_are(build: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    module = build().double().eval()
    start = _levels()
    kept = start.clone()
    network = Network.of(module, gv.ClassScore(1), PLAIN, start)
    first = network.slope(start)
    (predicted,), (actual,) = curve(network, start, first, "l2", False, (1e-4,))
    assert actual == pytest.approx(predicted, rel=1e-3)
    assert torch.equal(start, kept)


def test_the_same_question_gets_the_same_arrays_whatever_was_asked_before() -> None:
    question = gv.PerturbationQuestion(
        model="preset/shapes-resnet",
        image=IMAGE,
        target=gv.Unit(gv.Site("layer3.0.relu", 1), (1, 2, 3)),
        epsilon=3,
        steps=2,
    )
    alone, warm = gv.answer(question), Answerer("cpu")
    warm.answer(gv.SurveyQuestion(model="preset/shapes-resnet", image=IMAGE))
    for _ in range(2):
        again = warm.answer(question)
        assert isinstance(again, gv.PerturbationAnswer)
        assert again.arrays.keys() == alone.arrays.keys()
        assert all(np.array_equal(again.arrays[name], alone.arrays[name]) for name in alone.arrays)
        assert (again.score, again.score_after) == (alone.score, alone.score_after)
        assert again.prediction_after == alone.prediction_after
        again.arrays["pixels"][...] = 0


def test_the_predicted_class_stays_the_same_class_on_the_way() -> None:
    answer = _asked(target=gv.ClassScore(), epsilon=12, steps=6, away=True)
    assert answer.target == gv.ClassScore(answer.prediction[0].index, head=gv.Head("", reading="softmax_logits"))
    assert answer.prediction_after[0].index != answer.prediction[0].index, "so much away turns it over"
    assert answer.score_after < answer.score
