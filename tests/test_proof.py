"""Gradients against finite differences: where both agree, where a kink lies, and where a detach falsifies."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn

from gradviz_core.doctor import verdicts
from gradviz_core.doctor.proof import prove
from gradviz_core.errors import QuestionError, UnknownSite
from gradviz_core.tracing import trace
from gradviz_core.types import INPUT, ClassScore, Site, SiteSum
from tests.doctor import broken, sound


class Smooth(nn.Module):
    """exp(x) summed over space, so that the slope is known."""

    def forward(self, x: Tensor) -> Tensor:
        return x.exp().sum((2, 3))


def test_the_two_numbers_are_those_of_the_formula() -> None:
    x = torch.zeros(1, 2, 3, 3, dtype=torch.float64)
    proof = prove(Smooth(), x, ClassScore(1), directions=2, seed=7)
    generator = torch.Generator().manual_seed(7)
    for one in proof.directions:
        direction = torch.randn(x.shape, dtype=torch.float64, generator=generator)
        assert one.derivative == pytest.approx(direction[0, 1].sum().item())
        assert [step.h for step in one.steps] == [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9]
        assert one.best.difference == pytest.approx(one.derivative, rel=1e-7)
    assert proof.agrees
    assert "agree in all 2 directions" in proof.verdict
    assert proof.score == 9.0


def test_sites_of_a_preset_agree_and_kinks_are_named() -> None:
    from gradviz_core.answers.load import load

    model = load("preset/shapes-cnn")
    x = torch.rand(1, 3, *model.card.preprocessing.size, generator=torch.Generator().manual_seed(0))
    sites = [info.site for info in trace.survey(model.module, x) if info.differentiable][:4]
    proof = prove(model.module, x, ClassScore(), sites, directions=1)
    assert proof.agrees, proof.verdict
    assert len(proof.directions) == len(sites)
    assert "kink" in proof.verdict


def test_a_cut_branch_makes_them_disagree() -> None:
    proof = prove(broken.ResidualBranchCut(), broken.images(), ClassScore(1))
    assert not proof.agrees
    assert "disagree at the input" in proof.verdict


def test_a_target_at_a_site() -> None:
    proof = prove(sound.Convolutions(), broken.images(), SiteSum(Site("stem")), [INPUT, Site("stem")], directions=2)
    assert proof.agrees
    assert [one.site for one in proof.directions] == [".input", ".input", "stem", "stem"]


class Offset(nn.Module):
    """A linear layer, much smaller than the constant beside it; ``cut`` leaves its gradient out."""

    def __init__(self, scale: float, cut: bool) -> None:
        super().__init__()
        self.layer, self.scale, self.cut = nn.Linear(8, 3), scale, cut

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layer(x)
        return 1000 + self.scale * found.detach() + 0 * found if self.cut else 1000 + self.scale * found


@pytest.mark.parametrize(
    ("scale", "cut", "outcome"),
    [
        (1e-3, False, "agrees"),
        (1e-7, False, "too small"),
        (1e-13, False, "too small"),
        (1e-3, True, "apart"),
        (1e-6, True, "apart"),
        (1e-9, True, "too small"),
        (1e-11, True, "too small"),
        (0.0, True, "too small"),
    ],
)
def test_what_rounding_hides_neither_agrees_nor_disagrees(scale: float, cut: bool, outcome: str) -> None:
    torch.manual_seed(0)
    proof = prove(Offset(scale, cut), torch.randn(1, 8), ClassScore(0))
    assert (proof.outcome, proof.agrees) == (outcome, outcome == "agrees")
    assert ("too small to be checked against a score of 1000" in proof.verdict) == (outcome == "too small")


@pytest.mark.parametrize("depth", [4, 14, 20])
def test_a_gradient_that_vanishes_is_too_small_and_not_wrong(depth: int) -> None:
    torch.manual_seed(0)
    layers = [part for _ in range(depth) for part in (nn.Linear(16, 16), nn.Sigmoid())]
    proof = prove(nn.Sequential(*layers, nn.Linear(16, 3)), torch.randn(1, 16), ClassScore(0))
    assert proof.outcome == ("agrees" if depth == 4 else "too small")


def test_a_score_near_zero_has_the_noise_of_what_it_is_read_from() -> None:
    torch.manual_seed(0)
    sure = nn.Linear(8, 3)
    with torch.no_grad():
        sure.bias.copy_(torch.tensor([18.0, 0, 0]))
    x, target = torch.randn(1, 8), ClassScore(0, "log_probability")
    assert prove(sure.double(), x.double(), target).outcome in ("agrees", "too small")
    single = prove(sure.float(), x, target)
    assert single.outcome == "rounding", "the gradient is 1 minus almost 1, of which float32 has nothing left"
    assert re.search(r"the float32 gradient is \d+% away from the float64 gradient", single.verdict)


def test_a_small_probability_is_rounded_by_what_it_is_itself() -> None:
    torch.manual_seed(0)
    module = nn.Linear(8, 3).double()
    with torch.no_grad():
        module.bias.copy_(torch.tensor([20.0, 0.0, 0.0]))
    proof = prove(module, torch.randn(1, 8).double(), ClassScore(1, "probability"))
    assert proof.agrees
    assert proof.score < 1e-8
    assert verdicts.digits(proof) >= 6


class Rounded(nn.Module):
    """Between two layers the values are ``dtype``, as the norms and softmaxes of large models are float32."""

    def __init__(self, dtype: torch.dtype, cut: bool = False) -> None:
        super().__init__()
        self.first, self.last, self.dtype, self.cut = nn.Linear(8, 8), nn.Linear(8, 3), dtype, cut

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x).to(self.dtype)
        h = h * torch.rsqrt((h.detach() if self.cut else h).pow(2).mean(-1, keepdim=True) + 1e-6)
        found: Tensor = self.last(h.to(x.dtype))
        return found


def test_rounding_inside_the_model_is_named_and_not_blamed() -> None:
    torch.manual_seed(0)
    x = torch.randn(1, 8)
    single = prove(Rounded(torch.float32), x, ClassScore(0))
    assert single.agrees, single.verdict
    assert "Rounding to float32 inside the model limits the number of digits." in single.verdict
    assert {one.rounded for one in single.directions} == {"float32"}
    half = prove(Rounded(torch.float16), x, ClassScore(0))
    assert half.outcome == "too small"
    assert "rounding to float16 inside the model is too coarse" in half.verdict
    assert prove(Rounded(torch.float32, cut=True), x, ClassScore(0)).outcome == "apart"
    assert {one.rounded for one in prove(Rounded(torch.float64), x, ClassScore(0)).directions} == {""}


class Basis(nn.Module):
    """Holds tensors that are neither parameters nor buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.basis, self.more = nn.Linear(8, 3), torch.randn(8, 8), {"shift": [torch.randn(8)]}

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layer(torch.tanh(x @ self.basis + self.more["shift"][0]))
        return found


