"""Nine more reasons for a gradient that is missing or zero, each with its repair. One is chosen at a time."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import nn

from gradviz_core.lesson_cards import Claim, Picture
from gradviz_core.lessons.steps import Found, Step, equal, missing, refused, there, zero

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

    # Repaired: the loss is computed outside the block, which is for evaluation.
    loss = (weight**2).sum()
    loss.backward()
    return {"weight": weight, "loss": loss, "error": error, "gradient": gradient, "repaired": weight.grad}


def integer_cast(seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    weight = torch.randn(4, requires_grad=True)

    rounded = (10 * weight).long()  # whole numbers jump; a jump has no slope
    loss = rounded.float().sum()  # and casting back does not mend the graph
    error = None
    try:
        loss.backward()
    except RuntimeError as caught:
        error = caught
    gradient = weight.grad

    # Repaired: stay with floating point until the loss is there.
    loss = (10 * weight).sum()
    loss.backward()
    return {"weight": weight, "loss": loss, "error": error, "gradient": gradient, "repaired": weight.grad}


def position_of_the_largest(seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    scores = torch.randn(4, requires_grad=True)

    winner = scores.argmax()  # a position, not a value: it has no slope either
    error = None
    try:
        winner.backward()
    except RuntimeError as caught:
        error = caught
    gradient = scores.grad

    # Repaired: differentiate the value at that position.
    best = scores[winner]
    best.backward()
    return {"scores": scores, "best": best, "error": error, "gradient": gradient, "repaired": scores.grad}


def python_number(seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    weight = torch.randn(4, requires_grad=True)

    loss = (weight**2).sum()
    number = loss.item()  # a Python number: good for printing, and for nothing else
    error = None
    try:
        number.backward()
    except AttributeError as caught:
        error = caught
    gradient = weight.grad

    # Repaired: call backward on the tensor.
    loss.backward()
    return {"weight": weight, "loss": loss, "error": error, "gradient": gradient, "repaired": weight.grad}


def new_tensor(seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    weight = torch.randn(4, requires_grad=True)

    # A new tensor holds the numbers alone. requires_grad=True silences the error and mends nothing:
    # the gradient arrives at the new tensor, and no further.
    parts = [3 * w for w in weight]
    new = torch.tensor([part.item() for part in parts], requires_grad=True)
    new.sum().backward()
    gradient = weight.grad

    # Repaired: stack the tensors themselves.
    loss = torch.stack(parts).sum()
    loss.backward()
    return {"weight": weight, "loss": loss, "gradient": gradient, "at_new": new.grad, "repaired": weight.grad}


def frozen(seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    layer = nn.Linear(4, 1)
    x = torch.randn(1, 4)

    layer.weight.requires_grad_(False)  # as one freezes a backbone, and forgets
    layer(x).sum().backward()
    gradient, of_bias = layer.weight.grad, layer.bias.grad

    # Repaired: thaw it.
    layer.zero_grad()
    layer.weight.requires_grad_(True)
    loss = layer(x).sum()
    loss.backward()
    return {
        "layer": layer,
        "x": x,
        "loss": loss,
        "gradient": gradient,
        "of_bias": of_bias,
        "repaired": layer.weight.grad,
    }


def non_leaf(seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    x = torch.randn(4, requires_grad=True) * 10  # the result of a product: x is no leaf
    x.sum().backward()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        gradient = x.grad
    warning = said[0].message

    # Repaired: ask for it before the backward pass.
    x = torch.randn(4, requires_grad=True) * 10
    x.retain_grad()
    loss = x.sum()
    loss.backward()
    return {"loss": loss, "warning": warning, "gradient": gradient, "repaired": x.grad}


def saturated(far: float) -> dict[str, object]:
    # Far to the right a sigmoid is flat: in float32 it is exactly 1, and its slope s * (1 - s) exactly 0.
    x = torch.tensor(far, requires_grad=True)
    y = torch.sigmoid(x)
    y.backward()

    # Repaired: keep its input small, by normalising before it.
    near = torch.tensor(far / 20, requires_grad=True)
    torch.sigmoid(near).backward()

    # The slope along the way.
    along = torch.linspace(-far, far, 81, requires_grad=True)
    (slope,) = torch.autograd.grad(torch.sigmoid(along).sum(), along)
    return {"x": x, "y": y, "gradient": x.grad, "repaired": near.grad, "along": along, "slope": slope}


def dead(far: float) -> dict[str, object]:
    # Left of zero a ReLU is flat: its slope is exactly 0 there, and 1 on the right.
    x = torch.tensor(-far, requires_grad=True)
    y = torch.relu(x)
    y.backward()

    # Repaired: a leaky ReLU lets a hundredth through.
    again = torch.tensor(-far, requires_grad=True)
    nn.functional.leaky_relu(again, negative_slope=0.01).backward()

    # The slope along the way.
    along = torch.linspace(-far, far, 81, requires_grad=True)
    (slope,) = torch.autograd.grad(torch.relu(along).sum(), along)
    return {"x": x, "y": y, "gradient": x.grad, "repaired": again.grad, "along": along, "slope": slope}


# ------------------------------------------------------------------------------------------------------------ claimed

NO_GRAPH = "does not require grad"


def _no_grad(found: Found) -> Iterator[Claim]:
    yield refused("Nothing was recorded", found["error"], NO_GRAPH)
    yield missing("The weight's gradient", found["gradient"])
    yield equal("Repaired, it equals 2·weight", found["repaired"], 2 * found["weight"])


def _integer_cast(found: Found) -> Iterator[Claim]:
    yield refused("The cast ended the graph", found["error"], NO_GRAPH)
    yield missing("The weight's gradient", found["gradient"])
    yield equal("Repaired, it is 10 everywhere", found["repaired"], torch.full((4,), 10.0))


def _argmax(found: Found) -> Iterator[Claim]:
    yield refused("A position has no gradient", found["error"], NO_GRAPH)
    yield missing("The scores' gradient", found["gradient"])
    one_hot = (found["scores"] == found["scores"].max()).float()
    yield equal("Repaired, it is 1 at the largest score and 0 elsewhere", found["repaired"], one_hot)


def _item(found: Found) -> Iterator[Claim]:
    yield refused("A Python number knows of no gradient", found["error"], "has no attribute 'backward'")
    yield missing("The weight's gradient", found["gradient"])
    yield equal("Repaired, it equals 2·weight", found["repaired"], 2 * found["weight"])


def _new_tensor(found: Found) -> Iterator[Claim]:
    yield missing("Nothing was raised, and the weight's gradient", found["gradient"])
    yield there("The new tensor's gradient", found["at_new"])
    yield equal("Repaired, the weight's is 3 everywhere", found["repaired"], torch.full((4,), 3.0))


def _frozen(found: Found) -> Iterator[Claim]:
    yield missing("The frozen weight's gradient", found["gradient"])
    yield there("The bias's gradient", found["of_bias"])
    yield equal("Thawed, the weight's equals the input", found["repaired"], found["x"])


def _non_leaf(found: Found) -> Iterator[Claim]:
    yield missing("The gradient of a tensor that is no leaf", found["gradient"])
    yield Claim("PyTorch warns of it.", "not a leaf Tensor" in str(found["warning"]))
    yield equal("Retained, it is 1 everywhere", found["repaired"], torch.ones(4))


def _saturated(found: Found) -> Iterator[Claim]:
    far, y, gradient = found["far"], found["y"], found["gradient"]
    if y == 1:
        yield zero(f"At x = {far:g} float32 rounds the sigmoid to 1, so the gradient", gradient)
    else:
        yield Claim(f"At x = {far:g} the gradient is {gradient:.2g}, small and not zero.", bool(gradient > 0))
    yield there(f"At x = {found['far'] / 20:g} the gradient", found["repaired"])


def _dead(found: Found) -> Iterator[Claim]:
    yield zero(f"At x = {-found['far']:g} the gradient", found["gradient"])
    yield equal("Through a leaky ReLU it is 0.01", found["repaired"], torch.tensor(0.01))


def _slope(of: str, formula: str) -> tuple[Picture, ...]:
    caption = f"{formula}, from −{{far:g}} to {{far:g}}: flat is zero, and zero is not None."
    return (Picture("lines", ("along", "slope"), f"Slope of a {of}", caption, "slope", ("slope",), across="x"),)


def _cause(
    option: str,
    sentence: str,
    code: Callable[..., dict[str, object]],
    check: Callable[[Found], Iterable[Claim]],
    graph_of: str,
    pictures: tuple[Picture, ...] = (),
) -> Step:
    return Step(sentence, code, check, graph_of, pictures, only=("cause", option))


STEPS = (
    _cause("no_grad", "Inside no_grad nothing is recorded, so there is no way back.", inside_no_grad, _no_grad, "loss"),
    _cause("integer", "A cast to whole numbers ends the graph.", integer_cast, _integer_cast, "loss"),
    _cause(
        "argmax", "argmax gives a position, and positions have no gradient.", position_of_the_largest, _argmax, "best"
    ),
    _cause("item", ".item() gives a Python number, outside of PyTorch.", python_number, _item, "loss"),
    _cause(
        "new_tensor", "A new tensor made from old numbers starts a graph of its own.", new_tensor, _new_tensor, "loss"
    ),
    _cause("frozen", "A frozen parameter gets no gradient; its neighbours do.", frozen, _frozen, "loss"),
    _cause(
        "non_leaf",
        "The gradient of a value on the way is dropped, unless it was asked for.",
        non_leaf,
        _non_leaf,
        "loss",
    ),
    _cause(
        "saturated",
        "A saturated sigmoid passes a gradient on that is zero, which is not None: the graph is whole.",
        saturated,
        _saturated,
        "y",
        _slope("sigmoid", "ds/dx = s·(1 − s)"),
    ),
    _cause(
        "dead",
        "A dead ReLU passes a gradient on that is zero, which is not None: the graph is whole.",
        dead,
        _dead,
        "y",
        _slope("ReLU", "d relu(x)/dx is 0 for x < 0 and 1 for x > 0"),
    ),
)
