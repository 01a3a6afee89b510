"""The search finds what is wrong, names it, and finds nothing where GradViz guards."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import product
from random import Random
from typing import Any

import pytest
import torch
from torch import Tensor

from gradviz_core.tracing.kernel_guards import unguarded
from tests.kernels import search
from tests.kernels.draw import Case, Draw
from tests.kernels.search import BATCHES, OPERATIONS, PRECISIONS, Tally, table

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")


def rounds(count: int) -> Callable[[int], bool]:
    return lambda number: number < count


def searched(names: list[str], count: int, *, seed: int = 0) -> Tally:
    tally = Tally()
    for dtype, batch in product(PRECISIONS, BATCHES):
        search.search(names, seed, CPU, rounds(count), tally, dtype, batch)
    return tally


def test_nothing_differs_where_gradviz_guards() -> None:
    tally = searched(list(OPERATIONS), 1, seed=1)
    assert not tally.faults, table(tally.faults)
    assert tally.compared > 7 * len(OPERATIONS)
    assert tally.differenced > len(OPERATIONS), "the first round of float64 is compared with finite differences"


def test_norms_are_right_in_many_more_layouts() -> None:
    tally = searched([name for name in OPERATIONS if "_norm of" in name], 25)
    assert not tally.faults, table(tally.faults)
    assert not tally.refused


def test_without_the_guard_it_finds_the_known_faults() -> None:
    names = ["batch_norm of 4 axes", "instance_norm of 4 axes", "interpolate bilinear, 2d", "relu"]
    with unguarded():
        tally = searched(names, 80)
    assert {one.operation for one in tally.faults if one.where == "backward"} >= set(names[:2])
    assert {one.operation for one in tally.faults} == set(names[:3])
    assert {one.dtype for one in tally.faults} == set(PRECISIONS)


class Misread(torch.autograd.Function):
    """Twice x, whose backward pass takes the memory of the gradient to be in the plain order."""

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(_: Any, *gradients: Any) -> Tensor:
        (gradient,) = gradients
        return 2 * torch.as_strided(gradient, gradient.shape, torch.empty(gradient.shape).stride())


class Wrong(torch.autograd.Function):
    """Twice x, with the derivative of three times x."""

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(_: Any, *gradients: Any) -> Tensor:
        found: Tensor = 3 * gradients[0]
        return found


def maps(function: Callable[[Tensor], Any]) -> Callable[[Draw], Case]:
    return lambda d: (function, [d.normal(d.batch, 3, 4, 5)])


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPERATIONS, "misread", maps(Misread.apply))
    monkeypatch.setitem(OPERATIONS, "wrong", maps(Wrong.apply))
    monkeypatch.setitem(OPERATIONS, "views", maps(lambda x: x.view(-1)))


@pytest.mark.usefixtures("planted")
def test_planted_faults_are_found_and_named() -> None:
    tally = searched(["misread", "wrong", "views"], 20)
    assert {(one.operation, one.where) for one in tally.faults} == {("misread", "backward"), ("wrong", "differences")}
    rows = table(tally.faults).splitlines()
    assert rows[1].split()[:4] == ["misread", "backward", "float32", "1"]
    assert any("by (" in row for row in rows), "an example with its strides"
    assert "views" in {said.partition(":")[0] for said in tally.refused}, "an error is no wrong answer"


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize(("only", "code"), [("^wrong$", 1), ("^relu$", 0)])
def test_the_program_ends_with_1_where_anything_differs(
    only: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["search", "--seconds", "0.2", "--only", only])
    with pytest.raises(SystemExit) as ended:
        search.main()
    assert ended.value.code == code
    said = capsys.readouterr().out
    assert f"torch {torch.__version__}, cpu, seed 0" in said
    assert ("wrong" in said) == (code == 1)


def test_the_same_seed_gives_the_same_comparisons() -> None:
    first, second = (searched(["conv2d", "roi_align"], 3, seed=5) for _ in range(2))
    assert (first.compared, first.differenced) == (second.compared, second.differenced)
    draws = [Draw(1, torch.float64, CPU, Random("a"), torch.Generator().manual_seed(3)) for _ in range(2)]
    one, other = (search.trial("conv2d", draw) for draw in draws)
    assert one.example == other.example
    assert all(torch.equal(a, b) for a, b in zip(one.inputs, other.inputs, strict=True) if not a.isnan().any())