def test_plain_tensors_are_widened_too() -> None:
    module = Basis()
    assert prove(module, torch.randn(1, 8), ClassScore(0)).agrees
    assert module.basis.dtype == module.more["shift"][0].dtype == torch.float32


def test_random_numbers_are_the_same_in_each_pass_and_left_as_they_were() -> None:
    module = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, 3)).train()
    x, state = torch.randn(1, 8), torch.get_rng_state()
    assert prove(module, x, ClassScore(0)).agrees
    assert torch.equal(torch.get_rng_state(), state)


class Stubborn(nn.Module):
    """Casts to the type that is written down, and so meets weights of another."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layer(x.float())
        return found


def test_what_does_not_run_in_float64_is_said() -> None:
    with pytest.raises(QuestionError, match="does not run in float64"):
        prove(Stubborn(), torch.zeros(1, 8), ClassScore(0))
    with pytest.raises(QuestionError, match=r"cannot run on a tensor \(1, 7\)"):
        prove(Stubborn(), torch.zeros(1, 7), ClassScore(0))


def test_token_ids_have_no_derivative_and_what_is_made_of_them_has() -> None:
    module = nn.Sequential(nn.Embedding(10, 8), nn.Flatten(), nn.Linear(24, 3))
    ids = torch.tensor([[1, 2, 3]])
    assert prove(module, ids, ClassScore(0), [Site("0")]).agrees
    with pytest.raises(QuestionError, match="the input holds int64 values"):
        prove(module, ids, ClassScore(0))


def test_what_cannot_be_checked_is_said() -> None:
    with pytest.raises(QuestionError, match="0 directions"):
        prove(Smooth(), torch.zeros(1, 2, 3, 3), ClassScore(0), directions=0)
    with pytest.raises(UnknownSite):
        prove(Smooth(), torch.zeros(1, 2, 3, 3), ClassScore(0), [Site("nowhere")])


def test_the_module_stays_in_float32_and_keeps_no_hook() -> None:
    module = sound.Convolutions()
    assert prove(module, broken.images(), ClassScore(0), [Site("stem")], directions=1).agrees
    assert {parameter.dtype for parameter in module.parameters()} == {torch.float32}
    assert not any(part._forward_hooks for part in module.modules())
