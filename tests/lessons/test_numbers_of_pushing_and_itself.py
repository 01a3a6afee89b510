"""The numbers of the last two lessons, and the predicted answers of all."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from gradviz_core.lessons import gradient_of_itself
from gradviz_core.lessons.contents import lesson_of
from gradviz_core.lessons.running import run
from gradviz_core.types.lesson_cards import LessonResult


class Network:
    """The hidden part of the network 784 -> 128 -> 64 in numpy, in float64, from the same random numbers."""

    def __init__(self, seed: int) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            layers = [torch.nn.Linear(784, 128), torch.nn.Linear(128, 64), torch.nn.Linear(64, 10)]
            x = 0.2 + 0.6 * torch.rand(1, 784)
        self.x = x.double().numpy()[0]
        (self.first, self.first_bias), (self.second, self.second_bias) = (
            (layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy()) for layer in layers[:2]
        )

    def sums(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first = self.first @ x + self.first_bias
        return first, self.second @ np.maximum(first, 0) + self.second_bias

    def hidden(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(np.maximum(self.sums(x)[1], 0))

    def loss(self, x: np.ndarray, unit: int) -> float:
        return float(((self.hidden(x) - np.eye(64)[unit]) ** 2).mean())

    def slope(self, unit: int) -> np.ndarray:
        first, second = self.sums(self.x)
        at_hidden = 2 / 64 * (np.maximum(second, 0) - np.eye(64)[unit]) * (second > 0)
        return np.asarray(((at_hidden @ self.second) * (first > 0)) @ self.first)


@pytest.mark.parametrize(("unit", "seed", "epsilon"), [(10, 3, 0.01), (10, 0, 0.01), (63, 5, 0.05), (10, 8, 0.02)])
def test_adding_moves_away_and_subtracting_towards(unit: int, seed: int, epsilon: float) -> None:
    network = Network(seed)
    way = np.sign(network.slope(unit))
    expected = [network.loss(network.x + step * way, unit) for step in (epsilon, 0, -epsilon)]
    assert expected[0] > expected[1] > expected[2]
    result = run("pushing-a-neuron", {"unit": unit, "seed": seed, "epsilon": epsilon})
    assert_allclose(result.array("adding_and_subtracting", "losses"), expected, rtol=1e-4)
    units = [network.hidden(network.x + step * way)[unit] for step in (epsilon, 0, -epsilon)]
    assert_allclose(result.array("adding_and_subtracting", "units"), units, atol=1e-5)
    assert_allclose(np.unique(np.abs(result.array("adding_and_subtracting", "step_as_picture"))), [epsilon], rtol=1e-6)


def test_the_default_unit_is_alive_and_moves_the_way_that_is_told() -> None:
    added, before, subtracted = run("pushing-a-neuron", {}).array("adding_and_subtracting", "units")
    assert 0 < added < before < subtracted < 1


def test_a_dead_unit_does_not_move_at_all() -> None:
    for seed in range(10):
        result = run("pushing-a-neuron", {"seed": seed})
        dead = int(result.array("a_dead_unit", "dead"))
        sums = Network(seed).sums(Network(seed).x)[1]
        assert dead == sums.argmin()
        assert sums[dead] < 0
        assert not result.array("a_dead_unit", "gradient").any()
        for output in ("moved_by", "activation", "after"):
            assert result.array("a_dead_unit", output) == 0
        assert result.array("a_dead_unit", "loss") == 1


def _said(unit: int, seed: int, epsilon: float) -> str:
    step = run("pushing-a-neuron", {"unit": unit, "seed": seed, "epsilon": epsilon}).steps[0]
    assert all(claim.holds for claim in step.claims)
    return " ".join(claim.sentence for claim in step.claims)


@pytest.mark.parametrize(
    ("unit", "seed", "epsilon", "words"),
    [
        (1, 0, 0.01, "Unit 1 stays at 0, whether the step is added or subtracted."),
        (1, 0, 0.04, "Unit 1 is activated by the step for the others, from 0 to 0.0052 by subtracting."),
        (24, 0, 0.04, "Unit 24 is activated by the step for the others, from 0 to 0.016 by adding."),
    ],
)
def test_a_dead_unit_that_others_wake_is_told_of(unit: int, seed: int, epsilon: float, words: str) -> None:
    network = Network(seed)
    way = np.sign(network.slope(unit))
    added, before, subtracted = (network.hidden(network.x + s * way)[unit] for s in (epsilon, 0, -epsilon))
    assert before == 0
    assert (added > 0, subtracted > 0) == ("by adding" in words, "by subtracting" in words)
    said = _said(unit, seed, epsilon)
    assert words in said
    assert f"Unit {unit} is dead: its own gradient exists and is exactly zero." in said


def test_the_second_step_says_that_only_its_own_gradient_leaves_a_dead_unit_where_it_is() -> None:
    for seed in range(10):
        result = run("pushing-a-neuron", {"seed": seed, "epsilon": 0.05})
        step, network = result.steps[1], Network(seed)
        dead = int(result.array("a_dead_unit", "dead"))
        moved = network.x - 0.05 * np.sign(network.slope(dead))
        before, pushed = network.sums(network.x)[1][dead], network.sums(moved)[1][dead]
        assert result.array("a_dead_unit", "pushed_by_others") == pytest.approx(pushed, abs=1e-5)
        assert abs(pushed - before) > 1e-4, "A step for the other units changes its value"
        assert step.sentence.startswith("On its own, a dead unit does not move at all")
        assert ("stays dead" if pushed <= 0 else "becomes active") in step.claims[-1].sentence


def test_the_wrong_sign_of_a_popular_answer_is_named() -> None:
    assert "popular answer adds" in lesson_of("pushing-a-neuron").before
    assert "Adding, as in the popular answer, moves away from the target" in _said(10, 3, 0.01)


@pytest.mark.parametrize("direction", ["add", "subtract"])
def test_predicted_and_actual_as_epsilon_grows(direction: str) -> None:
    result = run("pushing-a-neuron", {"direction": direction, "epsilon": 0.02})
    network, sign = Network(3), 1 if direction == "add" else -1
    slope = network.slope(10)
    epsilons = result.array("predicted_and_actual", "epsilons")
    assert epsilons[0] == 0
    assert epsilons[-1] == pytest.approx(0.2)
    predicted = network.loss(network.x, 10) + sign * epsilons * np.abs(slope).sum()
    actual = [network.loss(network.x + sign * e * np.sign(slope), 10) for e in epsilons]
    assert_allclose(result.array("predicted_and_actual", "predicted"), predicted, rtol=1e-6)
    assert_allclose(result.array("predicted_and_actual", "actual"), actual, rtol=1e-6)
    change = np.abs(predicted[1:] - predicted[0])
    off = np.abs(predicted[1:] - np.array(actual[1:])) / change
    assert off[0] < 1e-4 < off[-1]


@pytest.mark.parametrize("size", [2, 5, 64])
def test_ones_are_a_gradient_and_the_identity_a_jacobian(size: int) -> None:
    result = run("gradient-of-itself", {"size": size})
    assert_array_equal(result.array("ones", "gradient"), np.ones(size))
    assert_array_equal(result.array("ones", "column_sums"), np.ones(size))
    assert_array_equal(result.array("identity", "jacobian"), np.eye(size))


@pytest.mark.parametrize("power", [1, 2, 3, 4])
def test_powers(power: int) -> None:
    result = run("gradient-of-itself", {"power": power, "spread": 1.5, "size": 7})
    x = np.linspace(-1.5, 1.5, 7)
    assert_allclose(result.array("power_of_x", "y"), x**power, atol=1e-6)
    assert_allclose(result.array("power_of_x", "gradient"), power * x ** (power - 1), atol=1e-5)


def test_three_ways_to_one_jacobian_and_their_times() -> None:
    result = run("gradient-of-itself", {"size": 16, "spread": 2.0})
    expected = np.diag(2 * np.linspace(-2, 2, 16))
    for way in ("rows", "jacrev", "vmap"):
        assert_allclose(result.array("three_ways_to_a_jacobian", way), expected, atol=1e-6)
    milliseconds = result.array("three_ways_to_a_jacobian", "milliseconds")
    assert milliseconds.shape == (3,)
    assert (milliseconds > 0).all()


def test_times_are_medians_and_nothing_is_claimed_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock by which one call of seven takes an hour: the median does not know of it."""
    lengths = iter([3600.0, 1, 2, 3, 4, 5, 6] * 3)
    now = [0.0]

    def clock() -> float:
        started[0] = not started[0]
        if not started[0]:
            now[0] += next(lengths)
        return now[0]

    started = [False]
    monkeypatch.setattr(gradient_of_itself, "time", SimpleNamespace(perf_counter=clock))
    found = gradient_of_itself.three_ways_to_a_jacobian(5, 2.0)
    assert isinstance(found["milliseconds"], torch.Tensor)
    assert found["milliseconds"].tolist() == [4000, 4000, 4000]
    monkeypatch.undo()
    step = run("gradient-of-itself", {}).steps[-1]
    assert not [claim for claim in step.claims if " ms" in claim.sentence or "took" in claim.sentence]
    assert "at each run" not in step.pictures[-1].caption, "an answer that was kept has the times it was kept with"
    assert "when this answer was computed" in step.pictures[-1].caption


