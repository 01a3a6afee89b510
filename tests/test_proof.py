"""Gradients against finite differences: where both agree, where a kink lies, and where a detach falsifies."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gradviz_core import trace
from gradviz_core.errors import QuestionError, UnknownSite
from gradviz_core.proof import prove
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
    from gradviz_core.models.load import load

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
