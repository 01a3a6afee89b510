"""The author's line, mended, runs where it is pasted in, and the gradient comes."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.doctor import words
from gradviz_core.doctor.rewriting import rewritten
from gradviz_core.types.findings import Cause, Finding
from tests.doctor import broken, broken_values, finer, more
from tests.doctor.finer_values import FINER_VALUES

GENERAL = {words.repair(cause, operation) for cause in words.CAUSES for operation in ("", "round")}
CASES = (*broken.BROKEN, *broken_values.BROKEN_VALUES, *more.MORE_BROKEN, *finer.FINER_BROKEN, *FINER_VALUES)


def pasted(source: str, finding: Finding) -> str:
    """The source with the finding's line replaced by its repair."""
    lines = source.splitlines()
    line = lines[finding.line - 1]
    assert line.strip() == finding.text
    margin = line[: len(line) - len(line.lstrip())]
    lines[finding.line - 1] = indent(finding.repair, margin)
    return "\n".join(lines) + "\n"


def module_of(source: str, file: str) -> ModuleType:
    """The module that a source makes, whose lines Python knows by ``file``."""
    made = ModuleType(file)
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), made.__dict__)
    return made


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.__name__)
def test_a_line_of_the_authors_that_is_mended_can_be_pasted_in(kind: type[nn.Module]) -> None:
    for finding in gv.diagnose(kind(), kind.x()).findings:  # type: ignore[attr-defined]
        if finding.repair in GENERAL:
            continue
        path = Path(__file__).with_name(finding.file)
        mended = module_of(pasted(path.read_text(), finding), f"mended_{kind.__name__}.py")
        again = getattr(mended, kind.__name__)
        left = {(one.cause, one.line) for one in gv.diagnose(again(), kind.x()).findings}  # type: ignore[attr-defined]
        assert (finding.cause, finding.line) not in left


LINES: dict[str, tuple[Cause, str, str]] = {
    "side": ("detach", "side = side.detach()", "side = side"),
    "brackets": ("detach", "side = (side + 1).detach() * 2", "side = (side + 1) * 2"),
    "function": ("detach", "side = torch.detach(side + 1)", "side = (side + 1)"),
    "data": ("detach", "side = side.data  # of ü", "side = side  # of ü"),
    "two statements": ("detach", "a = b.detach(); c = 1", ""),
    "half a statement": ("detach", "side = torch.cat([side.detach(),", ""),
    "cut off": ("detach", f"side = side.detach()  # {'long' * 50}", ""),
    "many": ("detach", "side = torch.cat([g.detach(), g.detach() * 2])", "side = torch.cat([g, g * 2])"),
}


@pytest.mark.parametrize(("cause", "line", "repair"), LINES.values(), ids=LINES)
def test_the_repair_keeps_the_authors_names(cause: Cause, line: str, repair: str) -> None:
    assert rewritten(cause, "data" if ".data" in line else "detach", line, lost=True) == repair


FORWARDS = {
    "side = side + g.detach()": "side = side + g",
    "g += 1": "g = g + 1",
    "g -= side * 2": "g = g - side * 2",
    "g *= side + 2": "g = g * (side + 2)",
    "g.add_(1)": "g = g.add(1)",
    "g.mul_(2)": "g = g.mul(2)",
    "g.relu_()": "g = g.relu()",
    "g.zero_().add_(side)": "",
    "torch.relu_(g)": "g = torch.relu(g)",
    "F.relu(g, inplace=True)": "g = F.relu(g, inplace=False)",
    "g = F.elu(g, inplace=True)": "g = F.elu(g, inplace=False)",
    "side = g.mul_(2)": "side = g.mul(2)",
    "g[:, 0] = 0": "g = g.clone()\ng[:, 0] = 0",
    "g[:, 0] += 1": "g = g.clone()\ng[:, 0] += 1",
    "g[0].mul_(3)": "g = g.clone()\ng[0].mul_(3)",
    "g.data.clamp_(max=0.5)": "g = g.clamp(max=0.5)",
    "g.data[0] = 0.5": "g = g.clone()\ng[0] = 0.5",
    "g.copy_(side)": "g = g.clone().copy_(side)",
}

