"""Pushing one hidden neuron by changing the input along the sign of a gradient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import nn
from torch.nn import functional

from gradviz_core.lessons.steps import Found, Question, Step, index_of, zero
from gradviz_core.types.colour_scales import DIVERGING
from gradviz_core.types.lesson_cards import Claim, Picture

# -------------------------------------------------------------------------------------------------------------- shown


def adding_and_subtracting(
    unit: int,
    epsilon: float,
    seed: int,
) -> dict[str, object]:
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Linear(784, 128),
        nn.ReLU(),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )
    hidden_part = network[:4]  # up to the 64 units, after their ReLU
    x = (0.2 + 0.6 * torch.rand(1, 784)).requires_grad_()

    # What is wanted: 1 at the chosen unit, 0 at the others.
    wanted = functional.one_hot(torch.tensor([unit]), 64).float()
    hidden = hidden_part(x)
    loss = functional.mse_loss(hidden, wanted)
    (gradient,) = torch.autograd.grad(loss, x, retain_graph=True)
    # That of the unit alone is zero where the unit is dead.
    (gradient_of_unit,) = torch.autograd.grad(hidden[0, unit], x)

    # The gradient points to where the loss GROWS, which is away from
    # what is wanted: subtract, to get there.
    step = epsilon * gradient.sign()
    with torch.no_grad():
        hidden_added = hidden_part(x + step)
        hidden_subtracted = hidden_part(x - step)
        loss_added = functional.mse_loss(hidden_added, wanted)
        loss_subtracted = functional.mse_loss(hidden_subtracted, wanted)

    before = hidden.detach()
    units = torch.cat([hidden_added, before, hidden_subtracted])[:, unit]
    losses = torch.stack([loss_added, loss.detach(), loss_subtracted])
    return {
        "network": network,
        "x": x,
        "loss": loss,
        "loss_added": loss_added,
        "loss_subtracted": loss_subtracted,
        "losses": losses,
        "units": units,
        "gradient_of_unit": gradient_of_unit,
        "step_as_picture": step.view(28, 28),
    }


def a_dead_unit(epsilon: float, seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Linear(784, 128),
        nn.ReLU(),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )
    x = (0.2 + 0.6 * torch.rand(1, 784)).requires_grad_()

    # The unit whose sum before the ReLU is furthest below zero.
    before_relu = network[:3](x)
    dead = before_relu.argmin().item()
    hidden = before_relu.relu()
    activation = hidden[0, dead]
    loss = (activation - 1) ** 2  # wanted at 1, whatever others do
    (gradient,) = torch.autograd.grad(loss, x, retain_graph=True)

    moved = x - epsilon * gradient.sign()  # the sign of 0 is 0
    after = network[:4](moved)[0, dead]

    # The others can be pushed: wanted at 0, as in the step above, they
    # move the input, and so the dead unit's sum.
    wanted = functional.one_hot(torch.tensor([dead]), 64).float()
    loss_of_all = functional.mse_loss(hidden, wanted)
    (gradient_of_all,) = torch.autograd.grad(loss_of_all, x)
    pushed = x - epsilon * gradient_of_all.sign()
    pushed_by_others = network[:3](pushed)[0, dead]
    return {
        "network": network,
        "x": x,
        "dead": dead,
        "before_relu": before_relu,
        "activation": activation,
        "loss": loss,
        "gradient": gradient,
        "moved_by": (moved - x).abs().max(),
        "after": after,
        "pushed_by_others": pushed_by_others,
    }


def predicted_and_actual(
    unit: int,
    epsilon: float,
    direction: str,
    seed: int,
) -> dict[str, object]:
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Linear(784, 128),
        nn.ReLU(),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )
    # With 16 digits, very small steps can be told from rounding.
    hidden_part = network[:4].double()
    x = (0.2 + 0.6 * torch.rand(1, 784)).double().requires_grad_()
    wanted = functional.one_hot(torch.tensor([unit]), 64).double()
    loss = functional.mse_loss(hidden_part(x), wanted)
    (gradient,) = torch.autograd.grad(loss, x)
    way = gradient.sign() if direction == "add" else -gradient.sign()

    # To first order a step changes the loss by gradient times step.
    # ReLUs that switch and squares do the rest.
    slope = (gradient * way).sum()
    tiny = torch.tensor([0, 1e-7])
    larger = torch.linspace(epsilon / 4, 10 * epsilon, 40)
    epsilons = torch.cat([tiny, larger]).double()
    with torch.no_grad():
        predicted = loss + epsilons * slope
        losses = []
        for size in epsilons:
            hidden = hidden_part(x + size * way)
            losses.append(functional.mse_loss(hidden, wanted))
        actual = torch.stack(losses)
    return {
        "loss": loss,
        "slope": slope,
        "epsilons": epsilons,
        "predicted": predicted,
        "actual": actual,
    }


# ------------------------------------------------------------------------------------------------------------ claimed


def _away_and_towards(found: Found) -> Iterator[Claim]:
    added, before, subtracted = found["losses"].tolist()
    yield Claim(
        f"Adding, as in the popular answer, moves away from the target: the loss grows from {before:.5f} to "
        f"{added:.5f}.",
        added > before,
    )
    yield Claim(f"Subtracting moves towards the target: the loss falls to {subtracted:.5f}.", subtracted < before)
    unit, (unit_added, unit_before, unit_subtracted) = found["unit"], found["units"].tolist()
    if unit_before > 0:
        yield Claim(
            f"Unit {unit}, whose target is 1, falls from {unit_before:.4f} to {unit_added:.4f} by adding and rises "
            f"to {unit_subtracted:.4f} by subtracting.",
            unit_added < unit_before < unit_subtracted,
        )
    else:
        yield zero(f"Unit {unit} is dead: its own gradient", found["gradient_of_unit"])
        yield _pushed_by_others(unit, unit_before, {"adding": unit_added, "subtracting": unit_subtracted})


def _pushed_by_others(unit: int, before: float, after: Mapping[str, float]) -> Claim:
    """What becomes of a dead unit when the input moves for the sake of the others."""
    awake = " and ".join(f"from {before:g} to {value:.2g} by {way}" for way, value in after.items() if value > 0)
    what = f"The other units change the loss. Unit {unit}"
    if awake:
        return Claim(f"{what} is activated by the step for the others, {awake}.", before == 0)
    return Claim(
        f"{what} stays at 0, whether the step is added or subtracted.",
        all(value == before == 0 for value in after.values()),
    )


def _does_not_move(found: Found) -> Iterator[Claim]:
    dead, before, pushed = found["dead"], float(found["before_relu"].min()), float(found["pushed_by_others"])
    yield zero(f"The value of unit {dead} before its ReLU is {before:.3f}, so the gradient", found["gradient"])
    yield Claim(f"The input changes by {found['moved_by']:g}.", not found["moved_by"])
    yield Claim(
        f"The unit is {found['activation']:g} before the step and {found['after']:g} after it.",
        float(found["activation"]) == float(found["after"]) == 0,
    )
    yield Claim(
        f"A step for the other units changes its value before the ReLU by {pushed - before:.2g}, to {pushed:.3f}: it "
        f"{'becomes active' if pushed > 0 else 'stays dead'}.",
        abs(pushed - before) > 0,
    )


def _true_for_small_steps(found: Found) -> Iterator[Claim]:
    sizes = found["epsilons"]
    off = ((found["predicted"] - found["actual"]) / (found["predicted"] - found["loss"])).abs()
    yield Claim(
        f"At ε = {sizes[1]:.2g} the prediction is off by less than a thousandth of the change, by {off[1]:.1g} of it.",
        bool(off[1] < 1e-3),
    )
    yield Claim(
        f"At ε = {sizes[-1]:.2g} it is off by more, by {off[-1]:.2g} of the predicted change.",
        bool(off[-1] > off[1]),
    )


def _which_way_down(found: Found) -> int:
    added, before, subtracted = found["losses"].tolist()
    return index_of(added < before <= subtracted, subtracted < before <= added, min(added, subtracted) >= before)


def _of_a_dead_unit(found: Found) -> int:
    gradient = found["gradient"]
    return index_of(gradient is None, gradient is not None and bool(gradient.any()), gradient is not None)


def _beside_the_line(found: Found) -> int:
    apart = float(found["actual"][-1] - found["predicted"][-1])
    return index_of(apart > 0, apart < 0, apart == 0)


STEPS = (
    Step(
        "A network 784 → 128 → 64 → 10. The target for unit {unit} of the 64 is 1, and 0 for the others; the input "
        "changes by {epsilon:g} times the sign of the gradient of the mean squared error.",
        adding_and_subtracting,
        _away_and_towards,
        question=Question(
            "step is ε times the sign of the gradient of the loss. In which direction does the loss fall?",
            ("When the step is added.", "When the step is subtracted.", "In neither of them."),
            _which_way_down,
        ),
        graph_of="loss",
        pictures=(
            Picture(
                "bars",
                ("losses",),
                "Loss after a step",
                "Mean squared error between the 64 activations and their targets. The gradient points uphill.",
                "activation, squared",
                labels=("loss",),
                across="step",
                ticks=("added", "no step", "subtracted"),
            ),
            Picture(
                "bars",
                ("units",),
                "Unit {unit} after a step",
                "Its activation; the target is 1. A dead unit stays at 0 unless the step for the others activates it.",
                "activation",
                labels=("unit {unit}",),
                across="step",
                ticks=("added", "no step", "subtracted"),
            ),
            Picture(
                "heatmap",
                ("step_as_picture",),
                "The step when it is added",
                "ε · sign(∂loss/∂x), the 784 inputs as 28×28: every input changes by the same amount. When it is "
                f"subtracted, {DIVERGING.high} and {DIVERGING.low} are swapped.",
                "unit of input",
                across="column",
                down="row",
            ),
        ),
    ),
    Step(
        "On its own, a dead unit does not move at all: its gradient is zero, so there is no direction to follow. A "
        "step for the other units can still change its value before the ReLU.",
        a_dead_unit,
        _does_not_move,
        question=Question(
            "The unit's sum before the ReLU is below zero: it is dead. What is the gradient of its own loss with "
            "respect to x?",
            ("None.", "A direction in which the sum grows.", "Zero everywhere."),
            _of_a_dead_unit,
            told=True,
        ),
        graph_of="loss",
    ),
    Step(
        "The gradient predicts the change well for small steps. For larger steps the network is not linear.",
        predicted_and_actual,
        _true_for_small_steps,
        question=Question(
            "The gradient predicts that the loss changes along a straight line. Where is the actual loss after a step "
            "of 10·ε?",
            ("Above that line.", "Below it.", "On it."),
            _beside_the_line,
        ),
        pictures=(
            Picture(
                "lines",
                ("epsilons", "predicted", "actual"),
                "Predicted and actual loss",
                "Predicted: loss + ε · Σ ∂loss/∂x · d, where d is the sign of the gradient, negated if the step is "
                "subtracted. Actual: the loss of the network at x + ε · d.",
                "activation, squared",
                labels=("predicted", "actual"),
                across="ε, in units of input",
            ),
        ),
    ),
)
