"""Reasons for a gradient that is None though nothing cut the graph, each with its repair: it was asked of the wrong
tensor, too soon or too late, or the loss does not depend on it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import torch
from torch import nn

from gradviz_core.lessons.cause_question import NONE_ZERO_OR_MORE
from gradviz_core.lessons.steps import Found, Step, equal, missing, refused, there, zero
from gradviz_core.types.lesson_cards import Claim

# -------------------------------------------------------------------------------------------------------------- shown


def before_backward(seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    weight = torch.randn(4, requires_grad=True)

    loss = (weight**2).sum()
    too_early = weight.grad  # the loss is there; nobody went back yet

    # autograd.grad returns the gradient, and writes it nowhere.
    (returned,) = torch.autograd.grad(loss, weight, retain_graph=True)
    gradient = weight.grad

    # Repaired: backward() is what fills .grad.
    loss.backward()
    return {
        "weight": weight,
        "loss": loss,
        "too_early": too_early,
        "returned": returned,
        "gradient": gradient,
        "repaired_gradient": weight.grad,
    }


def after_zero_grad(seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    layer = nn.Linear(4, 1)
    x = torch.randn(1, 4)

    loss = layer(x).sum()
    loss.backward()
    layer.zero_grad()  # takes gradients away: None, no longer zeros
    gradient = layer.weight.grad

    # Repaired: read it between backward() and zero_grad().
    layer(x).sum().backward()
    repaired_gradient = layer.weight.grad.clone()

    # Or ask for zeros, where code relies on a tensor being there.
    layer.zero_grad(set_to_none=False)
    return {
        "layer": layer,
        "x": x,
        "loss": loss,
        "gradient": gradient,
        "repaired_gradient": repaired_gradient,
        "zeros": layer.weight.grad,
    }


def unused_layer(seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    used, unused = nn.Linear(4, 1), nn.Linear(4, 1)
    x = torch.randn(1, 4)

    # A branch that was not taken, or a layer that forward() forgot.
    rare = False
    loss = (unused(x) if rare else used(x)).sum()
    loss.backward()
    gradient, gradient_of_used = unused.weight.grad, used.weight.grad

    # backward() says nothing of it; autograd.grad does.
    error = None
    try:
        torch.autograd.grad(used(x).sum(), unused.weight)
    except RuntimeError as caught:
        error = caught

    # Repaired: the loss depends on both.
    repaired_loss = (used(x) + unused(x)).sum()
    repaired_loss.backward()
    return {
        "used": used,
        "unused": unused,
        "x": x,
        "loss": loss,
        "gradient": gradient,
        "gradient_of_used": gradient_of_used,
        "error": error,
        "repaired_loss": repaired_loss,
        "repaired_gradient": unused.weight.grad,
    }


def non_leaf(seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    leaf = torch.randn(4, requires_grad=True)
    # A result, so no leaf: also where both stand in one line, and the
    # leaf has no name.
    x = 10 * leaf
    loss = x.sum()
    loss.backward()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        gradient = x.grad
    warning = said[0].message
    gradient_of_leaf = leaf.grad.clone()

    # Repaired: ask for it before the backward pass.
    again = 10 * leaf
    again.retain_grad()
    again.sum().backward()
    return {
        "leaf": leaf,
        "x": x,
        "loss": loss,
        "warning": warning,
        "gradient": gradient,
        "gradient_of_leaf": gradient_of_leaf,
        "repaired_gradient": again.grad,
    }


def moved_leaf(seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    leaf = torch.randn(4, requires_grad=True)

    # Another device or type makes a new tensor, computed from the leaf:
    # .to(device), .cuda() and .half() are no other than .double().
    moved = leaf.double()
    loss = (moved**2).sum()
    loss.backward()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        gradient = moved.grad
    warning = said[0].message
    gradient_of_leaf = leaf.grad

    # Repaired: move it first, and require the gradient then.
    again = leaf.detach().double().requires_grad_()
    repaired_loss = (again**2).sum()
    repaired_loss.backward()
    return {
        "leaf": leaf,
        "loss": loss,
        "warning": warning,
        "gradient": gradient,
        "gradient_of_leaf": gradient_of_leaf,
        "again": again,
        "repaired_loss": repaired_loss,
        "repaired_gradient": again.grad,
    }


# ------------------------------------------------------------------------------------------------------------ claimed


def _before_backward(found: Found) -> Iterator[Claim]:
    yield missing("Before backward() the weight's gradient", found["too_early"])
    yield equal("autograd.grad returns 2·weight", found["returned"], 2 * found["weight"])
    yield missing("After it the weight's .grad", found["gradient"])
    yield equal("Fixed: .grad equals 2·weight", found["repaired_gradient"], 2 * found["weight"])


def _after_zero_grad(found: Found) -> Iterator[Claim]:
    yield missing("After zero_grad() the weight's gradient", found["gradient"])
    yield equal("Read before it, the gradient equals the input", found["repaired_gradient"], found["x"])
    yield zero("With set_to_none=False the gradient", found["zeros"])


def _unused_layer(found: Found) -> Iterator[Claim]:
    yield missing("The gradient of the unused weight", found["gradient"])
    yield there("The gradient of the used weight", found["gradient_of_used"])
    yield refused("autograd.grad raises an error", found["error"], "appears to not have been used in the graph")
    yield equal("Fixed: it equals the input", found["repaired_gradient"], found["x"])


def _non_leaf(found: Found) -> Iterator[Claim]:
    yield missing("The gradient of x, which is not a leaf,", found["gradient"])
    yield equal("The gradient of the leaf is 10 everywhere", found["gradient_of_leaf"], torch.full((4,), 10.0))
    yield Claim("PyTorch warns about it.", "not a leaf Tensor" in str(found["warning"]))
    yield equal("With retain_grad() it is 1 everywhere", found["repaired_gradient"], torch.ones(4))


def _moved_leaf(found: Found) -> Iterator[Claim]:
    yield missing("The gradient of the moved tensor, which is not a leaf,", found["gradient"])
    yield Claim("PyTorch warns about it.", "not a leaf Tensor" in str(found["warning"]))
    yield equal("The gradient reaches the leaf, where it equals 2·leaf", found["gradient_of_leaf"], 2 * found["leaf"])
    yield equal("Fixed: it equals 2 times the moved tensor", found["repaired_gradient"], 2 * found["again"])


STEPS = (
    Step(
        "Before backward() runs, .grad is None. autograd.grad returns the gradient and does not fill .grad either.",
        before_backward,
        _before_backward,
        "loss",
        only=("cause", "before_backward"),
        question=NONE_ZERO_OR_MORE,
    ),
    Step(
        "By default zero_grad() does not write zeros: it sets .grad to None.",
        after_zero_grad,
        _after_zero_grad,
        only=("cause", "zero_grad"),
        question=NONE_ZERO_OR_MORE,
    ),
    Step(
        "A layer that the loss does not depend on gets no gradient, and no error is raised.",
        unused_layer,
        _unused_layer,
        "loss",
        repaired_graph_of="repaired_loss",
        only=("cause", "unused"),
        question=NONE_ZERO_OR_MORE,
    ),
    Step(
        "The gradient of an intermediate value is dropped unless you ask for it. The graph is intact: it leads "
        "through x to the leaf.",
        non_leaf,
        _non_leaf,
        "loss",
        only=("cause", "non_leaf"),
        question=NONE_ZERO_OR_MORE,
    ),
    Step(
        "A leaf moved to another device or dtype becomes a new tensor that is not a leaf: the gradient belongs to "
        "the original.",
        moved_leaf,
        _moved_leaf,
        "loss",
        repaired_graph_of="repaired_loss",
        only=("cause", "moved"),
        question=NONE_ZERO_OR_MORE,
    ),
)