ROUNDINGS = {
    "g = (g + 1).round()": "",
    "g = side.sign()": "g = (side + (side.sign() - side).detach())",
    "g = torch.round(g)": "g = (g + (torch.round(g) - g).detach())",
    "g = g.floor() / 2": "g = (g + (g.floor() - g).detach()) / 2",
    "g.round_()": "g = g + (g.round() - g).detach()",
    "g = g.long().float()": "g = (g + (g.long().float() - g).detach())",
}

SOURCE = """
import torch
import torch.nn.functional as F

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.third = torch.nn.Linear(6, 5), torch.nn.Linear(5, 3)

    def forward(self, x):
        side = self.first(x)
        g = {first}
        {line}
        return self.third({last})
"""


@pytest.mark.parametrize(("line", "repair"), (FORWARDS | ROUNDINGS).items(), ids=FORWARDS | ROUNDINGS)
def test_a_simple_line_is_mended_in_the_authors_own_names(line: str, repair: str) -> None:
    first, last = ("side * 20", "g") if line in ROUNDINGS else ("torch.sigmoid(side * 2)", "g + side.exp()")
    source = SOURCE.format(line=line, first=first, last=last)
    found = gv.diagnose(module_of(source, "of_the_author.py").Model(), torch.randn(4, 6))
    here = [finding for finding in found.findings if finding.text == line]
    assert here
    for finding in here:
        assert finding.repair == repair or (not repair and finding.repair in GENERAL)
        if repair:
            again = gv.diagnose(module_of(pasted(source, finding), "mended.py").Model(), torch.randn(4, 6))
            assert not any(one.cause == finding.cause for one in again.findings)


def weighed(z: Tensor) -> Any:
    h = torch.zeros(4, 5)
    h.data.copy_(z)
    return h * 2


def row_by_row(z: Tensor) -> Any:
    h = torch.zeros(4, 5)
    for i in range(4):
        h.data[i] = z[i]
    return h * 2


def through_a_detached_one(z: Tensor) -> Any:
    h = torch.zeros(4, 5)
    h.detach()[:] = z
    return h * 2


def through_a_row(z: Tensor) -> Any:
    h = torch.zeros(4, 5)
    h.data[1].copy_(z[1])
    return h * 2


WRITTEN: dict[Callable[[Tensor], Any], tuple[str, str]] = {
    weighed: ("h.data.copy_(z)", "h.copy_(z)"),
    row_by_row: ("h.data[i] = z[i]", "h[i] = z[i]"),
    through_a_detached_one: ("h.detach()[:] = z", "h[:] = z"),
    through_a_row: ("h.data[1].copy_(z[1])", "h[1].copy_(z[1])"),
}


class Around(nn.Module):
    """A layer before a function, and one behind it."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.third, self.function = nn.Linear(6, 5), nn.Linear(5, 3), function

    def forward(self, x: Tensor) -> object:
        return self.third(self.function(torch.relu(self.first(x))))


def test_a_sparse_tensor_may_be_written_to() -> None:
    def model(x: Tensor) -> Any:
        picked = torch.eye(4).to_sparse()
        picked.mul_(2)
        return torch.sparse.mm(picked, x)

    assert gv.diagnose(model, torch.randn(4, 5)).findings == ()


@pytest.mark.parametrize(("function", "said"), WRITTEN.items(), ids=lambda one: getattr(one, "__name__", ""))
def test_what_is_written_through_data_is_broken_at_the_line_that_writes(
    function: Callable[[Tensor], Any], said: tuple[str, str]
) -> None:
    for model, x in ((function, torch.randn(4, 5)), (Around(function), torch.randn(4, 6))):
        (finding,) = gv.diagnose(model, x).findings
        assert (finding.cause, finding.level) == ("detach", "broken")
        assert (finding.text, finding.repair) == said
        assert "This writes through" in finding.sentence
        source = Path(__file__).read_text()
        mended = getattr(module_of(pasted(source, finding), "mended_writing.py"), function.__name__)
        assert gv.diagnose(mended if model is function else Around(mended), x).findings == ()
