"""A loss that is flat at this input is told apart from a model that is dead; its own rectifier is no unit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.types.findings import Finding
from tests.doctor import finer
from tests.doctor.broken import rows

Loss = Callable[[Tensor], Tensor]
CLASSES = torch.zeros(4, dtype=torch.long)


def sure() -> nn.Sequential:
    """A network that is sure of class 0, by a margin of about 50."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    with torch.no_grad():
        module[2].bias[0] += 50  # type: ignore[index, operator]
    return module


FITTED: Tensor = sure()(rows()).detach()
"""What it returns."""


def only(module: Callable[..., object], loss: Loss | None = None) -> Finding:
    """The one thing that is found."""
    (finding,) = gv.diagnose(module, rows(), loss).findings
    return finding


def hinge(out: Tensor) -> Tensor:
    """One against the rest."""
    return F.relu(1 - (out[:, :1] - out[:, 1:])).mean()


LOSSES: dict[str, Loss] = {
    "hinge by hand": hinge,
    "hinge by a clamp": lambda out: (1 - (out[:, :1] - out[:, 1:])).clamp(min=0).mean(),
    "hinge by a maximum": lambda out: torch.maximum(1 - out[:, :1] + out[:, 1:], torch.zeros(())).sum(),
    "MultiMarginLoss": lambda out: nn.MultiMarginLoss()(out, CLASSES),
    "cross entropy": lambda out: F.cross_entropy(out * 10, CLASSES),
    "logarithms": lambda out: F.nll_loss(F.log_softmax(out * 10, 1), CLASSES),
    "L1": lambda out: F.l1_loss(out, FITTED),
    "L1 by hand": lambda out: (out - FITTED).abs().mean(),
    "squares": lambda out: F.mse_loss(out, FITTED),
    "squares by hand": lambda out: ((out - FITTED) * (out - FITTED)).mean(),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_loss_at_its_minimum_is_one_note_at_its_own_line(loss: Loss) -> None:
    module = sure()
    for finding in (only(module, loss), only(lambda x: loss(module(x)))):
        assert (finding.cause, finding.level) == ("flat_loss", "note")
        assert finding.file == "test_flat_losses.py"
        assert set(finding.lost) >= {"the input"}
        assert "Nothing to fix in the model" in finding.repair


def test_the_line_is_that_of_the_rectifier_and_all_that_learns_is_named() -> None:
    finding = only(sure(), hinge)
    assert finding.line == hinge.__code__.co_firstlineno + 2
    assert finding.lost == ("the input", "0.weight", "0.bias", "2.weight", "2.bias")


def test_the_rectifier_of_a_loss_is_no_unit() -> None:
    found = gv.diagnose(sure(), rows(), hinge)
    assert [layer.function for layer in found.layers] == ["tanh"]


def test_margins_that_are_met_but_for_one_are_no_finding() -> None:
    torch.manual_seed(0)
    module, labels = nn.Linear(6, 40), torch.zeros(10, dtype=torch.long)
    with torch.no_grad():
        module.bias[0] += 50
        module.bias[1] += 50
    x = torch.randn(10, 6, generator=torch.Generator().manual_seed(1))
    found = gv.diagnose(module, x, lambda out: F.relu(1 - out.gather(1, labels[:, None]) + out[:, 1:]).sum())
    assert found.findings == ()


def test_what_decays_beside_a_flat_loss_keeps_its_gradient() -> None:
    module = sure()
    finding = only(module, lambda out: hinge(out) + module[2].weight.square().sum())  # type: ignore[operator]
    assert (finding.cause, set(finding.lost)) == ("flat_loss", {"the input", "0.weight", "0.bias", "2.bias"})


def test_one_of_two_terms_is_flat() -> None:
    torch.manual_seed(0)
    body, boxes, kinds = nn.Linear(6, 8), nn.Linear(8, 4), nn.Linear(8, 3)
    h = torch.tanh(body(rows()))
    fitted = boxes(h).detach()

    def loss(x: Tensor) -> Tensor:
        h = torch.tanh(body(x))
        return F.smooth_l1_loss(boxes(h), fitted) + F.cross_entropy(kinds(h), CLASSES)

    finding = only(loss)
    assert (finding.cause, finding.lost) == ("flat_loss", ("boxes.weight", "boxes.bias"))


# ------------------------------------------------------------------------------------------------- what is not the loss


def dead() -> nn.Sequential:
    """A network none of whose hidden units is ever alive."""
    module = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    nn.init.constant_(module[0].bias, -100.0)  # type: ignore[arg-type]
    return module


@pytest.mark.parametrize("loss", [None, lambda out: out.mean(), lambda out: F.cross_entropy(out, CLASSES)])
def test_dead_units_of_the_model_are_dead_whatever_the_loss(loss: Loss | None) -> None:
    finding = only(dead(), loss)
    assert (finding.cause, finding.level) == ("dead", "broken")
    net = dead()
    given = loss or torch.sum
    assert only(lambda x: given(net(x))).cause == "dead"


def test_a_rectifier_at_the_models_end_is_the_models() -> None:
    module = dead()[:2]
    for loss in (None, lambda out: out.mean()):
        assert only(module, loss).cause == "dead"


def test_dead_units_behind_a_flat_loss_are_told_as_well() -> None:
    module = dead()
    fitted = module(rows()).detach()
    found = gv.diagnose(module, rows(), lambda out: F.mse_loss(out, fitted)).findings
    assert [(finding.cause, finding.level) for finding in found] == [("dead", "broken"), ("flat_loss", "note")]


def test_layers_of_a_loss_may_have_dead_units() -> None:
    network = dead()
    finding = only(nn.Linear(6, 6), lambda out: network(out).mean())
    assert (finding.cause, finding.level) == ("dead", "broken")


@pytest.mark.parametrize(
    ("loss", "cause"),
    [
        (lambda out: 0.0 * out.mean(), "zero_factor"),
        (lambda out: (out * torch.zeros(3)).sum(), "zero_factor"),
        (lambda out: out.round().sum(), "zero_derivative"),
        (lambda out: out.clamp(max=-100).sum(), "zero_derivative"),
        (lambda out: (torch.softmax(out * 10, 1) - torch.tensor([0.0, 1.0, 0.0])).square().sum(), "zero_derivative"),
        (lambda out: F.binary_cross_entropy(torch.sigmoid(out[:, 0] * 10), torch.zeros(4)), "saturated"),
    ],
)
def test_a_loss_that_cannot_learn_is_not_at_its_minimum(loss: Loss, cause: str) -> None:
    found = gv.diagnose(sure(), rows(), loss).findings
    assert {finding.cause for finding in found} == {cause}


def test_a_perfect_fit_inside_the_model_and_the_weight_of_a_term() -> None:
    assert [finding.cause for finding in gv.diagnose(finer.PerfectFit(), rows()).findings] == ["detach", "flat_loss"]
    assert only(finer.WeightOfZero()).cause == "zero_factor"
