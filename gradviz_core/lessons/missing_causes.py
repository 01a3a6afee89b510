"""More reasons for a gradient that is None, each with its repair. One is chosen at a time.

Those where nothing was cut are in ``uncut_causes.py``; the two that give zero, which is not None, are in
``zero_gradients.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import nn

from gradviz_core.lessons import uncut_causes, zero_gradients
from gradviz_core.lessons.cause_question import NONE_ZERO_OR_MORE
from gradviz_core.lessons.steps import Found, Step, equal, missing, refused, there
from gradviz_core.types.lesson_cards import Claim

# -------------------------------------------------------------------------------------------------------------- shown


def inside_no_grad(seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    weight = torch.randn(4, requires_grad=True)

    with torch.no_grad():  # nothing in this block is recorded
        loss = (weight**2).sum()
    error = None
    try:
        loss.backward()
    except RuntimeError as caught:
        error = caught
    gradient = weight.grad

    # Repaired: the loss is computed outside the block, which is for
    # evaluation.
    repaired_loss = (weight**2).sum()
    repaired_loss.backward()
    return {
        "weight": weight,
        "loss": loss,
        "error": error,
        "gradient": gradient,
        "repaired_loss": repaired_loss,
        "repaired_gradient": weight.grad,
    }


def integer_cast(seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    weight = torch.randn(4, requires_grad=True)

    rounded = (10 * weight).long()  # a jump between numbers has no slope
    loss = rounded.float().sum()  # casting back mends no graph
    error = None
    try:
        loss.backward()
    except RuntimeError as caught:
        error = caught
    gradient = weight.grad

    # Repaired: stay with floating point until the loss is there.
    repaired_loss = (10 * weight).sum()
    repaired_loss.backward()
    return {
        "weight": weight,
        "rounded": rounded,
        "loss": loss,
        "error": error,
        "gradient": gradient,
        "repaired_loss": repaired_loss,
        "repaired_gradient": weight.grad,
    }


def position_of_the_largest(seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    scores = torch.randn(4, requires_grad=True)

    winner = scores.argmax()  # a position has no slope either
    error = None
    try:
        winner.backward()
    except RuntimeError as caught:
        error = caught
    gradient = scores.grad

    # Repaired: differentiate the value at that position.
    best = scores[winner]
    best.backward()
    return {
        "scores": scores,
        "winner": winner,
        "error": error,
        "gradient": gradient,
        "best": best,
        "repaired_gradient": scores.grad,
    }


def python_number(seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    weight = torch.randn(4, requires_grad=True)

    loss = (weight**2).sum()
    number = loss.item()  # a Python number: good for printing alone
    error = None
    try:
        number.backward()
    except AttributeError as caught:
        error = caught
    gradient = weight.grad

    # Repaired: call backward on the tensor.
    loss.backward()
    return {
        "weight": weight,
        "number": number,
        "error": error,
        "gradient": gradient,
        "loss": loss,
        "repaired_gradient": weight.grad,
    }


def new_tensor(seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    weight = torch.randn(4, requires_grad=True)

    # A new tensor holds the numbers alone. requires_grad=True silences
    # the error and mends nothing:
    # the gradient arrives at the new tensor, and no further.
    parts = [weight.sum(), (weight**2).sum()]  # as of a loss
    numbers = [part.item() for part in parts]
    new = torch.tensor(numbers, requires_grad=True)
    loss = new.sum()
    loss.backward()
    gradient = weight.grad

    # Repaired: stack the tensors themselves.
    repaired_loss = torch.stack(parts).sum()
    repaired_loss.backward()
    return {
        "weight": weight,
        "new": new,
        "loss": loss,
        "gradient": gradient,
        "gradient_of_new": new.grad,
        "repaired_loss": repaired_loss,
        "repaired_gradient": weight.grad,
    }


def frozen(seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    layer = nn.Linear(4, 1)
    x = torch.randn(1, 4)

    layer.weight.requires_grad_(False)  # as one freezes a backbone
    loss = layer(x).sum()
    loss.backward()
    gradient, gradient_of_bias = layer.weight.grad, layer.bias.grad

    # Repaired: thaw it.
    layer.zero_grad()
    layer.weight.requires_grad_(True)
    repaired_loss = layer(x).sum()
    repaired_loss.backward()
    return {
        "layer": layer,
        "x": x,
        "loss": loss,
        "gradient": gradient,
        "gradient_of_bias": gradient_of_bias,
        "repaired_loss": repaired_loss,
        "repaired_gradient": layer.weight.grad,
    }


# ------------------------------------------------------------------------------------------------------------ claimed

NO_GRAPH = "does not require grad"


def _no_grad(found: Found) -> Iterator[Claim]:
    yield refused("Nothing was recorded", found["error"], NO_GRAPH)
    yield missing("The weight's gradient", found["gradient"])
    yield equal("Fixed: it equals 2·weight", found["repaired_gradient"], 2 * found["weight"])


def _integer_cast(found: Found) -> Iterator[Claim]:
    yield refused("The cast ends the graph", found["error"], NO_GRAPH)
    yield missing("The weight's gradient", found["gradient"])
    yield equal("Fixed: it is 10 everywhere", found["repaired_gradient"], torch.full((4,), 10.0))


def _argmax(found: Found) -> Iterator[Claim]:
    yield refused("An index has no gradient", found["error"], NO_GRAPH)
    yield missing("The scores' gradient", found["gradient"])
    one_hot = (found["scores"] == found["scores"].max()).float()
    yield equal("Fixed: it is 1 at the largest score and 0 elsewhere", found["repaired_gradient"], one_hot)


def _item(found: Found) -> Iterator[Claim]:
    yield refused("A Python number has no gradient", found["error"], "has no attribute 'backward'")
    yield missing("The weight's gradient", found["gradient"])
    yield equal("Fixed: it equals 2·weight", found["repaired_gradient"], 2 * found["weight"])


def _new_tensor(found: Found) -> Iterator[Claim]:
    yield missing("No error is raised, and the weight's gradient", found["gradient"])
    yield there("The new tensor's gradient", found["gradient_of_new"])
    expected = 1 + 2 * found["weight"]
    yield equal("Fixed: the weight's gradient equals 1 + 2·weight", found["repaired_gradient"], expected, within=1e-6)


def _frozen(found: Found) -> Iterator[Claim]:
    yield missing("The frozen weight's gradient", found["gradient"])
    yield there("The bias's gradient", found["gradient_of_bias"])
    yield equal("Unfrozen, the weight's gradient equals the input", found["repaired_gradient"], found["x"])


def _cause(
    option: str,
    sentence: str,
    code: Callable[..., dict[str, object]],
    check: Callable[[Found], Iterable[Claim]],
    graph_of: str,
    repaired_graph_of: str = "",
) -> Step:
    return Step(
        sentence,
        code,
        check,
        graph_of,
        repaired_graph_of=repaired_graph_of,
        only=("cause", option),
        question=NONE_ZERO_OR_MORE,
    )


STEPS = (
    _cause(
        "no_grad",
        "Inside no_grad nothing is recorded, so there is no path back.",
        inside_no_grad,
        _no_grad,
        "loss",
        "repaired_loss",
    ),
    _cause("integer", "A cast to integers ends the graph.", integer_cast, _integer_cast, "loss", "repaired_loss"),
    _cause(
        "argmax",
        "argmax returns an index, and an index has no gradient.",
        position_of_the_largest,
        _argmax,
        "winner",
        "best",
    ),
    _cause(
        "item", ".item() returns a Python number, which PyTorch does not track.", python_number, _item, "number", "loss"
    ),
    _cause(
        "new_tensor",
        "A new tensor built from old values starts a new graph.",
        new_tensor,
        _new_tensor,
        "loss",
        "repaired_loss",
    ),
    _cause(
        "frozen",
        "A frozen parameter gets no gradient; the others do.",
        frozen,
        _frozen,
        "loss",
        "repaired_loss",
    ),
    *uncut_causes.STEPS,
    *zero_gradients.STEPS,
)
