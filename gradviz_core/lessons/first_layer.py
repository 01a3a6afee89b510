"""The first layer with respect to the input: ``Linear(10, 5)``, with or without a ReLU."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from gradviz_core.lessons.steps import Found, Question, Step, equal, index_of, refused
from gradviz_core.types.lesson_cards import Claim, Picture

# -------------------------------------------------------------------------------------------------------------- shown


def five_outputs_at_once(
    activation: str,
    scale: float,
    seed: int,
) -> dict[str, object]:
    torch.manual_seed(seed)  # the same numbers at each run

    layer = nn.Linear(10, 5)  # 10 numbers go in, 5 come out
    x = (scale * torch.randn(1, 10)).requires_grad_()
    y = layer(x)
    if activation == "relu":
        y = y.relu()

    # Which of the five outputs is to be differentiated?
    # PyTorch does not guess.
    error = None
    try:
        torch.autograd.grad(y, x)
    except RuntimeError as caught:
        error = caught
    return {"layer": layer, "x": x, "y": y, "error": error}


def one_neuron(
    neuron: int,
    activation: str,
    scale: float,
    seed: int,
) -> dict[str, object]:
    torch.manual_seed(seed)
    layer = nn.Linear(10, 5)
    x = (scale * torch.randn(1, 10)).requires_grad_()
    y = layer(x)
    if activation == "relu":
        y = y.relu()

    # One neuron of one example is one number: nothing is left to guess.
    score = y[0, neuron]
    score.backward()
    return {
        "layer": layer,
        "x": x,
        "score": score,
        "gradient": x.grad,
        "weight_row": layer.weight[neuron : neuron + 1],
    }


def three_right_ways(
    neuron: int,
    activation: str,
    scale: float,
    seed: int,
) -> dict[str, object]:
    torch.manual_seed(seed)
    layer = nn.Linear(10, 5)
    x = (scale * torch.randn(1, 10)).requires_grad_()
    y = layer(x)
    if activation == "relu":
        y = y.relu()

    # 1. Add the outputs up: the gradient of the sum.
    # (What retain_graph is for comes next.)
    (of_sum,) = torch.autograd.grad(y.sum(), x, retain_graph=True)

    # 2. Weigh the outputs: a one-hot vector gives the gradient of one.
    one_hot = torch.zeros(1, 5)
    one_hot[0, neuron] = 1
    (of_neuron,) = torch.autograd.grad(
        y,
        x,
        grad_outputs=one_hot,
        retain_graph=True,
    )

    # 3. Keep them apart: the Jacobian has a row for each output,
    # a column for each input.
    rows = []
    for output in y[0]:
        (row,) = torch.autograd.grad(output, x, retain_graph=True)
        rows.append(row[0])
    jacobian = torch.stack(rows)

    # PyTorch has a function for it. It keeps the shapes of output and
    # input, (1, 5) and (1, 10): what it gives is (1, 5, 1, 10).
    def forward(x: torch.Tensor) -> torch.Tensor:
        return layer(x).relu() if activation == "relu" else layer(x)

    by_function = torch.autograd.functional.jacobian(forward, x)
    return {
        "layer": layer,
        "x": x,
        "of_sum": of_sum,
        "of_neuron": of_neuron,
        "jacobian": jacobian,
        "by_function": by_function,
    }


def asking_twice(
    activation: str,
    scale: float,
    seed: int,
) -> dict[str, object]:
    torch.manual_seed(seed)
    layer = nn.Linear(10, 5)
    x = (scale * torch.randn(1, 10)).requires_grad_()
    y = layer(x)
    if activation == "relu":
        y = y.relu()
    total = y.sum()

    # retain_graph=True keeps what the backward pass needs to run again.
    (first,) = torch.autograd.grad(total, x, retain_graph=True)
    # Without it, what was saved for it is freed on the way.
    # The graph itself stays.
    (second,) = torch.autograd.grad(total, x)
    error = None
    try:
        torch.autograd.grad(total, x)
    except RuntimeError as caught:
        error = caught
    return {
        "layer": layer,
        "x": x,
        "total": total,
        "first": first,
        "second": second,
        "error": error,
    }


def second_derivative(
    activation: str,
    scale: float,
    seed: int,
) -> dict[str, object]:
    torch.manual_seed(seed)
    layer = nn.Linear(10, 5)
    x = (scale * torch.randn(1, 10)).requires_grad_()
    y = layer(x)
    if activation == "relu":
        y = y.relu()
    energy = (y**2).sum() / 2

    # A gradient is a plain tensor: how it was computed is not recorded,
    (plain,) = torch.autograd.grad(energy, x, retain_graph=True)
    error = None
    try:
        torch.autograd.grad(plain[0, 0], x)
    except RuntimeError as caught:
        error = caught

    # unless create_graph=True says so. Then the gradient can be
    # differentiated again, entry by entry.
    (gradient,) = torch.autograd.grad(energy, x, create_graph=True)
    rows = []
    for entry in gradient[0]:
        (row,) = torch.autograd.grad(entry, x, retain_graph=True)
        rows.append(row[0])
    hessian = torch.stack(rows)
    return {
        "layer": layer,
        "x": x,
        "y": y,
        "plain": plain,
        "error": error,
        "gradient": gradient,
        "hessian": hessian,
    }


# ------------------------------------------------------------------------------------------------------------ claimed


ZEROS = "zeros in the rows of neurons that are off"


def _needs_a_scalar(found: Found) -> Iterator[Claim]:
    yield refused("PyTorch refuses", found["error"], "grad can be implicitly created only for scalar outputs")


def _row_of_the_weight(found: Found) -> Iterator[Claim]:
    neuron = found["neuron"]
    if found["activation"] == "relu" and not found["score"] > 0:
        before = float(found["layer"](found["x"])[0, neuron])
        yield Claim(
            f"Neuron {neuron} is off because its weighted sum is {before:.3g}, so its gradient exists and is exactly "
            "zero.",
            before <= 0 and not found["gradient"].any(),
        )
    else:
        what = f"The gradient of neuron {neuron} equals row {neuron} of the weight"
        yield equal(what, found["gradient"], found["weight_row"])


def _three_ways_agree(found: Found) -> Iterator[Claim]:
    neuron, jacobian = found["neuron"], found["jacobian"]
    what = f"the weight, with {ZEROS}" if found["activation"] == "relu" else "the weight"
    yield equal(f"The Jacobian equals {what}", jacobian, _weight_of_those_on(found))
    yield equal(f"The one-hot vector selects row {neuron} of the Jacobian", found["of_neuron"], jacobian[neuron][None])
    yield equal(
        "The gradient of the sum is the sum of the Jacobian's rows", found["of_sum"], jacobian.sum(0, True), within=1e-6
    )
    what = "torch.autograd.functional.jacobian gives the same numbers in the shape (1, 5, 1, 10)"
    yield equal(what, found["by_function"], jacobian.view(1, 5, 1, 10))


def _freed_on_the_way(found: Found) -> Iterator[Claim]:
    yield equal("The second backward pass gives the same gradient", found["first"], found["second"])
    yield refused(
        "The third backward pass fails because the saved values were freed",
        found["error"],
        "after they have already been freed",
    )


def _weight_times_weight(found: Found) -> Iterator[Claim]:
    yield refused("Without create_graph", found["error"], "does not require grad")
    weight = _weight_of_those_on(found)
    what = f"With it, the second derivative equals {_product(found)['product']}"
    yield equal(what, found["hessian"], weight.T @ weight, within=1e-6)
    yield equal("It is symmetric", found["hessian"], found["hessian"].T, within=1e-6)


def _weight_of_those_on(found: Found) -> torch.Tensor:
    """The weight; under a ReLU with zeros in the rows of neurons that are off."""
    layer, x = found["layer"], found["x"]
    return layer.weight * (layer(x) > 0).T if found["activation"] == "relu" else layer.weight


def _product(found: Found) -> dict[str, str]:
    relu = found["activation"] == "relu"
    return {"product": f"VᵀV, where V is the weight with {ZEROS}" if relu else "WᵀW, where W is the weight"}


def _which_row(found: Found) -> int:
    gradient, row = found["gradient"], found["weight_row"]
    return index_of(torch.equal(gradient, row), bool(gradient.any()), not gradient.any())


def _third_call(found: Found) -> int:
    same = torch.equal(found["first"], found["second"])
    return index_of(found["error"] is None, not same, same)


STEPS = (
    Step(
        "Five outputs have five gradients, so PyTorch raises an error when asked for “the” gradient.",
        five_outputs_at_once,
        _needs_a_scalar,
        graph_of="y",
        question=Question(
            "The layer has five outputs. What does torch.autograd.grad(y, x) do?",
            (
                "It returns one row of ten numbers.",
                "It returns five rows, one for each output.",
                "It raises an error.",
            ),
            lambda found: index_of(False, found["error"] is None, found["error"] is not None),
            told=True,
        ),
    ),
    Step(
        "With one output neuron, number {neuron}, the gradient is well defined.",
        one_neuron,
        _row_of_the_weight,
        graph_of="score",
        question=Question(
            "What is the gradient of output neuron {neuron} with respect to the input?",
            ("Row {neuron} of the layer's weight.", "The input itself.", "Zero everywhere."),
            _which_row,
        ),
        pictures=(
            Picture(
                "bars",
                ("gradient", "weight_row"),
                "Gradient of neuron {neuron}",
                "∂y[0, {neuron}]/∂x, one bar per input, next to row {neuron} of the layer's weight.",
                "output per unit of input",
                labels=("gradient", "weight row {neuron}"),
                across="input",
            ),
        ),
    ),
    Step(
        "Three ways to differentiate more than one output, and how they are related.",
        three_right_ways,
        _three_ways_agree,
        question=Question(
            "Five outputs change with ten inputs. What is the shape of the Jacobian?",
            ("10×5: one row for each input.", "5×10: one row for each output.", "1×10: the shape of the input."),
            lambda found: ((10, 5), (5, 10), (1, 10)).index(tuple(found["jacobian"].shape)),
        ),
        pictures=(
            Picture(
                "heatmap",
                ("jacobian",),
                "Jacobian",
                "J[k, i] = ∂y[0, k]/∂x[0, i]: one row per output, one column per input.",
                "output per unit of input",
                across="input",
                down="output",
            ),
            Picture(
                "bars",
                ("of_sum", "of_neuron"),
                "The sum of all rows, and one row",
                "∂(Σ y)/∂x is the sum of the Jacobian's rows; a one-hot vector selects row {neuron}.",
                "output per unit of input",
                labels=("sum", "one-hot {neuron}"),
                across="input",
            ),
        ),
    ),
    Step(
        "A backward pass frees the values that the graph saved for it. The graph remains but is useless without "
        "them; retain_graph=True keeps them for another pass.",
        asking_twice,
        _freed_on_the_way,
        graph_of="total",
        question=Question(
            "torch.autograd.grad(total, x) is called three times, the first time with retain_graph=True. What happens "
            "at the third call?",
            ("The same gradient once more.", "Another gradient than before.", "An error."),
            _third_call,
            told=True,
        ),
    ),
    Step(
        "A second derivative needs a graph of the first; create_graph=True records it. Here half the sum of the "
        "squared outputs is differentiated twice.",
        second_derivative,
        _weight_times_weight,
        graph_of="gradient",
        question=Question(
            "energy is one number, and x has ten. What is the shape of its second derivative with respect to x?",
            ("1×10: that of x.", "10×10.", "5×10: that of the weight."),
            lambda found: ((1, 10), (10, 10), (5, 10)).index(tuple(found["hessian"].shape)),
        ),
        pictures=(
            Picture(
                "heatmap",
                ("hessian",),
                "Second derivative",
                "∂²E/∂x[0, i]∂x[0, j] of E = ½ Σ y². It is symmetric and equals {product}.",
                "output² per unit of input²",
                across="input",
                down="input",
            ),
        ),
        words=_product,
    ),
)
