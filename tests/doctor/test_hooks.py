"""Hooks of the author's: they belong to the gradient that he gets, and the doctor runs them on a copy."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.tracing.twin import twin
from tests.doctor import broken, sound


def _states(module: nn.Module) -> dict[str, str]:
    return {leaf.name: leaf.gradient for leaf in gv.diagnose(module, broken.rows()).leaves}


def test_a_hook_on_a_parameter_that_takes_the_gradient_away_is_seen() -> None:
    module = sound.Plain()
    module.first.weight.register_hook(lambda slope: slope * 0)  # type: ignore[no-untyped-call]
    states = _states(module)
    assert (states["first.weight"], states["first.bias"], states["the input"]) == ("zero", "finite", "finite")
    assert len(module.first.weight._backward_hooks or {}) == 1


def test_a_hook_on_a_module_that_takes_the_gradient_away_is_seen() -> None:
    def nothing(module: nn.Module, into: Any, out_of: Any) -> Any:
        return tuple(None if slope is None else slope * 0 for slope in into)

    module = sound.Plain()
    module.second.register_full_backward_hook(nothing)
    states = _states(module)
    assert (states["first.weight"], states["second.weight"], states["third.weight"]) == ("zero", "finite", "finite")
    assert len(module.second._backward_hooks) == 1


class Counting(broken.Rows):
    """Its hooks write to the module itself."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.seen, self.largest = 0, list[float](), nn.Buffer(torch.zeros(()))
        self.first.weight.register_hook(self.count)  # type: ignore[no-untyped-call]
        self.second.register_full_backward_hook(self.note)

    def count(self, slope: Tensor) -> None:
        self.calls += 1
        self.largest.copy_(slope.abs().max())

    def note(self, module: nn.Module, into: Any, out_of: Any) -> None:
        self.seen.append(float(out_of[0].norm()))
        self.third.weight.grad = None

    def forward(self, x: Tensor) -> object:
        return self.third(torch.tanh(self.second(torch.tanh(self.first(x)))))


def test_what_hooks_write_to_the_module_is_not_left_there() -> None:
    module = Counting()
    module.third.weight.grad = torch.ones(3, 8)
    found = gv.diagnose(module, broken.rows())
    assert found.findings == ()
    assert (module.calls, module.seen, module.largest.item()) == (0, [], 0.0)
    assert module.third.weight.grad is not None
    assert torch.equal(module.third.weight.grad, torch.ones(3, 8))


def test_a_twin_for_other_questions_has_no_backward_hooks() -> None:
    module = Counting()
    assert not any(part._backward_hooks for part in twin(module).modules())
    assert any(part._backward_hooks for part in twin(module, backward_hooks=True).modules())
