"""What is told of the surroundings: tensors without ``.grad``, parameters no one lists, a loss that is a number."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.errors import QuestionError
from tests.doctor.broken import Rows, rows

# --------------------------------------------------------------------------------------------- what a function reaches


def test_a_tensor_that_is_no_leaf_is_noted() -> None:
    p = torch.randn(5, requires_grad=True) * 2
    (note,) = gv.diagnose(lambda x: (x * p).sum(), torch.randn(4, 5)).findings
    assert (note.cause, note.level, note.where, note.lost) == ("no_leaf", "note", "p", ("p",))
    assert "is not a leaf" in note.sentence
    scope = {"p": p}
    exec(note.repair, scope)
    assert scope["p"].is_leaf
    assert scope["p"].requires_grad
    p = torch.randn(5, requires_grad=True) * 2
    p.retain_grad()
    assert gv.diagnose(lambda x: (x * p).sum(), torch.randn(4, 5)).findings == ()


def test_a_tensor_that_is_no_leaf_may_be_detached() -> None:
    p = torch.randn(5, requires_grad=True) * 2
    found = gv.diagnose(lambda x: (x * p.detach()).sum(), torch.randn(4, 5)).findings
    assert {finding.level for finding in found} <= {"note"}


def test_a_tensor_of_the_loss_that_is_no_leaf_is_noted() -> None:
    scale = torch.randn(3, requires_grad=True).exp()
    (note,) = gv.diagnose(nn.Linear(6, 3), rows(), lambda out: (out * scale).sum()).findings
    assert (note.cause, note.where) == ("no_leaf", "scale")


def test_a_function_in_which_nothing_learns_says_so() -> None:
    w = torch.randn(5)
    (note,) = gv.diagnose(lambda x: (x * w).sum(), torch.randn(4, 5)).findings
    assert (note.cause, note.level, note.where, note.lost) == ("frozen", "note", "w", ("w",))
    assert note.repair == "w.requires_grad_()"
    w.requires_grad_()
    assert gv.diagnose(lambda x: (x * w).sum(), torch.randn(4, 5)).findings == ()


def test_an_argument_without_a_name_gets_the_general_repair() -> None:
    (note,) = gv.diagnose(functools.partial(torch.add, torch.ones(5)), torch.randn(4, 5)).findings
    assert note.where == "argument 0"
    compile(note.repair, "repair", "exec")


def test_a_default_is_reached_too() -> None:
    ones = torch.ones(5)

    def model(x: Tensor, w: Tensor = ones) -> Tensor:
        return (x * w).sum()

    assert [note.where for note in gv.diagnose(model, torch.randn(4, 5)).findings] == ["w"]


def test_constants_beside_what_learns_are_no_finding() -> None:
    mask, target, layer = torch.ones(5), torch.zeros(4, 3), nn.Linear(5, 3)
    found = gv.diagnose(lambda x: layer(x * mask), torch.randn(4, 5), lambda out: F.mse_loss(out, target))
    assert found.findings == ()


def test_targets_of_a_loss_are_no_finding() -> None:
    target = torch.ones(4, 5)
    assert gv.diagnose(torch.sin, torch.randn(4, 5), lambda out: F.mse_loss(out, target)).findings == ()


class WithAConstant(Rows):
    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.full((8,), 2.0)

    def forward(self, x: Tensor) -> object:
        return self.third(torch.relu(self.second(torch.relu(self.first(x)) * self.scale)))


def test_a_plain_tensor_of_a_module_is_no_finding() -> None:
    assert gv.diagnose(WithAConstant(), rows()).findings == ()


def test_one_input_is_one_input() -> None:
    assert str(gv.diagnose(lambda x: x.sin(), torch.randn(3))).endswith(", 1 input.")
    assert str(gv.diagnose(nn.Linear(6, 3), rows())).endswith(", 3 inputs and parameters.")


# -------------------------------------------------------------------------------------------------------- unregistered


class PlainList(Rows):
    """Layers that are held in a list, and a layer in two places."""

    def __init__(self) -> None:
        super().__init__()
        self.more = [nn.Linear(8, 8), self.second]

    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.first(x))
        for layer in self.more:
            h = torch.tanh(layer(h))
        return self.third(h)


def test_parameters_that_no_one_lists_are_noted() -> None:
    (note,) = gv.diagnose(PlainList(), rows()).findings
    assert (note.cause, note.level, note.where, note.lost) == ("unregistered", "note", "more[0]", ())
    assert "more[0].weight and more[0].bias" in note.sentence
    assert "nn.ModuleList" in note.repair


def test_a_hidden_part_that_does_not_learn_is_no_finding() -> None:
    module = PlainList()
    module.more[0].requires_grad_(False)
    assert {finding.cause for finding in gv.diagnose(module, rows()).findings} <= {"frozen"}


def test_parameters_of_a_function_are_for_the_author_to_list() -> None:
    layers = [nn.Linear(6, 5), nn.Linear(5, 3)]
    assert gv.diagnose(lambda x: layers[1](torch.tanh(layers[0](x))), rows()).findings == ()


# ------------------------------------------------------------------------------------------- numbers and their way out


@pytest.mark.parametrize(
    ("loss", "call"),
    [
        (lambda out: out.sum().item(), ".item()"),
        (lambda out: float(out.sum()), "float(...)"),
        (lambda out: out.sum().detach().numpy().sum(), ".numpy()"),
    ],
)
def test_a_loss_that_is_a_number_names_the_call_that_made_it_one(loss: Any, call: str) -> None:
    with pytest.raises(QuestionError) as raised:
        gv.diagnose(nn.Linear(6, 3), rows(), loss)
    assert f"{call} at test_told.py:" in str(raised.value)
    assert f"Remove {call}" in str(raised.value)


def test_a_loss_that_is_a_number_of_nothing_is_refused_as_before() -> None:
    with pytest.raises(QuestionError, match="of type float"):
        gv.diagnose(nn.Linear(6, 3), rows(), lambda out: 1.0)  # type: ignore[arg-type, return-value]


class OfADeviation(Rows):
    def forward(self, x: Tensor) -> object:
        h = torch.relu(self.first(x))
        spread = torch.from_numpy(np.asarray(h.detach().cpu().numpy().std()))
        return self.third(self.second(h / spread))


class OfATanh(Rows):
    def forward(self, x: Tensor) -> object:
        h = torch.tensor(np.tanh(self.first(x).detach().numpy()))
        return self.third(self.second(h))


class InTwoLines(Rows):
    def forward(self, x: Tensor) -> object:
        values = self.first(x).detach()
        return self.third(self.second(torch.from_numpy(values.numpy())))


class InTwoWays(Rows):
    def forward(self, x: Tensor) -> object:
        values = self.first(x).detach()
        return self.third(self.second(values + values.mean().item()))


@pytest.mark.parametrize(
    ("kind", "trip", "level"),
    [
        (OfADeviation, True, "partial"),
        (OfATanh, True, "broken"),
        (InTwoLines, True, "broken"),
        (InTwoWays, False, "broken"),
    ],
)
def test_a_round_trip_is_not_mended_by_taking_the_detach_away(kind: type[nn.Module], trip: bool, level: str) -> None:
    (finding,) = gv.diagnose(kind(), rows()).findings
    assert (finding.cause, finding.level) == ("detach", level)
    assert ("The numbers then leave PyTorch (numpy at test_told.py:" in finding.sentence) == trip
    assert finding.repair.startswith("# Stay in torch") == trip


# ------------------------------------------------------------------------------------------------------------ sentences


class Decorated(Rows):
    @torch.no_grad()
    def middle(self, x: Tensor) -> Tensor:
        return torch.relu(self.first(x))

    def forward(self, x: Tensor) -> object:
        return self.third(self.second(self.middle(x)))


class Within(Decorated):
    def middle(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.relu(self.first(x))


def test_a_decorator_that_switches_recording_off_is_named() -> None:
    line = Decorated.middle.__wrapped__.__code__.co_firstlineno  # type: ignore[attr-defined]
    (finding,) = gv.diagnose(Decorated(), rows()).findings
    assert f"It is the decorator of middle: @torch.no_grad() at test_told.py:{line}." in finding.sentence
    (finding,) = gv.diagnose(Within(), rows()).findings
    assert "decorator" not in finding.sentence


class Capped(Rows):
    def forward(self, x: Tensor) -> object:
        g = torch.sigmoid(self.first(x))
        g.data.clamp_(max=0.5)
        return self.third(self.second(g))


class Raised(Rows):
    def forward(self, x: Tensor) -> object:
        g = torch.sigmoid(self.first(x))
        g += 1
        return self.third(self.second(g))


@pytest.mark.parametrize(("kind", "raises"), [(Capped, False), (Raised, True)])
def test_it_either_raises_or_is_not_noticed(kind: type[nn.Module], raises: bool) -> None:
    (finding,) = gv.diagnose(kind(), rows()).findings
    assert finding.cause == "in_place_needed"
    assert ("loss.backward() raises" in finding.sentence) == raises
    assert ("does not notice" in finding.sentence) != raises


class CappedDetached(Rows):
    def forward(self, x: Tensor) -> object:
        g = torch.sigmoid(self.first(x))
        g.detach().clamp_(max=0.5)
        return self.third(self.second(g))


class Replaced(Rows):
    """What another layer gives stands where the sigmoid's gradient needs its own values."""

    def forward(self, x: Tensor) -> object:
        g = torch.sigmoid(self.first(x))
        g.data.copy_(self.second(g))
        return self.third(g)


