"""Question -> Answer: the same arrays whatever was asked before, by whom, and where."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import gradviz_core as gv
from gradviz_core.answering import Answerer
from gradviz_core.answers.gradient import of_unreached
from gradviz_core.answers.load import load
from gradviz_core.errors import BadTarget, QuestionError, UnknownModel, UnknownSite, Unreachable
from tests.reference import reference, relative_error
from tests.test_trace import fingerprint

MODEL, IMAGE = "preset/shapes-resnet", "sample/star"
LATE, EARLY = gv.Site("stages.3.relu", 1), gv.Site("stages.0.relu")


def _sites(model: str) -> list[gv.SiteInfo]:
    return list(gv.answer(gv.SurveyQuestion(model=model, image=IMAGE)).sites)


def _questions() -> list[gv.Question]:
    infos = [info for info in _sites(MODEL) if info.layout == "maps" and info.same_as is None]
    early, late = infos[3].site, infos[-3].site
    return [
        gv.GradientQuestion(model=MODEL, image=IMAGE),
        gv.GradientQuestion(
            model=MODEL, image=IMAGE, target=gv.ClassScore(2, "probability"), method="gradient_x_input"
        ),
        gv.GradientQuestion(model=MODEL, image=IMAGE, wrt=(early, late, gv.INPUT)),
        gv.GradientQuestion(model=MODEL, image=IMAGE, target=gv.Unit(early, (1, 2, 3))),
        gv.GradientQuestion(model=MODEL, image=IMAGE, target=gv.Unit(late, (1, 2, 3)), wrt=(gv.INPUT, early)),
        gv.UnitsQuestion(model=MODEL, image=IMAGE, site=late, place=(3, 3), count=4),
        gv.FlowQuestion(model=MODEL, image=IMAGE, target=gv.ClassScore(5)),
        gv.SurveyQuestion(model=MODEL, image=IMAGE),
    ]


def _same(a: gv.Answer, b: gv.Answer) -> bool:
    return a.arrays.keys() == b.arrays.keys() and all(
        np.array_equal(a.arrays[name], b.arrays[name], equal_nan=True) for name in a.arrays
    )


def test_arrays_do_not_depend_on_what_was_asked_before() -> None:
    questions = _questions()
    alone = [gv.answer(question) for question in questions]
    remembering = Answerer("cpu")
    for order in (range(len(questions)), reversed(range(len(questions)))):
        for i in order:
            again = remembering.answer(questions[i])
            assert _same(again, alone[i]), questions[i]
            assert getattr(again, "score", 0) == getattr(alone[i], "score", 0)
            assert getattr(again, "prediction", 0) == getattr(alone[i], "prediction", 0)
            assert getattr(again, "receptive_field", 0) == getattr(alone[i], "receptive_field", 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "site"),
    [("torchvision/swin_t@random-0", "features.0.1"), ("torchvision/convnext_tiny@random-0", "features.1.0.block.1")],
)
def test_axes_do_not_depend_on_what_was_asked_before(model: str, site: str) -> None:
    """Only a later layer tells that channels come last here; a pass that stops at the site would not see it."""
    at = gv.Site(site)
    questions: list[gv.Question] = [
        gv.GradientQuestion(model=model, image=IMAGE, target=gv.ChannelMean(at, 3)),
        gv.UnitsQuestion(model=model, image=IMAGE, site=at, place=(2, 3), count=2),
    ]
    warm = Answerer("cpu")
    survey = warm.answer(gv.SurveyQuestion(model=model, image=IMAGE))
    assert isinstance(survey, gv.SurveyAnswer)
    assert next(info.layout for info in survey.sites if info.site == at) == "maps_last"
    assert all(_same(gv.answer(question), warm.answer(question)) for question in questions)


def test_writing_to_an_answer_changes_no_later_one() -> None:
    answerer = Answerer("cpu")
    question = gv.GradientQuestion(model=MODEL, image=IMAGE, wrt=(gv.INPUT, gv.Site("conv1")))
    answer = answerer.answer(question)
    for array in answer.arrays.values():
        array[...] = 0
    assert _same(answerer.answer(question), gv.answer(question))


def test_eight_threads_get_what_one_gets_and_leave_nothing() -> None:
    questions = _questions()
    serial = [gv.answer(question) for question in questions]
    found: list[gv.Answer | None] = [None] * len(questions)
    barrier = threading.Barrier(len(questions))

    def ask(i: int) -> None:
        barrier.wait()
        found[i] = gv.answer(questions[i])

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(answer is not None and _same(answer, one) for answer, one in zip(found, serial, strict=True))


def test_the_kept_model_is_left_as_it_was() -> None:
    answerer = Answerer("cpu")
    answerer.answer(gv.GradientQuestion(model=MODEL, image=IMAGE))
    module = answerer._models.get(MODEL, torch.device("cpu")).module
    before = fingerprint(module)
    for question in _questions():
        answerer.answer(question)
    with pytest.raises(BadTarget):
        answerer.answer(gv.GradientQuestion(model=MODEL, image=IMAGE, target=gv.ClassScore(99)))
    assert fingerprint(module) == before
    assert not any(mode for mode in before["modes"].values())


@pytest.mark.parametrize("model", ["preset/shapes-cnn", "preset/shapes-resnet", "preset/shapes-vit"])
def test_presets_against_the_reference_at_every_site(model: str) -> None:
    sites = tuple(
        info.site for info in _sites(model) if info.site.item in ("", "0")
    )  # attention's weights lead nowhere
    answer = gv.answer(gv.GradientQuestion(model=model, image=IMAGE, target=gv.ClassScore(4), wrt=sites))
    values, slopes = reference(
        load(model).module, torch.from_numpy(answer.activations[gv.INPUT]), lambda out: out[0, 4]
    )
    assert set(values) == set(sites)
    for site in sites:
        assert relative_error(torch.from_numpy(answer.activations[site]), values[site]) < 1e-5, site
        assert relative_error(torch.from_numpy(answer.gradients[site]), slopes[site]) < 1e-5, site


def test_the_units_are_the_strongest_and_each_gradient_is_its_own() -> None:
    infos = [info for info in _sites(MODEL) if info.layout == "maps" and info.same_as is None]
    site = infos[-2].site
    answer = gv.answer(gv.UnitsQuestion(model=MODEL, image=IMAGE, site=site, place=(2, 1), count=3))
    whole = gv.answer(gv.GradientQuestion(model=MODEL, image=IMAGE, wrt=(site,)))
    column = whole.activations[site][0, :, 2, 1]
    assert sorted(answer.arrays["values"], reverse=True) == pytest.approx(np.sort(column)[::-1][:3].tolist())
    for channel, gradient in zip(answer.arrays["channels"].tolist(), answer.arrays["gradients"], strict=True):
        target = gv.Unit(site, (channel, 2, 1))
        one = gv.answer(gv.GradientQuestion(model=MODEL, image=IMAGE, target=target))
        assert np.array_equal(one.gradients[gv.INPUT][0], gradient)


def test_units_of_tokens_and_vectors() -> None:
    vit = "preset/shapes-vit"
    tokens = next(info for info in reversed(_sites(vit)) if info.layout == "tokens")
    answer = gv.answer(gv.UnitsQuestion(model=vit, image=IMAGE, site=tokens.site, place=(0,), count=2))
    assert answer.arrays["gradients"].shape == (2, 3, 96, 96)
    scores = gv.answer(gv.UnitsQuestion(model=vit, image=IMAGE, site=gv.OUTPUT, place=(), count=10))
    best = gv.answer(gv.GradientQuestion(model=vit, image=IMAGE))
    assert scores.arrays["channels"][0] == best.prediction[0].index
    assert np.allclose(scores.arrays["gradients"][0], best.gradients[gv.INPUT][0])


def test_flow_is_the_norm_of_each_gradient() -> None:
    flow = gv.answer(gv.FlowQuestion(model=MODEL, image=IMAGE, target=gv.ClassScore(1)))
    sites = tuple(info.site for info in flow.sites)
    whole = gv.answer(gv.GradientQuestion(model=MODEL, image=IMAGE, target=gv.ClassScore(1), wrt=sites))
    norms = [np.linalg.norm(whole.gradients[site].astype(np.float64)) for site in sites]
    assert flow.arrays["gradient_norm"] == pytest.approx(norms, rel=1e-6)


def test_flow_of_a_unit_is_missing_after_it() -> None:
    infos = _sites(MODEL)
    at = next(info.site for info in infos if info.kind == "ReLU")
    flow = gv.answer(gv.FlowQuestion(model=MODEL, image=IMAGE, target=gv.SiteSum(at)))
    reached = [info.site for info, norm in zip(flow.sites, flow.arrays["gradient_norm"], strict=True) if norm == norm]
    assert gv.INPUT in reached
    assert at in reached
    assert gv.OUTPUT not in reached


def test_gradient_x_input_is_their_product() -> None:
    plain = gv.answer(gv.GradientQuestion(model=MODEL, image=IMAGE))
    product = gv.answer(gv.GradientQuestion(model=MODEL, image=IMAGE, method="gradient_x_input"))
    expected = plain.gradients[gv.INPUT] * plain.activations[gv.INPUT]
    assert np.array_equal(product.attributions[gv.INPUT], expected)
    assert np.array_equal(product.gradients[gv.INPUT], plain.gradients[gv.INPUT])
    assert np.array_equal(plain.attributions[gv.INPUT], plain.gradients[gv.INPUT])


def test_gradient_times_input_of_a_linear_model_sums_to_the_logit_less_the_bias() -> None:
    """The degenerate case in which the attribution is complete: the sum is z_c - b_c."""
    site = next(
        info.site for info in reversed(_sites("preset/shapes-cnn")) if info.layout == "vector" and info.shape[1] > 10
    )
    question = gv.GradientQuestion(model="preset/shapes-cnn", image=IMAGE, wrt=(site,), method="gradient_x_input")
    answer = gv.answer(question)
    assert isinstance(answer.target, gv.ClassScore)
    bias = load("preset/shapes-cnn").module.get_parameter("classifier.bias")[answer.target.index].item()
    assert answer.attributions[site].sum() == pytest.approx(answer.score - bias, rel=1e-5)


@pytest.mark.parametrize(
    ("change", "kind", "sentence"),
    [
        ({"target": gv.ClassScore(10)}, BadTarget, "Class 10 does not exist: the model has classes 0 to 9"),
        ({"target": gv.CrossEntropy(-1)}, BadTarget, "Class -1 does not exist"),
        ({"wrt": (gv.Site("stem.9"),)}, UnknownSite, "There is no site 'stem.9'"),
        ({"wrt": ()}, QuestionError, "names nothing to differentiate"),
        ({"method": "magic"}, QuestionError, "There is no method 'magic'"),
        ({"model": "preset/shapes-cmm"}, QuestionError, "Did you mean shapes-cnn"),
        ({"image": "sample/stra"}, QuestionError, "Did you mean star"),
        ({"model": "pickle/evil"}, QuestionError, "There is no model 'pickle/evil'"),
    ],
)
def test_questions_that_cannot_be_answered(change: dict[str, object], kind: type[Exception], sentence: str) -> None:
    options = {"model": MODEL, "image": IMAGE, **change}
    with pytest.raises(kind, match=sentence):
        gv.answer(gv.GradientQuestion(**options))  # type: ignore[arg-type]


def test_a_site_after_the_target_is_out_of_reach_and_named_beside_the_others() -> None:
    infos = _sites(MODEL)
    early, last = next(info.site for info in infos if info.kind == "ReLU"), infos[-1].site
    question = gv.GradientQuestion(
        model=MODEL, image=IMAGE, target=gv.Unit(early, (0, 0, 0)), wrt=(gv.INPUT, last), method="gradient_x_input"
    )
    for answer in (gv.answer(question), Answerer("cpu").answer(question)):
        assert isinstance(answer, gv.GradientAnswer)
        assert answer.unreached == (last,)
        assert list(answer.gradients) == list(answer.attributions) == [gv.INPUT]
        assert list(answer.activations) == [gv.INPUT, last]
        assert answer.notes == (
            f"No differentiable path leads from {last.path or 'the output'} to the score, so there is no gradient "
            "there.",
        )
    with pytest.raises(Unreachable, match="no differentiable path leads from there to the target"):
        gv.answer(replace(question, wrt=(last,)))


def test_five_sites_out_of_reach_are_named_and_of_more_the_first_five() -> None:
    sites = tuple(gv.Site(name) for name in "abcdef")
    assert of_unreached(()) == ()
    assert of_unreached(sites[:5]) == (
        "No differentiable path leads from a, b, c, d, e to the score, so there is no gradient there.",
    )
    assert of_unreached(sites) == (
        "No differentiable path leads from a, b, c, d, e and others to the score, so there is no gradient there.",
    )


def test_every_site_of_a_vision_transformer_can_be_asked_for_at_once() -> None:
    """The weights of its attention lead nowhere."""
    model = "preset/shapes-vit"
    infos = _sites(model)
    answer = gv.answer(gv.GradientQuestion(model=model, image=IMAGE, wrt=tuple(info.site for info in infos)))
    assert {site.item for site in answer.unreached} == {"1"}
    assert len(answer.gradients) == len(infos) - len(answer.unreached)


@pytest.mark.parametrize("place", [(), (1,), (99, 0), (0, 0, 0)])
def test_places_that_do_not_exist(place: tuple[int, ...]) -> None:
    site = next(info.site for info in _sites(MODEL) if info.kind == "ReLU")
    with pytest.raises(BadTarget, match="its positions are"):
        gv.answer(gv.UnitsQuestion(model=MODEL, image=IMAGE, site=site, place=place))


def test_running_out_of_gpu_memory_is_answered_on_the_cpu_with_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    answerer = Answerer("cpu")
    answerer.device = torch.device("meta")  # stands for a GPU; the first try runs out of memory
    real = Answerer._answer_on

    def fail_once(self: Answerer, device: torch.device, question: gv.Question, notes: tuple[str, ...]) -> gv.Answer:
        if device.type == "meta":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, device, question, notes)

    monkeypatch.setattr(Answerer, "_answer_on", fail_once)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    question = gv.GradientQuestion(model=MODEL, image=IMAGE)
    answer = answerer.answer(question)
    assert isinstance(answer, gv.GradientAnswer)
    assert answer.notes == ("The META device ran out of memory, so this was computed on the CPU.",)
    assert answer.receipt.device == "CPU"
    assert _same(answer, gv.answer(question))


def test_the_saliency_of_a_shape_lies_on_the_shape() -> None:
    """Mean |gradient| inside the sample's mask against outside it, over the shape classes the model gets right."""
    from PIL import Image

    ratios = []
    for card in gv.catalogue.sample_images():
        if card.mask and card.key.removeprefix("sample/") == card.label:
            answer = gv.answer(gv.GradientQuestion(model="preset/shapes-cnn", image=card.key))
            mask = np.asarray(Image.open(gv.catalogue.ASSETS / "images" / card.mask).convert("L")) > 127
            size = np.abs(answer.gradients[gv.INPUT][0]).sum(0)
            ratios.append(size[mask].mean() / size[~mask].mean())
    assert len(ratios) == 10
    assert np.median(ratios) > 2


