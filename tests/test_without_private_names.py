"""An attribute that PyTorch does not promise to keep is gone: a feature is missing or a question is refused, and no
answer is wrong."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import gradviz_core as gv
from gradviz_core.errors import QuestionError
from gradviz_core.methods import receptive_field
from gradviz_core.tracing.torch_private import dispatch, frames, parts, saved, versions
from gradviz_core.tracing.trace import gradients
from gradviz_core.types import INPUT, ClassScore

ROOT = Path(__file__).parents[1]


class Bare:
    """A node, an operator or a tensor without the attributes that PyTorch gives it."""


class OpOverload(Bare):
    """An operator."""


def bare_module() -> nn.Module:
    module = nn.Linear(1, 1)
    for name in ("_parameters", "_buffers", "_modules", "_backward_hooks", "_backward_pre_hooks"):
        del module.__dict__[name]
    return module


@pytest.mark.parametrize(
    ("name", "look"),
    [
        ("OpOverload._schema", lambda: dispatch.is_mutable(OpOverload())),
        ("OpOverload._schema", lambda: dispatch.arguments(OpOverload())),
        ("OpOverload.overloadpacket", lambda: dispatch.packet(OpOverload())),
        ("_backward_hooks", lambda: parts.backward_hooks(bare_module())),
        ("_parameters", lambda: parts.parameters(bare_module())),
        ("_buffers", lambda: parts.put_weight(bare_module(), "weight", torch.zeros(1))),
        ("_modules", lambda: parts.put_module(bare_module(), "0", nn.ReLU())),
    ],
)
def test_without_what_pytorch_says_of_a_thing_a_question_is_refused(name: str, look: Callable[[], object]) -> None:
    with pytest.raises(QuestionError, match=rf"^PyTorch \S+ has no {re.escape(name)}, by which GradViz"):
        look()


def test_what_has_no_overloads_belongs_to_none() -> None:
    assert dispatch.packet(Bare()) is None
    assert dispatch.packet(torch.ops.aten.relu.default) is torch.ops.aten.relu


SUMMED = nn.Sequential(nn.Conv2d(1, 1, 3, bias=False), nn.Flatten(), nn.Linear(4, 2)).eval()


def without(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No node of the graph has ``name`` any more."""
    own = saved._own

    def gone(thing: Any, asked: str) -> Any:
        if asked.startswith(name):
            raise saved.Gone(asked)
        return own(thing, asked)

    monkeypatch.setattr(saved, "_own", gone)


@pytest.mark.parametrize("name", ["_saved_stride", "_input_metadata", "variable"])
def test_without_what_nodes_keep_there_is_no_receptive_field(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.rand(1, 1, 4, 4, requires_grad=True)
    y = SUMMED[0](x)
    assert receptive_field.box_of(y, (0, 0, 0, 1), x) == ((0, 0), (0, 0), (0, 2), (1, 3))
    without(name, monkeypatch)
    assert receptive_field.box_of(y, (0, 0, 0, 1), x) is None


@pytest.mark.parametrize("name", ["_saved_stride", "_input_metadata", "variable"])
def test_without_what_nodes_keep_a_gradient_is_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def gradient() -> torch.Tensor:
        return gradients(SUMMED, torch.ones(1, 1, 4, 4), target=ClassScore(0), wrt=INPUT).gradients[INPUT]

    before = gradient()
    without(name, monkeypatch)
    assert torch.equal(gradient(), before)


def test_without_the_leaves_of_the_graph_the_doctor_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    without("variable", monkeypatch)
    with pytest.raises(QuestionError, match=r"no AccumulateGrad\.variable, by which GradViz follows a gradient"):
        gv.diagnose(SUMMED, torch.ones(1, 1, 4, 4), lambda y: y.sum())


def test_an_attribute_of_an_authors_function_is_no_leaf() -> None:
    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            ctx.variable = x
            return 2 * x

        @staticmethod
        def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
            return 2 * gradients[0]

    x = torch.ones(1, requires_grad=True)
    node = Doubled.apply(x).grad_fn
    assert saved.leaf(node) is None
    assert saved.leaf(node.next_functions[0][0]) is x


def test_without_the_name_of_what_is_viewed_the_doctor_still_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: object) -> torch.Tensor:
        raise AttributeError

    monkeypatch.setattr(torch.Tensor, "_base", property(gone), raising=False)
    x = torch.ones(4, 4)
    assert versions.viewed(x[0]) is None
    assert gv.diagnose(SUMMED, x[None, None], lambda y: y.sum()).findings == ()


def test_without_the_mode_of_a_decorator_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    @torch.no_grad()
    def decorated() -> tuple[bool, Any]:
        caller = sys._getframe(1)
        return frames.is_decorator(caller), frames.mode_of(caller)

    known, mode = decorated()
    assert known
    assert isinstance(mode, torch.no_grad)
    assert frames.mode_of(sys._getframe()) is None
    monkeypatch.setattr(frames, "_DECORATORS", None)
    assert decorated()[0] is False


@pytest.mark.slow
def test_the_first_gradient_may_be_asked_for_in_inference_mode() -> None:
    program = """
import torch
import gradviz_core as gv
with torch.inference_mode():
    model, x = torch.nn.Linear(2, 1, bias=False), torch.ones(1, 2)
    found = gv.trace.gradients(model, x, target=gv.ClassScore(0))
assert torch.equal(found.gradients[gv.INPUT], model.weight)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