@pytest.mark.parametrize(
    ("kind", "lost", "repair"),
    [
        (Capped, "first.weight first.bias", "g = g.clamp(max=0.5)"),
        (CappedDetached, "first.weight first.bias", "g = g.clamp(max=0.5)"),
        (Replaced, "first.weight first.bias second.weight second.bias", "g = g.clone().copy_(self.second(g))"),
    ],
)
def test_a_write_through_data_is_one_finding(kind: type[nn.Module], lost: str, repair: str) -> None:
    (finding,) = gv.diagnose(kind(), rows()).findings
    assert (finding.cause, finding.level, finding.repair) == ("in_place_needed", "broken", repair)
    assert set(finding.lost) == {"the input", *lost.split()}
    assert not finding.weakened
    assert "no gradient flows back through them" in finding.sentence


class CutBeside(Rows):
    """One line, two mistakes: a value is overwritten, by one that is detached."""

    def forward(self, x: Tensor) -> object:
        g, h = torch.sigmoid(self.first(x)), self.second(x.new_ones(4, 8))
        g.mul_(h.detach())
        return self.third(g + h)


class WrittenUnrecorded(CutBeside):
    def forward(self, x: Tensor) -> object:
        g, h = torch.sigmoid(self.first(x)), self.second(x.new_ones(4, 8))
        with torch.no_grad():
            g.mul_(h)
        return self.third(g + h)


@pytest.mark.parametrize(("kind", "cause"), [(CutBeside, "detach"), (WrittenUnrecorded, "no_grad")])
def test_what_else_is_cut_on_the_line_is_a_finding_of_its_own(kind: type[nn.Module], cause: str) -> None:
    found = gv.diagnose(kind(), rows()).findings
    assert {finding.cause for finding in found} == {cause, "in_place_needed"}
    assert len({finding.line for finding in found}) == 1


def test_labels_that_are_all_ignored_are_one_finding() -> None:
    labels = torch.full((4,), -100)
    module = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    (finding,) = gv.diagnose(module, rows(), lambda out: F.cross_entropy(out, labels)).findings
    assert finding.cause == "not_finite"
    assert "ignore_index" in finding.sentence
