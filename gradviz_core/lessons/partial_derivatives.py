"""Partial derivatives with respect to the input: a product, a sigmoid, a small network."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from gradviz_core.lessons.steps import Found, Question, Step, equal, index_of
from gradviz_core.types.lesson_cards import Claim, Picture

# -------------------------------------------------------------------------------------------------------------- shown


def product(
    x1: float,
    x2: float,
    x3: float,
    x4: float,
    x5: float,
) -> dict[str, object]:
    # A row of shape (1, 5) and a column of shape (5, 1).
    x = torch.tensor([[x1, x2, x3, x4, x5]], requires_grad=True)
    weight = torch.tensor(
        [[0.5], [-1.0], [2.0], [0.0], [-3.0]],
        requires_grad=True,
    )

    y = (x @ weight).sum()
    y.backward()
    return {
        "x": x,
        "weight": weight,
        "y": y,
        "gradient": x.grad,
        "gradient_of_weight": weight.grad,
    }


def sigmoid_of_ten(
    x1: float,
    x2: float,
    x3: float,
    x4: float,
    x5: float,
    reduction: str,
) -> dict[str, object]:
    # The five values of the sliders, and the same with the other sign.
    x = torch.tensor(
        [x1, x2, x3, x4, x5, -x1, -x2, -x3, -x4, -x5],
        requires_grad=True,
    )
    y = torch.sigmoid(x)

    reduced = y.mean() if reduction == "mean" else y.sum()
    (gradient,) = torch.autograd.grad(reduced, x, retain_graph=True)

    # And under the other reduction, to compare.
    other = y.sum() if reduction == "mean" else y.mean()
    (of_the_other,) = torch.autograd.grad(other, x)
    return {
        "x": x,
        "y": y,
        "reduced": reduced,
        "gradient": gradient,
        "of_the_other": of_the_other,
    }


def small_network(seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(3, 16, kernel_size=3, padding=1),
        nn.MaxPool2d(2),  # 28x28 becomes 14x14
        nn.Flatten(),
        nn.Linear(16 * 14 * 14, 10),
    )
    image = torch.rand(1, 3, 28, 28, requires_grad=True)

    total = network(image).sum()
    (gradient,) = torch.autograd.grad(total, image)

    # The gradient has the shape of the image.
    # Added over the colours it is a picture.
    picture = gradient[0].sum(dim=0)
    return {
        "network": network,
        "image": image,
        "total": total,
        "gradient": gradient,
        "picture": picture,
    }


# ------------------------------------------------------------------------------------------------------------ claimed


def _gradient_is_the_weight(found: Found) -> Iterator[Claim]:
    yield equal("The gradient equals the weight as a row", found["gradient"], found["weight"].T)
    yield equal(
        "The gradient with respect to the weight equals x as a column", found["gradient_of_weight"], found["x"].T
    )


def _ten_times(found: Found) -> Iterator[Claim]:
    slope, mean = found["y"] * (1 - found["y"]), found["reduction"] == "mean"
    expected, formula = (slope / 10, "s·(1 − s)/10") if mean else (slope, "s·(1 − s)")
    yield equal(
        f"With the {found['reduction']}, the gradient equals {formula}", found["gradient"], expected, within=1e-6
    )
    times = found["of_the_other"] / found["gradient"] if mean else found["gradient"] / found["of_the_other"]
    yield Claim(
        "With the sum it is ten times as large as with the mean: the largest deviation of a ratio from 10 is "
        f"{(times - 10).abs().max():.1g}.",
        bool(((times - 10).abs() < 1e-4).all()),
    )


def _both_reductions(found: Found) -> dict[str, str]:
    return {"other": "sum" if found["reduction"] == "mean" else "mean"}


def _chain_by_hand(found: Found) -> Iterator[Claim]:
    convolution, _, _, linear = found["network"]
    maps = convolution(found["image"])
    _, winners = nn.functional.max_pool2d(maps, 2, return_indices=True)
    at_pooled = linear.weight.sum(0).view(1, 16, 14, 14)
    at_maps = nn.functional.max_unpool2d(at_pooled, winners, [2, 2])
    by_hand = nn.functional.conv_transpose2d(at_maps, convolution.weight, padding=1)
    yield equal(
        "The gradient equals the chain rule by hand: the column sums of the linear weight, placed at each pool's "
        "maximum, then the transposed convolution",
        found["gradient"],
        by_hand,
        within=1e-6,
    )


def _of_a_product(found: Found) -> int:
    x, weight, gradient = found["x"], found["weight"].T, found["gradient"]
    by_answer = {1: weight, 0: x, 2: x * weight}  # for some x two are equal: the weight is right for every x
    return next(answer for answer, rule in by_answer.items() if torch.equal(gradient, rule))


def _how_many_times(found: Found) -> int:
    times = float((found["gradient"].sum() / found["of_the_other"].sum()).log10().round())
    return (0.0, 1.0, -1.0).index(times)


def _reached(found: Found) -> int:
    share = float((found["gradient"] != 0).any(1).float().mean())
    return index_of(share < 0.3, share < 0.95, share >= 0.95)


STEPS = (
    Step(
        "A row of five numbers times a column of five weights: the simplest gradient.",
        product,
        _gradient_is_the_weight,
        question=Question(
            "y is the product of the row x and the column weight. What is its gradient with respect to x, for every x?",
            ("x.", "The weight.", "x times the weight, element by element."),
            _of_a_product,
            "Each x[0, i] counts weight[i, 0] times in the sum, so y changes by weight[i, 0] with it.",
        ),
        graph_of="y",
        pictures=(
            Picture(
                "bars",
                ("x", "gradient"),
                "Input and gradient",
                "∂y/∂x[0, i] of y = Σ x[0, i]·weight[i, 0] is weight[i, 0]. Move a slider: the input changes, but "
                "the gradient does not.",
                "input; output per unit of input",
                labels=("x", "gradient"),
                across="input",
                ticks=("x1", "x2", "x3", "x4", "x5"),
            ),
        ),
    ),
    Step(
        "The sigmoid of ten numbers, reduced to one number by the {reduction}.",
        sigmoid_of_ten,
        _ten_times,
        question=Question(
            "How large is the gradient with the {reduction}, compared with that with the {other}?",
            ("Equally large.", "Ten times as large.", "A tenth."),
            _how_many_times,
            "The mean of ten numbers is their sum divided by ten, and so is its gradient.",
        ),
        graph_of="reduced",
        pictures=(
            Picture(
                "bars",
                ("gradient", "of_the_other"),
                "The gradient with the {reduction}",
                "∂/∂x[i] of Σ s(x) is s(x[i])·(1 − s(x[i])); of the mean of ten, a tenth of it. The gradient with "
                "the {other} is drawn faintly.",
                "output per unit of input",
                labels=("{reduction}", "{other}, not chosen"),
                across="input",
                ticks=("x1", "x2", "x3", "x4", "x5", "−x1", "−x2", "−x3", "−x4", "−x5"),
                pale=("of_the_other",),
            ),
        ),
        words=_both_reductions,
    ),
    Step(
        "A small network: one convolution, one max pooling and one linear layer. Its ten outputs are summed.",
        small_network,
        _chain_by_hand,
        question=Question(
            "In each of 16 channels the pooling keeps one position of four. How many of the pixels does the gradient "
            "reach?",
            ("A quarter of them.", "Half of them.", "All of them, or nearly all."),
            _reached,
            "Each channel keeps other positions, and a kernel of 3×3 leads from each of them to nine pixels.",
        ),
        graph_of="total",
        pictures=(
            Picture(
                "heatmap",
                ("picture",),
                "Gradient of the sum of ten outputs",
                "Σ over colours of ∂(Σ y)/∂x, one number for each of 28×28 pixels. Gradient passes only through the "
                "position with the maximum of each pool.",
                "output per unit of pixel",
                across="column",
                down="row",
            ),
        ),
    ),
)
