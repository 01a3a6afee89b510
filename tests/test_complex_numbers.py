"""Every kind of question about a model with layers of complex numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.answers import load as loading
from gradviz_core.answers.load import Model, load
from gradviz_core.errors import QuestionError
from gradviz_core.methods import backward_pass
from gradviz_core.tracing.gates import gated
from gradviz_core.tracing.trace import forward, recording
from gradviz_core.types import KINDS
from gradviz_core.uploads import exported
from tests.exported.files import exported_bytes

KEY, IMAGE, SEEN = "upload/" + "0" * 64, "sample/star", gv.Site("frequencies")


class Frequencies(nn.Module):
    """Complex numbers from real ones."""

    def forward(self, x: Tensor) -> object:
        return torch.fft.rfft2(x)


class Filter(nn.Module):
    """Complex numbers from complex ones."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 12, 7, dtype=torch.complex64))

    def forward(self, seen: Tensor) -> object:
        return seen * self.weight


class Back(nn.Module):
    """Real numbers from complex ones."""

    def forward(self, seen: Tensor) -> object:
        return torch.fft.irfft2(seen, s=(12, 12))


class Beside(nn.Module):
    """Real numbers from both."""

    def forward(self, x: Tensor, seen: Tensor) -> object:
        return x * seen.abs().mean((2, 3), keepdim=True)


