"""An exported model is told of as the module that it was: the same findings, at the same modules, in the same order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.types.findings import Diagnosis
from gradviz_core.uploads import exported
from tests.doctor import broken
from tests.exported.files import exported_bytes
from tests.exported.home_made import Reused


class Detached(nn.Module):
    """A residual branch, detached."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> object:
        return x + self.conv(x).relu().detach()


class Unrecorded(nn.Module):
    """A residual branch that is computed without a gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> object:
        with torch.no_grad():
            return self.conv(x).sigmoid()


class Rounded(nn.Module):
    """A gate that is open or shut."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> object:
        return x * self.conv(x).sigmoid().round()


class Rectified(nn.Module):
    """A layer all of whose units are dead."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.relu = nn.Conv2d(4, 4, 1), nn.ReLU()
        nn.init.constant_(self.conv.bias, -100.0)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> object:
        return x + self.relu(self.conv(x))


class Blocks(nn.Module):
    """Three blocks between a stem and a head."""

    def __init__(self, one: nn.Module, gate: nn.Module, two: nn.Module) -> None:
        super().__init__()
        self.stem, self.one, self.gate, self.two, self.head = nn.Conv2d(3, 4, 1), one, gate, two, nn.Linear(4, 5)

    def forward(self, x: Tensor) -> object:
        return self.head(self.two(self.gate(self.one(self.stem(x)))).tanh().mean((2, 3)))


def both(module: nn.Module) -> tuple[Diagnosis, Diagnosis]:
    """What is found of a module, and of the file made of it."""
    x = broken.images()
    read = exported.read(exported_bytes(module, x)).module.requires_grad_(True)
    return gv.diagnose(module, x), gv.diagnose(read, x)


def wheres(found: Diagnosis) -> list[tuple[str, str]]:
    return [(finding.cause, finding.where) for finding in found.findings]


CASES: dict[str, tuple[Callable[[], nn.Module], list[str]]] = {
    "detached": (lambda: Blocks(Detached(), Rounded(), Detached()), ["one", "gate", "two"]),
    "without a gradient": (lambda: Blocks(Unrecorded(), Unrecorded(), Detached()), ["one.conv", "gate.conv", "two"]),
    "dead": (lambda: Blocks(Rectified(), nn.Identity(), Rectified()), ["one.relu", "two.relu"]),
    "further in": (
        lambda: Blocks(nn.Sequential(Detached(), Detached()), nn.Tanh(), Rounded()),
        ["one.0", "one.1", "two"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_findings_and_tables_name_the_authors_modules(name: str) -> None:
    build, modules = CASES[name]
    torch.manual_seed(0)
    own, mine = both(build())
    assert [where for _, where in wheres(own)] == modules
    assert wheres(mine) == wheres(own)
    assert mine.findings == own.findings
    assert mine.layers == own.layers
    assert mine.leaves == own.leaves


def test_a_module_that_runs_several_times_keeps_its_name() -> None:
    torch.manual_seed(0)
    own, mine = both(Reused())
    for found in (mine, own):
        assert [(layer.where, layer.call, layer.calls) for layer in found.layers] == [("relu", n, 3) for n in range(3)]


def test_an_exported_model_inside_another_module_is_named_from_the_outside() -> None:
    torch.manual_seed(0)
    x = broken.images()
    read = exported.read(exported_bytes(Blocks(Detached(), nn.Tanh(), Detached()), x)).module.requires_grad_(True)
    found = gv.diagnose(nn.Sequential(nn.Identity(), read, nn.Sigmoid()), x)
    assert wheres(found) == [("detach", "1.one"), ("detach", "1.two")]
    assert [layer.where for layer in found.layers] == ["1.one", "1.gate", "1.two", "1", "2"]
