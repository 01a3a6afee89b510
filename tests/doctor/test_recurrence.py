"""Gradients that vanish along the calls of one weight are found, and no others."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import gradviz_core as gv
from tests.doctor.broken import Rows, rows
from tests.doctor.marks import expected, named


def steps(count: int) -> Tensor:
    """So many steps of four rows with six numbers."""
    return torch.randn((count, 4, 6), generator=torch.Generator().manual_seed(8))


class OneWeight(Rows):
    """The state shrinks twenty times."""

    x = staticmethod(rows)

    def __init__(self) -> None:
        super().__init__()
        del self.third

    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        for _ in range(20):
            h = torch.tanh(0.1 * self.second(h))  # <- vanishing
        return h


class Functional(OneWeight):
    """The same with parameters of its own, and an input at each step."""

    def __init__(self) -> None:
        super().__init__()
        del self.first, self.second
        self.into, self.on = nn.Parameter(torch.randn(6, 8) / 2), nn.Parameter(torch.randn(8, 8) / 8)

    def forward(self, x: Tensor) -> object:
        h = torch.zeros(4, 8)
        for _ in range(20):
            now = h @ self.on  # <- vanishing
            h = torch.tanh(x @ self.into + now)
        return h


class Cell(nn.Module):
    """A cell of torch, step after step; its last state is looked at."""

    x = staticmethod(lambda: steps(50))

    def __init__(self, kind: Callable[[int, int], nn.Module] = nn.RNNCell) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.cell = kind(6, 8)

    def states(self, x: Tensor) -> list[Tensor]:
        """After each step."""
        h, found = torch.zeros(4, 8), []
        for row in x:
            h = self.cell(row, h)  # <- vanishing
            found.append(h)
        return found

    def forward(self, x: Tensor) -> object:
        return self.states(x)[-1]


class Gated(Cell):
    def __init__(self) -> None:
        super().__init__(nn.GRUCell)


class FullyForgotten(Cell):
    """So small a weight that float32 has no numbers for what the first calls add."""

    x = staticmethod(lambda: steps(80))

    def __init__(self) -> None:
        super().__init__()
        with torch.no_grad():
            self.cell.weight_hh.mul_(0.1)  # type: ignore[operator]


def test_one_weight_of_a_plain_loop() -> None:
    (finding,) = gv.diagnose(OneWeight(), rows()).findings
    assert named(gv.diagnose(OneWeight(), rows())) == expected(OneWeight)
    assert (finding.cause, finding.level, finding.lost) == ("vanishing", "partial", ())
    assert finding.weakened == ("second.weight",)
    assert "One weight is used 20 times in a row" in finding.sentence
    assert "orthogonal_" in finding.repair


def test_parameters_that_no_module_calls() -> None:
    (finding,) = gv.diagnose(Functional(), rows()).findings
    assert named(gv.diagnose(Functional(), rows())) == expected(Functional)
    assert finding.weakened == ("on",)  # what comes in at each step is no chain


@pytest.mark.parametrize("kind", [Cell, Gated, FullyForgotten])
def test_a_cell_is_one_finding_with_both_weights(kind: type[Cell]) -> None:
    (finding,) = gv.diagnose(kind(), kind.x()).findings
    assert {(finding.cause, finding.at)} == expected(Cell)
    assert set(finding.weakened) == {"cell.weight_ih", "cell.weight_hh"}


def test_two_cells_on_top_of_each_other_are_two_findings() -> None:
    torch.manual_seed(0)
    below, above = nn.RNNCell(6, 8), nn.RNNCell(8, 8)

    def model(x: Tensor) -> Tensor:
        low = high = torch.zeros(4, 8)
        for row in x:
            low = below(row, low)
            high = above(low, high)
        return high

    found = gv.diagnose(model, steps(50)).findings
    assert [(finding.cause, finding.where) for finding in found] == [("vanishing", "below"), ("vanishing", "above")]


def test_what_each_call_adds_is_what_it_adds() -> None:
    """With a scalar: h' = a h + 1, so the k-th of n calls adds a^(n-k) h, and the ratio is known."""
    a = nn.Parameter(torch.full((1, 1), 0.1))

    def model(x: Tensor) -> Tensor:
        for _ in range(12):
            x = x @ a + 1
        return x.sum()

    (finding,) = gv.diagnose(model, torch.full((1, 1), 10 / 9)).findings  # the fixed point: every h is 10/9
    assert "1e-09 times as much" in finding.sentence


# --------------------------------------------------------------------------------------------------------------- sound


class AtEachStep(Cell):
    """What each step gives is looked at, so each learns."""

    def forward(self, x: Tensor) -> object:
        return torch.stack(self.states(x))


class KeepsLengths(Cell):
    def __init__(self) -> None:
        super().__init__()
        nn.init.orthogonal_(self.cell.weight_hh)  # type: ignore[arg-type]

    x = staticmethod(lambda: steps(20))


class WithSkips(OneWeight):
    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        for _ in range(20):
            h = h + torch.tanh(0.1 * self.second(h))
        return h


class FewSteps(OneWeight):
    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        for _ in range(6):
            h = torch.tanh(0.1 * self.second(h))
        return h


class SideBySide(OneWeight):
    """One layer for twelve inputs of very different weight, none of which is computed from another."""

    def forward(self, x: Tensor) -> object:
        h = self.first(x)
        return sum(10.0**i * torch.tanh(self.second(h + i)) for i in range(-12, 0))


@pytest.mark.parametrize("kind", [AtEachStep, KeepsLengths, WithSkips, FewSteps, SideBySide])
def test_a_weight_that_is_used_often_is_no_finding_by_itself(kind: type[nn.Module]) -> None:
    assert gv.diagnose(kind(), kind.x()).findings == ()  # type: ignore[attr-defined]


def test_steps_before_a_detach_are_not_compared() -> None:
    """Truncated backpropagation through time: the cut is told, and nothing that lies before it."""

    class Truncated(Cell):
        def forward(self, x: Tensor) -> object:
            h = torch.zeros(4, 8)
            for i, row in enumerate(x):
                h = self.cell(row, h)
                if i == len(x) - 6:
                    h = h.detach()
            return h

    assert [finding.cause for finding in gv.diagnose(Truncated(), steps(50)).findings] == ["detach"]