class OfFrequencies(nn.Module):
    """Filters a picture in the plane of its frequencies."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.frequencies, self.filter = nn.Conv2d(3, 4, 8, 8), Frequencies(), Filter()
        self.back, self.beside, self.head = Back(), Beside(), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> object:
        x = self.conv(x)
        seen = self.filter(self.frequencies(x))
        return self.head(self.beside(self.back(seen) + x, seen).mean((2, 3)))


def _network() -> nn.Module:
    torch.manual_seed(0)
    return OfFrequencies().eval().requires_grad_(False)


@pytest.fixture(params=["as it is", "exported"])
def served(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    module = _network()
    if request.param == "exported":
        module = exported.read(exported_bytes(module, torch.zeros(1, 3, 96, 96))).module
    found = Model(module, gv.ModelCard(KEY, "", "", 0, (), load("preset/shapes-cnn").card.preprocessing))
    monkeypatch.setattr(loading, "load", lambda asked: found if asked == KEY else load(asked))


ABOUT: dict[str, Any] = {"model": KEY, "image": IMAGE}
TARGET = gv.ClassScore(1)
QUESTIONS: dict[str, gv.Question] = {
    "survey": gv.SurveyQuestion(**ABOUT),
    "flow": gv.FlowQuestion(**ABOUT, target=TARGET, parameters=True),
    "gradient": gv.GradientQuestion(**ABOUT, target=TARGET, wrt=(gv.INPUT, gv.Site("conv"))),
    "units": gv.UnitsQuestion(**ABOUT, site=gv.Site("conv"), place=(1, 1)),
    "path": gv.PathQuestion(**ABOUT, target=TARGET, parts=2, steps=2),
    "perturbation": gv.PerturbationQuestion(**ABOUT, target=TARGET),
    "jacobian": gv.JacobianQuestion(**ABOUT, rows=(0, 1)),
    "spectrum": gv.SpectrumQuestion(**ABOUT, count=2),
    "diagnosis": gv.DiagnosisQuestion(**ABOUT, target=TARGET),
    "backward": gv.BackwardQuestion(**ABOUT, target=TARGET),
    "tokens": gv.TokensQuestion(**ABOUT),
    "proof": gv.ProofQuestion(**ABOUT, target=TARGET, directions=1),
    "cams": gv.CamsQuestion(**ABOUT, target=TARGET),
    "randomised": gv.RandomisedQuestion(**ABOUT, target=TARGET, layer=2),
    "insertion": gv.InsertionQuestion(**ABOUT, target=TARGET, steps=2),
    "keeping": gv.KeepingQuestion(**ABOUT, target=TARGET, sites=(gv.Site("conv"), SEEN)),
}


def test_every_kind_is_here() -> None:
    assert QUESTIONS.keys() == KINDS.keys() - {"lesson", "attending", "output"}  # no model; attention; boxes and maps


@pytest.mark.parametrize("kind", sorted(QUESTIONS))
def test_is_answered(served: None, kind: str) -> None:
    answer = gv.answer(QUESTIONS[kind])
    assert not any(array.dtype.kind == "c" for array in answer.arrays.values())


def test_what_is_left_out_is_said(served: None) -> None:
    kept, passed = gv.answer(QUESTIONS["keeping"]), gv.answer(QUESTIONS["backward"])
    assert isinstance(kept, gv.KeepingAnswer)
    assert isinstance(passed, gv.BackwardAnswer)
    assert np.isnan(kept.arrays["kept"]).tolist() == [False, True]
    assert kept.notes[-1].endswith("no class activation map, and were left out: frequencies.")
    assert "leave out layer outputs of complex numbers: frequencies, filter. The step after them" in passed.notes[-1]


@pytest.mark.parametrize(
    "question",
    [
        gv.GradientQuestion(**ABOUT, target=TARGET, wrt=(SEEN,)),
        gv.GradientQuestion(**ABOUT, target=TARGET, wrt=(SEEN,), method="grad_cam"),
        gv.UnitsQuestion(**ABOUT, site=SEEN, place=(1, 1)),
        gv.RandomisedQuestion(**ABOUT, target=TARGET, layer=1, method="grad_cam", wrt=SEEN),
        gv.InsertionQuestion(**ABOUT, target=TARGET, steps=2, method="grad_cam", wrt=SEEN),
    ],
    ids=lambda question: question.kind,
)
def test_at_complex_numbers_is_refused_in_words(served: None, question: gv.Question) -> None:
    with pytest.raises(QuestionError, match="frequencies gives complex numbers, whose gradient is not shown"):
        gv.answer(question)


@pytest.mark.parametrize(
    "question",
    [
        gv.JacobianQuestion(**ABOUT, of=SEEN, rows=(0, 1)),
        gv.SpectrumQuestion(**ABOUT, wrt=SEEN, count=2),
        gv.ProofQuestion(**ABOUT, target=TARGET, wrt=SEEN, directions=1),
        gv.GradientQuestion(**ABOUT, target=gv.Unit(SEEN, (0, 0, 0))),
    ],
    ids=lambda question: question.kind,
)
def test_at_complex_numbers_has_no_derivative(served: None, question: gv.Question) -> None:
    with pytest.raises(QuestionError, match=r"real number"):
        gv.answer(question)


def test_the_backward_pass_steps_over_them() -> None:
    """Every step goes from real numbers to real ones, and what all of them pass to a value is its gradient."""
    module = _network().double()
    x = torch.randn(1, 3, 96, 96, dtype=torch.float64)
    with recording():
        layers = gated(module)
        trace = forward(layers, x)
        assert isinstance(trace.output, Tensor)
        done = backward_pass.differentiated(layers, trace, trace.output[0, 1])
        steps = [(step.site.path.split(".")[0], step.into.path) for step in done.steps]
        assert not [site for site in done.gradients if trace.values[site].is_complex()]
        assert {("back", "conv"), ("beside", "beside.gradviz_gate.whole")} <= set(steps)
        for site in {source.site for link in done.steps for source in link.sources}:
            users = [(link, one) for link in done.steps for one in link.sources if one.site == site]
            parts = [part for link, one in users if (part := backward_pass.passed(done, link, one)) is not None]
            assert len(parts) == len(users)
            torch.testing.assert_close(torch.stack(parts).sum(0), done.gradients[site], rtol=1e-10, atol=1e-12)
        for number, link in enumerate(done.steps):
            detail = backward_pass.shown(done, number).step.detail
            if detail is not None:
                terms = backward_pass.every_term(done, number, detail.index)
                assert float(terms.sum()) == pytest.approx(detail.gradient, rel=1e-9), link
