"""Two reasons for a gradient that is zero or nearly, which is not None: a saturated sigmoid and a dead ReLU."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import nn

from gradviz_core.lessons.cause_question import NONE_ZERO_OR_MORE
from gradviz_core.lessons.steps import Found, Step, equal, there, zero
from gradviz_core.types.lesson_cards import Claim, Picture

# -------------------------------------------------------------------------------------------------------------- shown


def saturated(far: float) -> dict[str, object]:
    # Far from zero a sigmoid s is nearly flat: its slope is s * (1 - s).
    # On the right float32 rounds s to 1, from about x = 17 on, and the
    # slope to exactly 0. On the left it gets ever smaller.
    x = torch.tensor(far, requires_grad=True)
    y = torch.sigmoid(x)
    y.backward()

    # Repaired: keep its input small, by normalising before it.
    near = torch.tensor(far / 20, requires_grad=True)
    torch.sigmoid(near).backward()

    # The slope along the way.
    along = torch.linspace(-far, far, 81, requires_grad=True)
    (slope,) = torch.autograd.grad(torch.sigmoid(along).sum(), along)
    return {
        "x": x,
        "y": y,
        "gradient": x.grad,
        "repaired_gradient": near.grad,
        "along": along,
        "slope": slope,
    }


def dead(far: float) -> dict[str, object]:
    # Left of zero a ReLU is flat: its slope is exactly 0 there, and 1 on
    # the right.
    x = torch.tensor(-far, requires_grad=True)
    y = torch.relu(x)
    y.backward()

    # Repaired: a leaky ReLU lets a hundredth through.
    again = torch.tensor(-far, requires_grad=True)
    nn.functional.leaky_relu(again, negative_slope=0.01).backward()

    # The slope along the way.
    along = torch.linspace(-far, far, 81, requires_grad=True)
    (slope,) = torch.autograd.grad(torch.relu(along).sum(), along)
    return {
        "x": x,
        "y": y,
        "gradient": x.grad,
        "repaired_gradient": again.grad,
        "along": along,
        "slope": slope,
    }


# ------------------------------------------------------------------------------------------------------------ claimed


def _saturated(found: Found) -> Iterator[Claim]:
    far, gradient, left = found["far"], float(found["gradient"]), float(found["slope"][0])
    exact = _slope_of_sigmoid(far)
    yield Claim(
        f"At x = {far:g} the gradient is {gradient:.2g}, {_how_small(gradient)}; the exact value is {exact:.2g}.",
        abs(gradient - exact) < 1e-7 and (gradient == 0) == (float(found["y"]) == 1),
    )
    yield Claim(
        f"At x = −{far:g} it is {left:.2g}, which is not rounded to zero.",
        left > 0 and abs(left / exact - 1) < 1e-3,
    )
    yield there(f"At x = {far / 20:g} the gradient", found["repaired_gradient"])


def _slope_of_sigmoid(x: float) -> float:
    """s(x)·(1 − s(x)) in float64, written so that nothing is rounded away."""
    return math.exp(-x) / (1 + math.exp(-x)) ** 2


def _how_small(slope: float) -> str:
    if slope == 0:
        return "exactly zero in float32"
    if slope < 1e-3:
        return "nearly zero"
    return "small" if slope < 0.05 else "not small yet"


def _how_flat(found: Found) -> dict[str, str]:
    return {"right": _how_small(float(found["gradient"])), "left": _how_small(float(found["slope"][0]))}


def _dead(found: Found) -> Iterator[Claim]:
    yield zero(f"At x = −{found['far']:g} the gradient", found["gradient"])
    yield equal("With a leaky ReLU it is 0.01", found["repaired_gradient"], torch.tensor(0.01))


def _slope(of: str, caption: str) -> tuple[Picture, ...]:
    return (Picture("lines", ("along", "slope"), f"Slope of a {of}", caption, "slope", ("slope",), across="x"),)


STEPS = (
    Step(
        "Far from zero, a sigmoid passes on only a small gradient. At {far:g} it is {right}. Even a zero is not "
        "None: the graph is intact.",
        saturated,
        _saturated,
        "y",
        _slope(
            "sigmoid",
            "ds/dx = s·(1 − s), from −{far:g} to {far:g}: {right} at the right end, {left} at the left end. Zero is "
            "not None.",
        ),
        only=("cause", "saturated"),
        question=NONE_ZERO_OR_MORE,
        words=_how_flat,
    ),
    Step(
        "A dead ReLU passes on a gradient of zero, which is not None: the graph is intact.",
        dead,
        _dead,
        "y",
        _slope(
            "ReLU",
            "d relu(x)/dx is 0 for x < 0 and 1 for x > 0, from −{far:g} to {far:g}: a flat function has a slope of "
            "zero, and zero is not None.",
        ),
        only=("cause", "dead"),
        question=NONE_ZERO_OR_MORE,
    ),
)
