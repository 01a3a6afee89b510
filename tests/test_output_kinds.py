"""Scores of each kind of output, of one label and of many: value and gradient worked out by hand, with NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn

from gradviz_core.errors import BadTarget
from gradviz_core.tracing import trace
from gradviz_core.types import INPUT, ClassDifference, ClassScore, CrossEntropy, ScoreScale, Target
from gradviz_core.types.heads import Head, OutputKind

Numbers = npt.NDArray[np.float64]
LOGITS = (1.5, -0.7, 0.4, 2.2)
KINDS: tuple[OutputKind, ...] = get_args(OutputKind)


class Returns(nn.Module):
    """Returns what it is given: the gradient at the input is then that of the score by the output's numbers."""

    def forward(self, x: Tensor) -> Tensor:
        return x


def ask(numbers: Numbers, target: Target) -> tuple[float, Numbers]:
    x = torch.from_numpy(numbers)[None]
    found = trace.gradients(Returns(), x, target=target)
    assert isinstance(found.score, float)
    return found.score, found.gradients[INPUT][0].numpy()


def sigmoid(z: Numbers) -> Numbers:
    result: Numbers = 1 / (1 + np.exp(-z))
    return result


def numbers_of(kind: OutputKind, count: int) -> Numbers:
    """Numbers that an output of this kind could hold."""
    z = np.array(LOGITS[:count])
    if kind == "probabilities":
        return sigmoid(z)
    return np.log(sigmoid(z)) if kind == "log_probabilities" else z


def one_hot(k: int, count: int) -> Numbers:
    here: Numbers = np.eye(count)[k]
    return here


def probability(kind: OutputKind, x: Numbers, k: int) -> tuple[float, Numbers]:
    """P, the probability of class k, and ∂p/∂x: p (δ - p) for a softmax, p (1 - p) for a sigmoid, 1 where it is p, and
    p where it is log p."""
    here = one_hot(k, len(x))
    match kind:
        case "softmax_logits":
            p = np.exp(x) / np.exp(x).sum()
            return p[k], p[k] * (here - p)
        case "sigmoid_logits":
            p = sigmoid(x)
            return p[k], p[k] * (1 - p[k]) * here
        case "probabilities":
            return x[k], here
        case _:
            return np.exp(x[k]), np.exp(x[k]) * here


def by_hand(kind: OutputKind, x: Numbers, target: ClassScore) -> tuple[float, Numbers]:
    """Value and gradient of the score, from p, ∂p and the chain rule."""
    assert target.index is not None
    if target.scale == "logit":
        sign = -1.0 if target.against else 1.0
        return sign * x[target.index], sign * one_hot(target.index, len(x))
    p, slope = probability(kind, x, target.index)
    if target.against:
        p, slope = 1 - p, -slope
    return (np.log(p), slope / p) if target.scale == "log_probability" else (p, slope)


@pytest.mark.parametrize("against", [False, True])
@pytest.mark.parametrize("scale", get_args(ScoreScale))
@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_value_and_gradient_by_hand(kind: OutputKind, count: int, scale: ScoreScale, against: bool) -> None:
    x = numbers_of(kind, count)
    target = ClassScore(count - 1, scale, Head(reading=kind), against)
    without = kind == "numbers" or (kind == "softmax_logits" and count == 1)
    if scale != "logit" and without:
        with pytest.raises(BadTarget, match="plain numbers" if kind == "numbers" else "softmax over one class"):
            ask(x, target)
        return
    score, slope = ask(x, target)
    true, true_slope = by_hand(kind, x, target)
    assert score == pytest.approx(true, rel=1e-12)
    np.testing.assert_allclose(slope, true_slope, rtol=1e-11, atol=1e-15)
    assert np.abs(slope).max() > 0, "no score has a gradient of zero for all inputs"


