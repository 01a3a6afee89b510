"""The numbers of the first four lessons against values found another way: by hand, in numpy, by finite differences."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn

from gradviz_core.drawing.lesson_pictures import draw
from gradviz_core.lessons import first_layer, intermediate_values, missing_gradients, partial_derivatives
from gradviz_core.lessons.contents import lesson_of
from gradviz_core.lessons.running import run
from gradviz_core.types.controls import Number
from gradviz_core.types.lesson_cards import LessonResult, StepResult


def step(result: LessonResult, name: str) -> StepResult:
    return next(s for s in result.steps if s.name == name)


def text(result: LessonResult, of: str, output: str) -> str:
    return next(o.text for o in step(result, of).outputs if o.name == output)


def weights(layer: object) -> tuple[np.ndarray, np.ndarray]:
    assert isinstance(layer, nn.Linear | nn.Conv2d)
    assert layer.bias is not None
    return layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy()


def array(value: object) -> np.ndarray:
    assert isinstance(value, torch.Tensor)
    return value.detach().double().numpy()


@pytest.fixture(autouse=True)
def _random_state() -> object:
    with torch.random.fork_rng(devices=[]):
        yield


# ---------------------------------------------------------------------------------------------------------- first layer


def test_pytorch_says_itself_that_it_wants_a_scalar() -> None:
    said = text(run("first-layer", {}), "five_outputs_at_once", "error")
    assert said == "RuntimeError: grad can be implicitly created only for scalar outputs"


@pytest.mark.parametrize("activation", ["none", "relu"])
@pytest.mark.parametrize("scale", [-2.0, 0.5])
def test_jacobian_sum_and_one_hot_by_hand(activation: str, scale: float) -> None:
    found = first_layer.three_right_ways(2, activation, scale, 1)
    weight, bias = weights(found["layer"])
    sums = array(found["x"]) @ weight.T + bias
    on = (sums[0] > 0) if activation == "relu" else np.ones(5)
    jacobian = weight * on[:, None]
    assert_array_equal(array(found["jacobian"]), jacobian)
    assert_array_equal(array(found["of_neuron"])[0], jacobian[2])
    assert_allclose(array(found["of_sum"])[0], jacobian.sum(0), atol=1e-6)


def test_one_neuron_is_a_row_of_the_weight_and_zero_where_relu_is_off() -> None:
    kinds = set()
    for seed in range(10):
        found = first_layer.one_neuron(2, "relu", 1.0, seed)
        weight, bias = weights(found["layer"])
        on = (array(found["x"]) @ weight[2] + bias[2])[0] > 0
        assert_array_equal(array(found["gradient"])[0], weight[2] * on)
        kinds.add(bool(on))
    assert kinds == {True, False}


def test_the_graph_is_freed_and_can_be_kept() -> None:
    result = run("first-layer", {})
    assert_array_equal(result.array("asking_twice", "first"), result.array("asking_twice", "second"))
    assert "Trying to backward through the graph a second time" in text(result, "asking_twice", "error")


def test_only_the_saved_values_are_freed_and_the_lesson_says_so() -> None:
    for activation in ("none", "relu"):
        asked_twice = step(run("first-layer", {"activation": activation}), "asking_twice")
        (recorded,) = asked_twice.graphs
        assert recorded.graph is not None, "the graph is recorded still"
        assert {"x", "layer.weight"} <= {node.label for node in recorded.graph.nodes}
        assert "already been freed" in asked_twice.claims[-1].sentence
        assert "no graph left" not in asked_twice.claims[-1].sentence
        assert "frees the graph" not in asked_twice.sentence


def test_pytorchs_own_function_gives_the_jacobian_in_another_shape() -> None:
    for activation in ("none", "relu"):
        result = run("first-layer", {"activation": activation, "seed": 3})
        by_function = result.array("three_right_ways", "by_function")
        assert by_function.shape == (1, 5, 1, 10)
        assert_array_equal(by_function[0, :, 0], result.array("three_right_ways", "jacobian"))
        assert any("in the shape (1, 5, 1, 10)" in c.sentence for c in step(result, "three_right_ways").claims)


@pytest.mark.parametrize("activation", ["none", "relu"])
def test_the_second_derivative_is_the_product_that_sentence_and_caption_name(activation: str) -> None:
    apart = set()
    for seed in range(10):
        result = run("first-layer", {"activation": activation, "seed": seed})
        shown = step(result, "second_derivative")
        found = first_layer.second_derivative(activation, 1.0, seed)
        weight, bias = weights(found["layer"])
        hessian, on = array(found["hessian"]), (array(found["x"]) @ weight.T + bias)[0] > 0
        with_zeros = weight * on[:, None]
        named, product = ("VᵀV", with_zeros.T @ with_zeros) if activation == "relu" else ("WᵀW", weight.T @ weight)
        other = "WᵀW" if activation == "relu" else "VᵀV"
        assert_allclose(hessian, product, atol=1e-6)
        for said in (shown.claims[1].sentence, shown.pictures[0].caption):
            assert named in said
            assert other not in said
        apart.add(bool(np.abs(hessian - weight.T @ weight).max() > 1e-3))
    assert apart == {activation == "relu"}, "with a neuron off it is not WᵀW"


def test_the_unit_of_the_second_derivative_scales_as_the_derivative_does() -> None:
    """In units of output ten times as small, and of input a hundred times as small, it is 100 / 10,000 as large."""
    unit = step(run("first-layer", {}), "second_derivative").pictures[0].unit
    assert unit == "output² per unit of input²"
    weight = np.random.default_rng(0).normal(size=(5, 10))
    other_units = 10 * weight / 100
    assert_allclose(other_units.T @ other_units, 10**2 / 100**2 * weight.T @ weight)


def test_the_second_derivative_by_finite_differences_of_the_first() -> None:
    found = first_layer.second_derivative("relu", 1.0, 3)
    weight, bias = weights(found["layer"])

    def slope(x: np.ndarray) -> np.ndarray:
        return np.asarray(np.maximum(weight @ x + bias, 0) @ weight)

    x, nudges = array(found["x"])[0], np.eye(10) * 1e-5
    differences = np.stack([(slope(x + d) - slope(x - d)) / 2e-5 for d in nudges])
    assert_allclose(array(found["hessian"]), differences, atol=1e-6)
    assert_allclose(array(found["gradient"])[0], slope(x), atol=1e-6)
    assert "does not require grad" in str(found["error"])
    result = run("first-layer", {})
    assert "grad_fn" not in text(result, "second_derivative", "plain")
    assert "grad_fn" in text(result, "second_derivative", "gradient")


# -------------------------------------------------------------------------------------------------- partial derivatives


def test_the_gradient_of_a_product_is_the_other_factor() -> None:
    found = partial_derivatives.product(1.5, -2.0, 0.5, 4.0, 1.0)
    assert_array_equal(array(found["gradient"]), [[0.5, -1.0, 2.0, 0.0, -3.0]])
    assert_array_equal(array(found["gradient_of_weight"]), [[1.5], [-2.0], [0.5], [4.0], [1.0]])
    assert float(array(found["y"])) == 1.5 * 0.5 + 2.0 + 1.0 - 3.0


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_slope_of_ten_sigmoids_by_hand(reduction: str) -> None:
    found = partial_derivatives.sigmoid_of_ten(0.0, 1.0, -2.0, 3.0, 0.5, reduction)
    x = np.array([0.0, 1.0, -2.0, 3.0, 0.5, -0.0, -1.0, 2.0, -3.0, -0.5])
    slope = np.exp(-x) / (1 + np.exp(-x)) ** 2
    mean = reduction == "mean"
    assert_allclose(array(found["gradient"]), slope / (10 if mean else 1), rtol=1e-5)
    assert_allclose(array(found["of_the_other"]), slope / (1 if mean else 10), rtol=1e-5)


def test_the_chosen_reduction_is_what_the_figure_draws_and_the_other_one_is_pale() -> None:
    drawn = {}
    for reduction, other in (("mean", "sum"), ("sum", "mean")):
        result = run("partial-derivatives", {"reduction": reduction})
        (picture,) = step(result, "sigmoid_of_ten").pictures
        assert picture.title == f"The gradient with the {reduction}"
        assert picture.labels == (reduction, f"{other}, not chosen")
        figure = draw(picture, [result.array("sigmoid_of_ten", name) for name in picture.arrays])
        strong, pale = figure.data
        assert (strong.name, strong.opacity) == (reduction, 1)
        assert pale.opacity < 0.5
        drawn[reduction] = np.array(strong.y)
    assert_allclose(drawn["sum"], 10 * drawn["mean"], rtol=1e-5)


def test_the_sliders_have_the_names_of_the_code() -> None:
    sliders = [c for c in lesson_of("partial-derivatives").controls if isinstance(c, Number) and c.name != "seed"]
    assert [c.label for c in sliders] == [c.name for c in sliders] == ["x1", "x2", "x3", "x4", "x5"]
    result = run("partial-derivatives", {})
    for name, count in (("product", 5), ("sigmoid_of_ten", 10)):
        ticks = step(result, name).pictures[0].ticks
        assert ticks[:5] == ("x1", "x2", "x3", "x4", "x5")
        values = result.array(name, "x").ravel()
        assert len(ticks) == count == len(values)
        stood = {c.name: c.default for c in sliders}
        assert_allclose(values, [stood[t.removeprefix("−")] * (-1 if "−" in t else 1) for t in ticks])
    assert "x[0]" not in lesson_of("partial-derivatives").prediction.question


def test_the_small_network_by_finite_differences() -> None:
    found = partial_derivatives.small_network(4)
    network, image = found["network"], found["image"]
    assert isinstance(network, nn.Sequential)
    assert isinstance(image, torch.Tensor)
    assert network[3].weight.shape == (10, 16 * 14 * 14)
    assert_allclose(array(found["picture"]), array(found["gradient"])[0].sum(0), atol=1e-6)
    double, at = network.double(), image.detach().double()
    with torch.no_grad():
        for channel, row, column in [(0, 0, 0), (1, 13, 20), (2, 27, 27), (0, 7, 7), (2, 14, 1)]:
            nudge = torch.zeros_like(at)
            nudge[0, channel, row, column] = 1e-7
            slope = float(double(at + nudge).sum() - double(at - nudge).sum()) / 2e-7
            assert array(found["gradient"])[0, channel, row, column] == pytest.approx(slope, abs=1e-5)


# ---------------------------------------------------------------------------------------------------- missing gradients


@pytest.mark.parametrize(
    ("cut", "none"), [("input", {"x"}), ("hidden", {"x", "first.weight", "first.bias"}), ("nowhere", set())]
)
def test_only_what_lies_behind_the_cut_is_none(cut: str, none: set[str]) -> None:
    result = run("missing-gradients", {"cut": cut})
    lengths = result.array("detached", "lengths")
    ticks = step(result, "detached").pictures[0].ticks
    assert {name for name, length in zip(ticks, lengths, strict=True) if math.isnan(length)} == none
    assert (lengths[~np.isnan(lengths)] > 0).all()
    assert text(result, "detached", "gradient_of_x") == "None" or cut == "nowhere"


def test_the_first_weights_gradient_is_that_of_a_network_that_was_not_cut() -> None:
    cut, whole = (missing_gradients.detached(where, 0) for where in ("input", "nowhere"))
    assert cut["gradient_of_x"] is None
    assert_array_equal(array(cut["gradient_of_first_weight"]), array(whole["gradient_of_first_weight"]))


def test_writing_into_a_leaf_raises_and_into_data_changes_them() -> None:
    result = run("missing-gradients", {})
    assert "leaf Variable that requires grad is being used in an in-place" in text(
        result, "written_into_a_leaf", "error"
    )
    assert_array_equal(result.array("written_into_a_leaf", "gradient"), np.full(5, 2))
    place = "written_into_the_callers_data"
    before = result.array(place, "before")
    assert_array_equal(result.array(place, "after_careless"), 2 * before)
    assert_array_equal(result.array(place, "after_careful"), before)


NO_GRAPH = "element 0 of tensors does not require grad"
Results = Callable[[str], np.ndarray]
CAUSES: dict[str, tuple[str, str, Callable[[Results], np.ndarray]]] = {
    # cause: function, PyTorch's own words, the repaired gradient from the results
    "no_grad": ("inside_no_grad", NO_GRAPH, lambda of: 2 * of("weight")),
    "integer": ("integer_cast", NO_GRAPH, lambda of: np.full(4, 10)),
    "argmax": (
        "position_of_the_largest",
        "element 0 of tensors does not require grad",
        lambda of: np.eye(4)[of("scores").argmax()],
    ),
    "item": ("python_number", "'float' object has no attribute 'backward'", lambda of: 2 * of("weight")),
    "new_tensor": ("new_tensor", "", lambda of: 1 + 2 * of("weight")),
    "frozen": ("frozen", "", lambda of: of("x")),
    "non_leaf": ("non_leaf", "The .grad attribute of a Tensor that is not a leaf Tensor", lambda of: np.ones(4)),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_gives_none_and_its_repair_the_gradient(cause: str) -> None:
    name, words, repaired = CAUSES[cause]
    result = run("missing-gradients", {"cause": cause, "seed": 4})
    assert result.steps[-1].name == name
    assert text(result, name, "gradient") == "None"
    said = " ".join(o.text for o in step(result, name).outputs if o.kind in ("error", "warning"))
    assert words in said
    assert "Triggered internally" not in said
    assert bool(words) == bool(said)
    assert_allclose(
        result.array(name, "repaired_gradient"), repaired(lambda output: result.array(name, output)), rtol=1e-6
    )


def test_the_frozen_weights_neighbour_has_its_gradient() -> None:
    assert_array_equal(run("missing-gradients", {"cause": "frozen"}).array("frozen", "gradient_of_bias"), [1.0])


def test_causes_of_none_that_are_no_cut_are_told_of_before_anything_runs() -> None:
    """A value on the way and a frozen parameter have no gradient, though the graph is whole."""
    before = lesson_of("missing-gradients").before
    assert "was not asked to keep it" in before
    assert "an intermediate value" in before
    assert "does not require a gradient" in before


def test_saturated_is_zero_where_float32_rounds_to_one_and_small_before() -> None:
    for far in range(1, 41):
        result = run("missing-gradients", {"cause": "saturated", "far": far})
        assert all(claim.holds for claim in step(result, "saturated").claims)
        gradient = float(result.array("saturated", "gradient"))
        s = np.float32(1) / (np.float32(1) + np.exp(np.float32(-far)))
        assert (gradient == 0) == (s == 1) == (far >= 17)
        if far < 12:
            assert gradient == pytest.approx(math.exp(-far) / (1 + math.exp(-far)) ** 2, rel=0.02)


def test_the_sigmoids_sentences_follow_the_number_that_came() -> None:
    for far in range(1, 41):
        result = run("missing-gradients", {"cause": "saturated", "far": far})
        shown, slope = step(result, "saturated"), result.array("saturated", "slope")
        assert slope[0] > 0, "on the left it is never rounded to zero"
        right, left = (_size(float(value)) for value in (slope[-1], slope[0]))
        assert slope[-1] == result.array("saturated", "gradient")
        assert f"At {far} it is {right}. " in shown.sentence
        assert f": {right} at the right end, {left} at the left end." in shown.pictures[0].caption
        assert right in shown.claims[0].sentence
        assert ("exactly" in shown.sentence + shown.pictures[0].caption) == (far >= 17)
        assert "exactly" not in shown.claims[1].sentence


def _size(slope: float) -> str:
    """As a reader would say: the most that a sigmoid's slope can be is a quarter."""
    kinds = {0.0: "exactly zero in float32", 0.001: "nearly zero", 0.05: "small", 0.25: "not small yet"}
    return next(words for most, words in kinds.items() if slope <= most)