# ------------------------------------------------------------------------------------------------ the predicted answers


def before_and_after(key: str, array: str) -> tuple[np.ndarray, np.ndarray]:
    """An array of the step that shows the answer, as it is at first and as it is where the question is about."""
    prediction = lesson_of(key).prediction
    name = LessonResult.name_of(prediction.step, array)
    return run(key, {}).arrays[name], run(key, dict(prediction.moved)).arrays[name]


def right(key: str) -> str:
    prediction = lesson_of(key).prediction
    return prediction.answers[prediction.right]


def test_the_right_answers_are_what_the_lessons_give() -> None:
    assert right("first-layer") == "It does not change."
    before, after = before_and_after("first-layer", "gradient")
    assert_allclose(after, before, rtol=0)

    assert right("partial-derivatives") == "It shrinks towards zero."
    before, after = before_and_after("partial-derivatives", "gradient")
    assert 0 < after[0] < before[0] / 10
    before, after = (run("partial-derivatives", {"x1": x}).array("product", "gradient") for x in (1.0, 4.0))
    assert_allclose(after, before, rtol=0)

    assert right("missing-gradients") == "Those of x and of the first layer."
    before, after = before_and_after("missing-gradients", "lengths")
    assert np.isnan(before).tolist() == [True] + 4 * [False]
    assert np.isnan(after).tolist() == 3 * [True] + 2 * [False]

    assert right("intermediate-values") == "It stays the same, but that of the features doubles."
    before, after = before_and_after("intermediate-values", "gradient_of_code")
    assert_allclose(after, before, rtol=0)
    before, after = before_and_after("intermediate-values", "gradient_of_features")
    assert_allclose(after, 2 * before, rtol=1e-6)

    assert right("pushing-a-neuron") == "Not at all."
    for array in ("moved_by", "after"):
        assert [float(a) for a in before_and_after("pushing-a-neuron", array)] == [0, 0]

    assert right("gradient-of-itself") == "Five numbers: 3x²."
    _, after = before_and_after("gradient-of-itself", "gradient")
    assert_allclose(after, 3 * np.linspace(-2, 2, 5) ** 2, atol=1e-6)
