"""Questions about models whose output is no row of softmax logits: heads, readings, predictions, maps and boxes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core import images
from gradviz_core.answering import Answerer
from gradviz_core.answers import load as loading
from gradviz_core.answers.load import Model, load
from gradviz_core.errors import BadTarget
from gradviz_core.text.codec import answer_from_bytes, answer_to_bytes
from gradviz_core.types.heads import OutputKind
from tests.dense_nets import Detector, Segmentation

IMAGE, KEY = "sample/star", f"upload/{'0' * 63}1"
Serve = Callable[..., Answerer]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """An answerer of its own, with a module behind ``KEY`` whose recipe says what its numbers are."""

    def put(module: nn.Module, reading: OutputKind | None = None) -> Answerer:
        steps = load("preset/shapes-cnn").card.preprocessing
        card = gv.ModelCard(KEY, "", "", 0, ("cat", "dog"), steps, reading=reading)
        found = Model(module.eval().requires_grad_(False), card)
        monkeypatch.setattr(loading, "load", lambda asked: found if asked == KEY else load(asked))
        return Answerer("cpu")

    return put


def picture() -> Tensor:
    steps = load("preset/shapes-cnn").card.preprocessing
    return torch.from_numpy(images.normalise(images.as_seen(images.load(IMAGE), steps), steps))


class Row(nn.Module):
    """Two numbers of an image."""

    def __init__(self, ending: Callable[[Tensor], object]) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv, self.linear = nn.Conv2d(3, 5, 3, 4), nn.Linear(5, 2)
        self.ending = ending

    def forward(self, x: Tensor) -> object:
        return self.ending(self.linear(self.conv(x).relu().mean((2, 3))))


def survey(answerer: Answerer, head: gv.Head | None = None) -> gv.SurveyAnswer:
    answer = answerer.answer(gv.SurveyQuestion(model=KEY, image=IMAGE, head=head or gv.Head()))
    assert isinstance(answer, gv.SurveyAnswer)
    back = answer_from_bytes(answer_to_bytes(answer))
    assert isinstance(back, gv.SurveyAnswer)
    assert (back.heads, back.prediction) == (answer.heads, answer.prediction)
    return answer


@pytest.mark.parametrize(
    ("ending", "recipe", "reading", "known"),
    [
        (lambda z: z, None, "softmax_logits", "guess"),
        (lambda z: z, "sigmoid_logits", "sigmoid_logits", "recipe"),
        (lambda z: z, "numbers", "numbers", "recipe"),
        (lambda z: z.softmax(1), None, "probabilities", "graph"),
        (lambda z: z.log_softmax(1), None, "log_probabilities", "graph"),
        (lambda z: z.softmax(1), "numbers", "numbers", "recipe"),
        (lambda z: z[:, :1], None, "numbers", "guess"),
    ],
)
def test_the_prediction_follows_what_the_numbers_are(
    serve: Serve, ending: Callable[[Tensor], Tensor], recipe: OutputKind | None, reading: str, known: str
) -> None:
    module = Row(ending)
    answer = survey(serve(module, recipe))
    (info,) = answer.heads
    assert (info.form, info.reading, info.known_from) == ("row", reading, known)
    numbers = module(picture())[0].double().numpy()
    shares = {
        "softmax_logits": np.exp(numbers) / np.exp(numbers).sum(),
        "sigmoid_logits": 1 / (1 + np.exp(-numbers)),
        "probabilities": numbers,
        "log_probabilities": np.exp(numbers),
    }.get(reading)
    order = np.argsort(-numbers)
    assert [p.index for p in answer.prediction] == order.tolist()
    assert [p.label for p in answer.prediction] == [("cat", "dog")[k] for k in order]
    assert [p.logit for p in answer.prediction] == pytest.approx(numbers[order], rel=1e-6)
    if shares is None:
        assert [p.probability for p in answer.prediction] == [None] * len(numbers)
    else:
        assert [p.probability for p in answer.prediction] == pytest.approx(shares[order], rel=1e-6)


def test_whoever_asks_has_the_last_word(serve: Serve) -> None:
    answerer, head = serve(Row(lambda z: z), "numbers"), gv.Head(reading="sigmoid_logits")
    first = survey(answerer, head).prediction[0]
    assert first.probability == pytest.approx(1 / (1 + np.exp(-first.logit)))
    answer = answerer.answer(gv.GradientQuestion(model=KEY, image=IMAGE, target=gv.ClassScore(1, "probability", head)))
    assert isinstance(answer, gv.GradientAnswer)
    assert answer.target == gv.ClassScore(1, "probability", gv.Head("", reading="sigmoid_logits"))
    assert answer.prediction[0] == first
    with pytest.raises(BadTarget, match="plain numbers, which have no log-probability"):
        answerer.answer(gv.GradientQuestion(model=KEY, image=IMAGE, target=gv.CrossEntropy(1)))


def test_presets_and_torchvision_models_say_what_they_return() -> None:
    for model in ("preset/digits-mlp", "torchvision/squeezenet1_1@random-0"):
        answer = gv.answer(gv.SurveyQuestion(model=model, image=IMAGE))
        assert [(info.reading, info.known_from) for info in answer.heads] == [("softmax_logits", "card")]


def test_a_head_that_is_not_there_is_refused_by_name(serve: Serve) -> None:
    answerer = serve(Row(lambda z: {"logits": z, "age": z[0, 0]}))
    assert [p.probability for p in survey(answerer, gv.Head("age")).prediction] == [None]
    with pytest.raises(BadTarget, match="under 'ages'; there are 'logits', 'age'"):
        survey(answerer, gv.Head("ages"))


def test_a_perturbation_follows_any_score(serve: Serve) -> None:
    answerer = serve(Row(lambda z: z[:, :1]))
    for target in (gv.ClassScore(0, against=True), gv.ClassScore(0, "probability")):
        answer = answerer.answer(gv.PerturbationQuestion(model=KEY, image=IMAGE, target=target, epsilon=2))
        assert isinstance(answer, gv.PerturbationAnswer)
        assert answer.score_after > answer.score
        before, after = answer.prediction[0], answer.prediction_after[0]
        assert (after.logit < before.logit) == target.against
        assert (before.probability is None) == (target.scale == "logit")


@pytest.mark.parametrize(
    ("module", "target"),
    [
        (lambda: Row(lambda z: z[:, :1]), gv.ClassScore(0, "probability", against=True)),
        (lambda: Row(lambda z: z.softmax(1)), gv.CrossEntropy(1)),
        (lambda: Segmentation(4), gv.RegionScore(None, gv.Rectangle((10, 40), (20, 50)), scale="log_probability")),
        (lambda: Segmentation(1), gv.RegionScore(0, gv.Position(30, 31), scale="probability")),
        (lambda: Detector(3, last=False, squashed=True), gv.BoxScore(None, 40, scale="probability")),
        (lambda: Row(lambda z: (z,)), gv.Combination((gv.Term((0, 1)), gv.Term((0, 0), -2.0)), gv.Site("", 0, "0"))),
    ],
)
def test_doctor_proof_and_flow_take_every_target(
    serve: Serve, module: Callable[[], nn.Module], target: gv.Target
) -> None:
    answerer = serve(module())
    proof = answerer.answer(gv.ProofQuestion(model=KEY, image=IMAGE, target=target, directions=1))
    assert isinstance(proof, gv.ProofAnswer)
    assert proof.proof.agrees
    flow = answerer.answer(gv.FlowQuestion(model=KEY, image=IMAGE, target=target))
    assert isinstance(flow, gv.FlowAnswer)
    assert flow.score == pytest.approx(proof.proof.score, rel=1e-4)
    diagnosis = answerer.answer(gv.DiagnosisQuestion(model=KEY, image=IMAGE, target=target))
    assert isinstance(diagnosis, gv.DiagnosisAnswer)
    assert diagnosis.target == flow.target == proof.target


# -------------------------------------------------------------------------------------------------- outputs as a whole


def output(answerer: Answerer, **choices: object) -> gv.OutputAnswer:
    answer = answerer.answer(gv.OutputQuestion(model=KEY, image=IMAGE, **choices))  # type: ignore[arg-type]
    assert isinstance(answer, gv.OutputAnswer)
    assert answer_from_bytes(answer_to_bytes(answer)).arrays.keys() == answer.arrays.keys()
    return answer


def test_the_predicted_map(serve: Serve) -> None:
    module = Segmentation(4)
    answer = output(serve(module))
    maps = module(picture())[0].numpy()
    assert (answer.head.form, answer.head.reading, answer.head.classes) == ("map", "softmax_logits", 4)
    np.testing.assert_array_equal(answer.arrays["classes"], maps.argmax(0))
    np.testing.assert_array_equal(answer.arrays["scores"], maps.max(0))
    assert answer.arrays["classes"].dtype == np.int64


@pytest.mark.parametrize("reading", [None, "sigmoid_logits"])
def test_the_map_of_a_single_label(serve: Serve, reading: OutputKind | None) -> None:
    module = Segmentation(1)
    answer = output(serve(module, reading))
    maps = module(picture())[0, 0].numpy()
    expected = np.zeros_like(maps) if reading is None else maps > 0
    assert answer.head.known_from == ("guess" if reading is None else "recipe")
    np.testing.assert_array_equal(answer.arrays["classes"], expected)
    np.testing.assert_array_equal(answer.arrays["scores"], maps)


@pytest.mark.parametrize("last", [True, False])
def test_the_strongest_boxes(serve: Serve, last: bool) -> None:
    module = Detector(3, last=last, squashed=True)
    answer = output(serve(module))
    table = module(picture())[0].numpy()
    table = table if last else table.T
    assert (answer.head.form, answer.head.reading, answer.head.known_from) == ("boxes", "probabilities", "graph")
    strength = table[4:].max(0)
    order = np.argsort(-strength, kind="stable")[:100]
    np.testing.assert_array_equal(answer.arrays["boxes"], order)
    np.testing.assert_array_equal(answer.arrays["scores"], strength[order])
    np.testing.assert_array_equal(answer.arrays["classes"], table[4:].argmax(0)[order])
    np.testing.assert_array_equal(answer.arrays["places"], table[:4, order].T)
    assert output(serve(module), skip=5).arrays["places"].shape == (100, 5)


def test_an_output_that_is_neither_is_refused(serve: Serve) -> None:
    with pytest.raises(BadTarget, match=r"returns the output \(1, 2\): no \(1, numbers, boxes\)"):
        output(serve(Row(lambda z: z)))