def test_dead_is_zero_and_not_none() -> None:
    result = run("missing-gradients", {"cause": "dead", "far": 2.0})
    assert result.array("dead", "gradient") == 0
    assert result.array("dead", "repaired_gradient") == np.float32(0.01)
    along, slope = result.array("dead", "along"), result.array("dead", "slope")
    assert_array_equal(slope, along > 0)


# -------------------------------------------------------------------------------------------------- intermediate values


def test_encoder_and_decoder_by_hand() -> None:
    found = intermediate_values.encoder_and_decoder(3.0, 2)
    weight, _ = weights(found["decoder"])
    assert_allclose(array(found["gradient_of_code"])[0], weight.sum(0), rtol=1e-6)
    everywhere = np.broadcast_to((weight.sum(0) * 3 / 64)[None, :, None, None], (1, 16, 8, 8))
    assert_allclose(array(found["gradient_of_features"]), everywhere, rtol=1e-5)


def test_features_under_cross_entropy_by_hand() -> None:
    found = intermediate_values.features_under_a_loss(6, 2)
    weight, _ = weights(found["linear"])
    scores = array(found["scores"])[0]
    shares = np.exp(scores) / np.exp(scores).sum()
    expected = ((shares - np.eye(10)[6]) @ weight).reshape(1, 64, 24, 24)
    assert array(found["gradient"]).shape == (1, 64, 24, 24)
    assert_allclose(array(found["gradient"]), expected, atol=1e-8)
    assert float(array(found["loss"])) == pytest.approx(-math.log(shares[6]), rel=1e-5)


def test_too_late_is_none_and_in_time_is_the_same_three_times() -> None:
    result = run("intermediate-values", {})
    assert text(result, "too_late", "late") == "None"
    for way in ("retained", "asked_for", "hooked"):
        expected = result.array("encoder_and_decoder", "gradient_of_code")
        assert_array_equal(result.array("too_late", way), expected)
