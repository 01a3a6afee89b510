"""``.grad`` is None: a network that cuts the graph, and two ways to write into a tensor that go wrong.

The single causes to choose from are in ``missing_causes.py``.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from gradviz_core.lessons import missing_causes
from gradviz_core.lessons.steps import Found, Question, Step, equal, index_of, missing, refused, there
from gradviz_core.types.lesson_cards import Claim, Picture

# -------------------------------------------------------------------------------------------------------------- shown


def detached(cut: str, seed: int) -> dict[str, object]:
    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(4, 8)
            self.second = nn.Linear(8, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if cut == "input":
                x = x.detach()  # its numbers alone
            hidden = torch.tanh(self.first(x))
            if cut == "hidden":
                hidden = hidden.detach()
            return self.second(hidden)

    torch.manual_seed(seed)
    network = Network()
    x = torch.randn(3, 4, requires_grad=True)
    loss = network(x).square().mean()
    loss.backward()

    # How long is each gradient? nan, no number, where there is none.
    first, second = network.first, network.second
    tensors = [x, first.weight, first.bias, second.weight, second.bias]
    lengths = torch.full([5], torch.nan)
    for i, tensor in enumerate(tensors):
        if tensor.grad is not None:
            lengths[i] = tensor.grad.norm()
    return {
        "network": network,
        "x": x,
        "loss": loss,
        "gradient_of_x": x.grad,
        "gradient_of_first_weight": network.first.weight.grad,
        "gradient_of_second_weight": network.second.weight.grad,
        "lengths": lengths,
    }


def written_into_a_leaf(seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    x = torch.randn(5, requires_grad=True)

    # x is a leaf that wants its gradient: its old values may not be
    # overwritten.
    error = None
    try:
        x[:] = x * 2
    except RuntimeError as caught:
        error = caught

    # Repaired: a new tensor with a name of its own.
    doubled = x * 2
    total = doubled.sum()
    total.backward()
    return {"x": x, "error": error, "total": total, "gradient": x.grad}


def written_into_the_callers_data(seed: int) -> dict[str, object]:
    def careless(x: torch.Tensor) -> torch.Tensor:
        x[:] = x * 2  # writes into the caller's tensor
        return x.sum()

    def careful(x: torch.Tensor) -> torch.Tensor:
        x = x * 2  # a new tensor, with a name of its own
        return x.sum()

    torch.manual_seed(seed)
    data = torch.randn(5)  # wants no gradient, so nothing is raised
    before = data.clone()
    careless(data)
    after_careless = data.clone()

    # Repaired: the same sum, and the data are as they were.
    data = before.clone()
    careful(data)
    return {
        "before": before,
        "after_careless": after_careless,
        "after_careful": data,
    }


# ------------------------------------------------------------------------------------------------------------ claimed


def _where_it_is_missing(found: Found) -> Iterator[Claim]:
    of_x, of_first = found["gradient_of_x"], found["gradient_of_first_weight"]
    yield (there if found["cut"] == "nowhere" else missing)("The gradient of the input", of_x)
    yield (missing if found["cut"] == "hidden" else there)("The gradient of the first layer's weight", of_first)
    yield there("The gradient of the second layer's weight", found["gradient_of_second_weight"])


def _leaf_refused_and_repaired(found: Found) -> Iterator[Claim]:
    yield refused("PyTorch refuses", found["error"], "leaf Variable that requires grad")
    twos = torch.full_like(found["x"], 2)
    yield equal("Fixed: the gradient is 2 everywhere", found["gradient"], twos)


def _data_changed_and_repaired(found: Found) -> Iterator[Claim]:
    yield equal("Without an error, the caller's data are doubled", found["after_careless"], 2 * found["before"])
    yield equal("Fixed: the data are unchanged", found["after_careful"], found["before"])


def _which_are_none(found: Found) -> int:
    of_x, of_first = found["gradient_of_x"] is None, found["gradient_of_first_weight"] is None
    return index_of(of_x and not of_first, of_x and of_first, not of_x and not of_first)


def _data_afterwards(found: Found) -> int:
    before, after = found["before"], found["after_careless"]
    return index_of(torch.equal(after, before), torch.equal(after, 2 * before), not after.any())


STEPS = (
    Step(
        "A two-layer network that may cut the graph. Seen from the loss, gradients before the cut exist; those "
        "behind it are None.",
        detached,
        _where_it_is_missing,
        question=Question(
            "After loss.backward(), which gradients are None?",
            ("Only that of x.", "Those of x and of the first layer.", "None of them: all gradients exist."),
            _which_are_none,
        ),
        graph_of="loss",
        pictures=(
            Picture(
                "bars",
                ("lengths",),
                "Norm of each gradient",
                "‖∂loss/∂t‖₂ for the input and every parameter. A gap means that the gradient is None.",
                "loss per unit",
                labels=("length",),
                across="tensor",
                ticks=("x", "first.weight", "first.bias", "second.weight", "second.bias"),
            ),
        ),
    ),
    Step(
        "x[:] = x * 2 raises an error on a leaf that requires a gradient.",
        written_into_a_leaf,
        _leaf_refused_and_repaired,
        question=Question(
            "x is a leaf that requires a gradient. What does x[:] = x * 2 do?",
            ("It doubles x, and x.grad will be 2.", "It doubles x, and x.grad will be 1.", "It raises an error."),
            lambda found: index_of(False, found["error"] is None, found["error"] is not None),
            told=True,
        ),
        repaired_graph_of="total",
    ),
    Step(
        "On a tensor that does not require a gradient, the same line silently changes the caller's data.",
        written_into_the_callers_data,
        _data_changed_and_repaired,
        question=Question(
            "careless(data) returns a sum. What does data hold afterwards?",
            ("The values from before.", "Twice the values from before.", "Zeros."),
            _data_afterwards,
            told=True,
        ),
        pictures=(
            Picture(
                "bars",
                ("before", "after_careless", "after_careful"),
                "The caller's data",
                "Five numbers: before the call, after the careless function and after the careful one.",
                "value",
                labels=("before", "after careless", "after careful"),
                across="element",
            ),
        ),
    ),
    *missing_causes.STEPS,
)
