"""Guided backprop and deconvolution refuse a model for which the papers define no rule."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gradviz_core.errors import QuestionError
from gradviz_core.tracing.torch_private import saved
from gradviz_core.types import ClassScore, Site, Unit
from tests.own_oracle import attributed, oracle_of
from tests.reference import relative_error
from tests.test_relu_rules import METHOD, Functional, Guided, Modules, built, every_rule


class With(nn.Module):
    """A ReLU, and behind it another activation."""

    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(5, 3)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.last(self.act(self.second(F.relu(self.first(x)))))
        return scores


def _written_into_a_part(z: Tensor) -> Tensor:
    z = z.clone()
    z[:, :2].relu_()
    return z


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "GELU": F.gelu,
    "SiLU": F.silu,
    "Mish": F.mish,
    "ELU": F.selu,
    "CELU": F.celu,
    "Softplus": F.softplus,
    "Hardswish": F.hardswish,
    "tanh": torch.tanh,
    "leaky ReLU": F.leaky_relu,
    "PReLU": lambda z: F.prelu(z, torch.tensor([0.2])),
    "hardtanh": F.hardtanh,
    "threshold": lambda z: F.threshold(z, 0.3, 0.0),
    "erf": lambda z: 0.5 * z * (1 + torch.erf(z / 2**0.5)),
    "smooth activation written out": lambda z: z * torch.sigmoid(1.7 * z),
    "write into part of a value": _written_into_a_part,
    "autograd function Guided": Guided.apply,
}


@every_rule
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_without_a_rule_is_refused(name: str, rule: str) -> None:
    module = With(ACTIVATIONS[name]).eval().requires_grad_(False)
    with pytest.raises(QuestionError, match=rf"defined for ReLUs alone, and between the input .* 1 × {name}"):
        attributed(METHOD[rule], module, torch.randn(1, 4))


def test_hardswish_written_out_is_refused_too() -> None:
    module = With(lambda z: z * (F.relu6(z + 3) / 6)).eval().requires_grad_(False)
    with pytest.raises(QuestionError, match="1 × smooth activation written out"):
        attributed("guided_backprop", module, torch.randn(1, 4))


def test_a_smooth_activation_that_is_not_on_the_way_is_not_asked_about() -> None:
    module = With(torch.tanh).eval().requires_grad_(False)
    found, _ = attributed("guided_backprop", module, torch.ones(1, 4), Unit(Site("second"), (0,)))
    assert found.shape == (1, 4)


@every_rule
def test_without_a_relu_there_is_no_map(rule: str) -> None:
    module = nn.Sequential(nn.Linear(4, 3)).eval().requires_grad_(False)
    with pytest.raises(QuestionError, match=r"There is no ReLU between the input and the score, so .* plain gradient"):
        attributed(METHOD[rule], module, torch.randn(1, 4))


def test_how_the_score_is_read_does_not_count() -> None:
    """A log-probability is the logit less a smooth function of all of them."""
    module = built(Modules)
    x = torch.ones(1, 3, 6, 6, dtype=torch.float64)
    target = ClassScore(1, "log_probability")
    found, notes = attributed("guided_backprop", module, x, target)
    assert notes == ("The rule was applied at 4 ReLUs.",)
    leaf = x.clone().requires_grad_()
    score = module.run(leaf, [Guided.apply] * 4)[0].log_softmax(0)[1]  # type: ignore[operator]
    assert relative_error(found, torch.autograd.grad(score, leaf)[0]) < 1e-12


def test_a_model_that_differentiates_itself_is_refused() -> None:
    class Steps(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            with torch.enable_grad():
                (slope,) = torch.autograd.grad(F.relu(x).square().sum(), x, create_graph=True)
            return x - 0.1 * slope

    with pytest.raises(QuestionError, match="takes gradients in its own forward pass"):
        attributed("guided_backprop", Steps(), torch.ones(1, 3))


def test_without_what_a_clamp_keeps_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: object, name: str) -> object:
        raise saved.Gone(name)

    oracle = oracle_of(built(Functional), torch.ones(1, 3, 6, 6, dtype=torch.float64))
    monkeypatch.setattr(saved, "kept", gone)
    with pytest.raises(QuestionError, match=r"_saved_m\w+, by which GradViz tells a ReLU"):
        oracle.rewritten("guided")
