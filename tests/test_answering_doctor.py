"""The doctor and the proof as questions: parameters count as trained, the target is the one asked for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from itertools import count

import pytest
import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core import answering, images
from gradviz_core.answering import Answerer
from gradviz_core.answers import load as loading
from gradviz_core.answers.load import Model, load
from gradviz_core.errors import BadTarget, QuestionError, Stopped
from gradviz_core.tracing.trace import forward

MODEL, IMAGE = "preset/shapes-cnn", "sample/star"
KEYS = count()
Serve = Callable[[nn.Module], str]


class Cut(nn.Module):
    """Two layers, and a detach between them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x).relu().mean((2, 3))
        kept = h.detach()
        scores: Tensor = self.last(kept)
        return scores


class Maps(nn.Module):
    """Returns maps, in a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"out": self.conv(x)}


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Puts a module, frozen as all that are loaded, behind a key that was never used before."""

    def put(module: nn.Module) -> str:
        key = f"upload/{next(KEYS) + 2**64:064x}"
        card = gv.ModelCard(key, "", "", 0, (), load(MODEL).card.preprocessing)
        found = Model(module.eval().requires_grad_(False), card)
        monkeypatch.setattr(loading, "load", lambda asked: found if asked == key else load(asked))
        return key

    return put


def test_nothing_is_wrong_with_a_preset_and_its_parameters_count() -> None:
    answer = Answerer("cpu").answer(gv.DiagnosisQuestion(model=MODEL, image=IMAGE))
    assert isinstance(answer, gv.DiagnosisAnswer)
    assert answer.diagnosis.findings == ()
    assert {leaf.gradient for leaf in answer.diagnosis.leaves} == {"finite"}
    assert len(answer.diagnosis.leaves) == 1 + len(list(load(MODEL).module.parameters()))
    assert not any(parameter.requires_grad for parameter in load(MODEL).module.parameters())


def test_it_is_the_target_that_is_differentiated() -> None:
    question = gv.DiagnosisQuestion(model=MODEL, image=IMAGE, target=gv.ClassScore(3, "log_probability"))
    answer = gv.answer(question)
    true = gv.answer(gv.GradientQuestion(model=MODEL, image=IMAGE, target=question.target))
    assert answer.diagnosis.loss == pytest.approx(true.score, rel=1e-6)
    norm = float(torch.from_numpy(true.gradients[gv.INPUT]).norm())
    assert answer.diagnosis.leaves[0].norm == pytest.approx(norm, rel=1e-5)
    predicted = gv.answer(gv.DiagnosisQuestion(model=MODEL, image=IMAGE))
    assert predicted.target == gv.answer(gv.GradientQuestion(model=MODEL, image=IMAGE)).target


def test_a_cut_is_found_with_its_line(serve: Serve) -> None:
    key = serve(Cut())
    answer = gv.answer(gv.DiagnosisQuestion(model=key, image=IMAGE))
    (finding,) = answer.diagnosis.findings
    assert (finding.cause, finding.level, finding.text) == ("detach", "broken", "kept = h.detach()")
    assert set(finding.lost) == {"the input", "first.weight", "first.bias"}
    assert finding.file == "test_answering_doctor.py"


def test_the_output_may_be_maps_and_an_inner_target_is_refused(serve: Serve) -> None:
    key = serve(Maps())
    whole = gv.SiteSum(gv.Site("", 0, "out"))
    assert gv.answer(gv.DiagnosisQuestion(model=key, image=IMAGE, target=whole)).diagnosis.findings == ()
    assert gv.answer(gv.ProofQuestion(model=key, image=IMAGE, target=whole)).proof.agrees
    with pytest.raises(BadTarget):
        gv.answer(gv.DiagnosisQuestion(model=key, image=IMAGE))
    with pytest.raises(QuestionError, match="is inside it"):
        gv.answer(gv.DiagnosisQuestion(model=key, image=IMAGE, target=gv.SiteSum(gv.Site("conv"))))


def test_the_proof_is_of_the_very_gradient() -> None:
    answer = gv.answer(gv.ProofQuestion(model="preset/digits-mlp", image=IMAGE, directions=2))
    assert answer.proof.agrees
    assert len(answer.proof.directions) == 2
    model = load("preset/digits-mlp")
    x = torch.from_numpy(
        images.normalise(images.as_seen(images.load(IMAGE), model.card.preprocessing), model.card.preprocessing)
    )
    logits = forward(model.module, x).output
    assert isinstance(logits, Tensor)
    assert answer.proof.score == pytest.approx(float(logits.detach().max()), rel=1e-5)
    with pytest.raises(QuestionError, match="directions"):
        gv.answer(gv.ProofQuestion(model="preset/digits-mlp", image=IMAGE, directions=0))


def test_a_check_is_of_any_site_and_any_target() -> None:
    unit, site = gv.Unit(gv.Site("features.6"), (3, 5, 5)), gv.Site("features.3")
    answer = gv.answer(gv.ProofQuestion(model=MODEL, image=IMAGE, target=unit, wrt=site, every_step=False))
    assert {one.site for one in answer.proof.directions} == {"features.3"}
    assert answer.proof.agrees, answer.proof.verdict
    asked = gv.GradientQuestion(model=MODEL, image=IMAGE, target=unit)
    assert answer.proof.score == pytest.approx(gv.answer(asked).score, rel=1e-5)


def test_a_check_leaves_what_is_remembered() -> None:
    answerer = Answerer()
    answerer.answer(gv.GradientQuestion(model=MODEL, image=IMAGE, wrt=(gv.INPUT, gv.Site("features.6"))))
    last = answerer._last
    assert last is not None
    for image, told in ((IMAGE, False), ("sample/heart", False), ("sample/heart", True)):
        question = gv.ProofQuestion(model=MODEL, image=image, every_step=False)
        with pytest.raises(Stopped) if told else nullcontext():
            answerer.check(question, lambda: told)  # noqa: B023
        assert answerer._last is last


def test_a_check_stops_within_one_operation_wherever_it_is() -> None:
    answerer, question = Answerer(), gv.ProofQuestion(model=MODEL, image=IMAGE, directions=1, every_step=False)
    answerer.check(question, lambda: False)  # the model is loaded
    calls, limit = 0, -1

    def told() -> bool:
        nonlocal calls
        calls += 1
        return calls == limit

    answer = answerer.check(question, told)
    assert isinstance(answer, gv.ProofAnswer)
    assert answer.proof == gv.answer(question).proof, "what is computed stays the same"
    operations = calls
    assert operations > 200
    for limit in (1, operations // 7, operations // 3, operations // 2, operations - 1):
        calls = 0
        with pytest.raises(Stopped):
            answerer.check(question, told)
        assert calls == limit, "no operation is begun after it was told"


def test_a_check_that_needs_too_much_memory_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "LARGEST_COPY", 1_000_000)
    question = gv.ProofQuestion(model=MODEL, image=IMAGE)
    with pytest.raises(QuestionError, match=r"takes 0\.0 GB; the limit of the check beside a picture is 0\.001 GB"):
        Answerer().check(question, lambda: False)
    assert gv.answer(question).proof.agrees, "the doctor's page checks it"