def test_the_model_behind_a_key_is_the_one_that_is_answered_from() -> None:
    answer = gv.answer(gv.GradientQuestion(model="preset/shapes-cnn", image="sample/star"))
    module = gv.load("preset/shapes-cnn")
    x = torch.from_numpy(answer.activations[gv.INPUT])
    assert module(x)[0, answer.prediction[0].index].item() == pytest.approx(answer.score, rel=1e-6)
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())
    with pytest.raises(UnknownModel, match=r"no preset .none."):
        gv.load("preset/none")


def test_importing_the_package_is_cheap_and_the_answer_verb_survives() -> None:
    code = (
        "import sys, gradviz_core as gv\n"
        "assert 'torch' not in sys.modules and 'streamlit' not in sys.modules\n"
        "gv.trace, gv.fields, gv.figures, gv.captions, gv.images, gv.catalogue, gv.receptive_field\n"
        "assert callable(gv.answer) and callable(gv.trace.survey)\n"
        "assert set(gv.__all__) <= set(dir(gv)) | set(gv._LAZY)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).resolve().parents[1])


def test_no_class_has_all_of_the_probability_where_others_have_some() -> None:
    sure = gv.SurveyQuestion(model="preset/digits-cnn", image="sample/digit-3")
    step = gv.PerturbationQuestion(model="preset/digits-cnn", image="sample/digit-3", epsilon=1)
    survey, changed = gv.answer(sure), gv.answer(step)
    for prediction in (survey.prediction, changed.prediction, changed.prediction_after):
        shares = [p.probability or 0.0 for p in prediction]
        assert 0.9999 < shares[0] < 1
        assert sum(shares) <= 1
        logits = torch.tensor([p.logit for p in prediction])
        assert logits.softmax(0)[0] == 1, "single precision gives it all"