@pytest.mark.parametrize(
    ("kind", "numbers", "against", "score", "slope"),
    [
        ("softmax_logits", (0.0, 200.0, 0.0), False, -200.0, (1.0, -1.0, 0.0)),
        ("softmax_logits", (200.0, 0.0, -50.0), True, -200.0, (-1.0, 1.0, 0.0)),
        ("sigmoid_logits", (-200.0, 0.0), False, -200.0, (1.0, 0.0)),
        ("sigmoid_logits", (200.0, 0.0), True, -200.0, (-1.0, 0.0)),
        ("log_probabilities", (-200.0, 0.0), False, -200.0, (1.0, 0.0)),
        ("log_probabilities", (-(2.0**-50), 0.0), True, -50 * np.log(2), (-(2.0**50), 0.0)),
        ("log_probabilities", (-200.0, 0.0), True, -np.exp(-200.0), (-np.exp(-200.0), 0.0)),
    ],
)
def test_log_probabilities_far_from_a_half_keep_their_digits(
    kind: OutputKind, numbers: tuple[float, ...], against: bool, score: float, slope: tuple[float, ...]
) -> None:
    """Where the probability itself is 0 or 1 to all digits, or its logarithm would be infinite in float32."""
    target = ClassScore(0, "log_probability", Head(reading=kind), against)
    for dtype, within in ((torch.float64, 1e-12), (torch.float32, 1e-6)):
        found = trace.gradients(Returns(), torch.tensor([numbers], dtype=dtype), target=target)
        if dtype == torch.float64 or abs(score) > 1e-30:
            assert found.score == pytest.approx(score, rel=within, abs=0)
            np.testing.assert_allclose(found.gradients[INPUT][0], slope, rtol=within, atol=1e-15)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 4])
