"""A gradient with respect to itself: the difference between a gradient and a Jacobian."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from gradviz_core.lessons.steps import Found, Question, Step, equal, index_of, refused
from gradviz_core.types.lesson_cards import Claim, Picture

# -------------------------------------------------------------------------------------------------------------- shown


def ones(size: int, spread: float) -> dict[str, object]:
    x = torch.linspace(-spread, spread, size, requires_grad=True)

    # x itself. Times 1, so that there is an operation to record.
    y = x * 1
    error = None
    try:
        y.backward()  # which element of y is meant?
    except RuntimeError as caught:
        error = caught

    # One number to start from: the sum, which is our choice.
    total = y.sum()
    total.backward()

    # The whole story, before anything is added up.
    def itself(x: torch.Tensor) -> torch.Tensor:
        return x * 1

    jacobian = torch.autograd.functional.jacobian(itself, x.detach())
    return {
        "x": x,
        "y": y,
        "error": error,
        "total": total,
        "gradient": x.grad,
        "column_sums": jacobian.sum(dim=0),
    }


def identity(size: int, spread: float) -> dict[str, object]:
    x = torch.linspace(-spread, spread, size)

    # How does each element of x change with each element of x?
    # With itself by 1, with the others not at all. (Times 1 leaves x as
    # it is, and is an operation that can be recorded.)
    jacobian = torch.autograd.functional.jacobian(lambda x: x * 1, x)
    return {"x": x, "jacobian": jacobian}


def power_of_x(size: int, spread: float, power: int) -> dict[str, object]:
    x = torch.linspace(-spread, spread, size, requires_grad=True)

    y = x**power  # element by element: y[i] depends on x[i] alone
    total = y.sum()
    total.backward()
    return {"x": x, "y": y, "total": total, "gradient": x.grad}


def three_ways_to_a_jacobian(size: int, spread: float) -> dict[str, object]:
    x = torch.linspace(-spread, spread, size, requires_grad=True)
    y = x * x

    def by_rows() -> torch.Tensor:
        # One backward pass for each output.
        rows = []
        for value in y:
            (row,) = torch.autograd.grad(value, x, retain_graph=True)
            rows.append(row)
        return torch.stack(rows)

    def by_jacrev() -> torch.Tensor:
        # A function of a function: the loop is inside, as one batch.
        return torch.func.jacrev(lambda x: x * x)(x.detach())

    def by_vmap() -> torch.Tensor:
        # The same by hand: vmap runs one backward pass for all rows of
        # the identity at once.
        def pull_back(row: torch.Tensor) -> torch.Tensor:
            return torch.autograd.grad(y, x, row, retain_graph=True)[0]

        return torch.vmap(pull_back)(torch.eye(size))

    results: dict[str, object] = {}
    medians = []
    ways = [("rows", by_rows), ("jacrev", by_jacrev), ("vmap", by_vmap)]
    for name, way in ways:
        results[name] = way()  # sets things up, and is not timed
        times = []
        for _ in range(7):
            start = time.perf_counter()
            way()
            times.append(1000 * (time.perf_counter() - start))
        # Whatever else the computer does makes a call slower, seldom
        # four of seven.
        medians.append(sorted(times)[3])
    return {"x": x, **results, "milliseconds": torch.tensor(medians)}


# ------------------------------------------------------------------------------------------------------------ claimed


def _ones_are_column_sums(found: Found) -> Iterator[Claim]:
    yield refused(
        "PyTorch raises an error for x itself", found["error"], "grad can be implicitly created only for scalar outputs"
    )
    yield equal("The gradient of the sum is 1 everywhere", found["gradient"], torch.ones(found["size"]))
    yield equal("The gradient equals the column sums of the Jacobian", found["gradient"], found["column_sums"])


def _is_the_identity(found: Found) -> Iterator[Claim]:
    yield equal(
        f"The Jacobian is the identity matrix with {found['size']} rows", found["jacobian"], torch.eye(found["size"])
    )


def _rule_of_powers(found: Found) -> Iterator[Claim]:
    power, x = found["power"], found["x"]
    rule = {1: "1 everywhere", 2: "2x"}.get(power, f"{power}·x^{power - 1}")
    yield equal(f"The gradient equals {rule}", found["gradient"], power * x ** (power - 1), within=1e-6)


def _all_equal(found: Found) -> Iterator[Claim]:
    yield equal("Row by row: 2x on the diagonal and zero elsewhere", found["rows"], torch.diag(2 * found["x"]))
    yield equal("jacrev returns the same matrix", found["jacrev"], found["rows"])
    yield equal("vmap returns the same matrix", found["vmap"], found["rows"])


def _ones_or(found: Found) -> int:
    gradient, x = found["gradient"], found["x"]
    return index_of(gradient.ndim == 2, torch.equal(gradient, torch.ones_like(x)), torch.equal(gradient, x))


def _diagonal_or(found: Found) -> int:
    jacobian, size = found["jacobian"], found["size"]
    return index_of(bool((jacobian == 1).all()), not jacobian.any(), torch.equal(jacobian, torch.eye(size)))


def _rule(found: Found) -> int:
    x, power, gradient = found["x"], found["power"], found["gradient"]
    rules = (x ** (power + 1) / (power + 1), power * x ** (power - 1), power * x**power)
    return index_of(*(torch.allclose(gradient, rule) for rule in rules))


STEPS = (
    Step(
        "PyTorch cannot compute the gradient of x with respect to x: x has {size} elements, and backward() starts "
        "from a single number. So we add the elements with .sum(). The gradient of the sum is 1 for each element.",
        ones,
        _ones_are_column_sums,
        question=Question(
            "total is the sum of x * 1. What is x.grad after total.backward()?",
            ("An identity matrix with {size} rows.", "{size} ones.", "x itself."),
            _ones_or,
            told=True,
        ),
        graph_of="total",
        pictures=(
            Picture(
                "bars",
                ("x", "gradient"),
                "x and the gradient of its sum",
                "∂(Σ x)/∂x[i] = 1 for every x.",
                "x; sum per unit of x",
                labels=("x", "gradient"),
                across="element",
            ),
        ),
    ),
    Step(
        "The Jacobian is the identity.",
        identity,
        _is_the_identity,
        question=Question(
            "Row k, column i of the Jacobian says how much element k changes with element i. What is in it?",
            ("Ones everywhere.", "Zeros everywhere.", "Ones on the diagonal, zeros elsewhere."),
            _diagonal_or,
            told=True,
        ),
        pictures=(
            Picture(
                "heatmap",
                ("jacobian",),
                "Jacobian of x with respect to x",
                "J[k, i] = ∂x[k]/∂x[i]: 1 on the diagonal, 0 elsewhere. Each column sums to 1.",
                "x per unit of x",
                across="x[i]",
                down="x[k]",
            ),
        ),
    ),
    Step(
        "x to the power of {power}, element by element.",
        power_of_x,
        _rule_of_powers,
        question=Question(
            "y = xⁿ with n = {power}. What is the gradient of its sum?",
            ("xⁿ⁺¹ / (n + 1)", "n·xⁿ⁻¹", "n·xⁿ"),
            _rule,
            "Each element counts once in the sum, so its derivative is that of xⁿ.",
        ),
        graph_of="total",
        pictures=(
            Picture(
                "lines",
                ("x", "y", "gradient"),
                "x to the power of {power}, and its gradient",
                "∂(Σ xⁿ)/∂x[i] = n·x[i]ⁿ⁻¹ with n = {power}.",
                "y; sum per unit of x",
                labels=("y", "gradient"),
                across="x",
            ),
        ),
    ),
    Step(
        "The Jacobian of x * x, computed in three ways: row by row, with jacrev, and with vmap.",
        three_ways_to_a_jacobian,
        _all_equal,
        question=Question(
            "x has {size} elements. How many backward passes does by_rows run?",
            ("1", "{size}", "{size}·{size}"),
            lambda found: index_of(
                len(found["rows"]) == 1, len(found["rows"]) == found["size"], len(found["rows"]) == found["size"] ** 2
            ),
            "It runs one for each output, that is one for each row of the matrix.",
        ),
        pictures=(
            Picture(
                "heatmap",
                ("rows",),
                "Jacobian of x * x",
                "J[k, i] = ∂(x[k]²)/∂x[i]: 2·x[i] on the diagonal, 0 elsewhere.",
                "x² per unit of x",
                across="x[i]",
                down="output k",
            ),
            Picture(
                "bars",
                ("milliseconds",),
                "Time of each method",
                "Medians of seven calls with {size} elements, measured when this answer was computed. A new run "
                "gives other times.",
                "ms",
                labels=("time",),
                across="way",
                ticks=("rows", "jacrev", "vmap"),
            ),
        ),
    ),
)