def test_cross_entropy_by_hand(kind: OutputKind, count: int) -> None:
    """-log p of the label; an output of one number is that of label 1, and label 0 is the other one, -log(1 - p)."""
    x = numbers_of(kind, count)
    if kind == "numbers" or (kind == "softmax_logits" and count == 1):
        with pytest.raises(BadTarget):
            ask(x, CrossEntropy(0, Head(reading=kind)))
        return
    for label in range(count) if count > 1 else (0, 1):
        loss, slope = ask(x, CrossEntropy(label, Head(reading=kind)))
        p, p_slope = probability(kind, x, label if count > 1 else 0)
        if count == 1 and label == 0:
            p, p_slope = 1 - p, -p_slope
        assert loss == pytest.approx(-np.log(p), rel=1e-12)
        np.testing.assert_allclose(slope, -p_slope / p, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize(
    ("kind", "numbers", "fits"),
    [
        ("probabilities", [0.0, 1.0], True),
        ("probabilities", [0.5, 1.001], True),
        ("probabilities", [0.5, 1.02], False),
        ("probabilities", [-0.02, 0.5], False),
        ("probabilities", [0.5, 1.2], False),
        ("probabilities", [-0.2, 0.5], False),
        ("log_probabilities", [-3.0, 0.0], True),
        ("log_probabilities", [-3.0, 0.2], False),
        ("log_probabilities", [-3.0, 0.02], False),
    ],
)
@pytest.mark.parametrize("target", [ClassScore, lambda index, head: CrossEntropy(index, head=head)])
def test_what_cannot_be_a_probability_is_not_read_as_one(
    kind: OutputKind, numbers: list[float], fits: bool, target: Callable[..., Target]
) -> None:
    asked = target(index=0, head=Head(reading=kind))
    if fits:
        ask(np.array(numbers), asked)
        return
    rule = "is between 0 and 1" if kind == "probabilities" else "is never above 0"
    with pytest.raises(BadTarget, match=f"its numbers go from .* {rule}. Choose another output kind"):
        ask(np.array(numbers), asked)


def test_one_number_has_two_labels() -> None:
    with pytest.raises(BadTarget, match="Label 2 does not exist: an output of one number has label 1"):
        ask(numbers_of("sigmoid_logits", 1), CrossEntropy(2, Head(reading="sigmoid_logits")))


@pytest.mark.parametrize("kind", KINDS)
def test_a_difference_is_one_of_numbers(kind: OutputKind) -> None:
    x = numbers_of(kind, 4)
    score, slope = ask(x, ClassDifference(3, 1, Head(reading=kind)))
    assert score == pytest.approx(x[3] - x[1], rel=1e-12)
    assert slope.tolist() == [0, -1, 0, 1]


@pytest.mark.parametrize("target", [ClassDifference(2, 2), ClassDifference(None, 3)])
def test_a_class_minus_itself_is_refused(target: Target) -> None:
    with pytest.raises(BadTarget, match="minus itself is 0 for every image"):
        ask(numbers_of("softmax_logits", 4), target)


def test_a_guess_promises_no_probability_and_one_that_is_asked_for_is_a_sigmoid() -> None:
    """One number may be anything: its score is the number itself, unless someone asks for its probability."""
    x = np.array([0.8])
    found = trace.gradients(Returns(), torch.from_numpy(x)[None], target=ClassScore())
    assert found.target == ClassScore(0, head=Head("", reading="numbers"))
    assert (found.score, found.gradients[INPUT].tolist()) == (0.8, [[1.0]])
    p = sigmoid(x)[0]
    for target, true, slope in (
        (ClassScore(0, "probability"), p, p * (1 - p)),
        (ClassScore(0, "log_probability", against=True), np.log(1 - p), -p),
        (CrossEntropy(1), -np.log(p), p - 1),
    ):
        found = trace.gradients(Returns(), torch.from_numpy(x)[None], target=target)
        assert found.score == pytest.approx(true, rel=1e-12)
        assert found.gradients[INPUT].item() == pytest.approx(slope, rel=1e-12)
        assert isinstance(found.target, ClassScore | CrossEntropy)
        assert found.target.head.reading == "sigmoid_logits"
        assert trace.gradients(Returns(), torch.from_numpy(x)[None], target=found.target).score == found.score


# ------------------------------------------------------------------------------------------------------------- extremes


def in_single_precision(numbers: list[float], target: Target) -> tuple[float, list[float]]:
    score, slope = ask(np.array(numbers, np.float32), target)
    assert np.isfinite(score)
    assert np.isfinite(slope).all()
    return score, slope.tolist()


def test_logits_far_apart_keep_their_logarithms() -> None:
    """A log p of -200, although p = exp(-200) is nothing in single precision; and 1 - p where p is next to 1."""
    logits = [200.0, 0.0, -3.0]
    assert in_single_precision(logits, ClassScore(1, "log_probability")) == (-200.0, [-1.0, 1.0, 0.0])
    score, slope = in_single_precision(logits, ClassScore(0, "log_probability", against=True))
    rest = np.log(1 + np.exp(-3.0))
    assert score == pytest.approx(rest - 200, rel=1e-6)
    assert slope == pytest.approx([-1, 1 / (1 + np.exp(-3.0)), np.exp(-3.0) / (1 + np.exp(-3.0))], rel=1e-6)
    assert in_single_precision([30.0, 0.0], ClassScore(0, "probability", against=True))[0] == pytest.approx(
        np.exp(-30.0) / (1 + np.exp(-30.0)), rel=1e-6
    )


@pytest.mark.parametrize(("z", "against"), [(-800.0, False), (800.0, True)])
def test_a_sigmoid_far_out_keeps_its_logarithm(z: float, against: bool) -> None:
    target = ClassScore(0, "log_probability", Head(reading="sigmoid_logits"), against)
    assert in_single_precision([z], target) == (-800.0, [-1.0 if against else 1.0])
    loss = in_single_precision([z], CrossEntropy(0 if against else 1, Head(reading="sigmoid_logits")))
    assert loss == (800.0, [1.0 if against else -1.0])


@pytest.mark.parametrize("a", [-1e-6, -0.1, -0.6931, -0.6932, -3.0, -80.0])
def test_the_logarithm_of_the_rest_keeps_its_digits(a: float) -> None:
    """log(1 - exp a) and its slope -exp(a) / (1 - exp(a)), in single precision, on both sides of a = -log 2."""
    target = ClassScore(0, "log_probability", Head(reading="log_probabilities"), against=True)
    score, (slope,) = in_single_precision([a], target)
    exact = float(np.float32(a))
    assert score == pytest.approx(np.log1p(-np.exp(exact)), rel=2e-6)
    assert slope == pytest.approx(np.exp(exact) / np.expm1(exact), rel=2e-6)
