"""Uploaded models: what they may cost, what becomes of their failures, and outputs that are no class scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest
import torch
import torchvision
from torch import Tensor, nn

import gradviz_core as gv
from gradviz_core.answering import Answerer
from gradviz_core.answers import load as loading
from gradviz_core.answers import sizes
from gradviz_core.answers.load import Model, load
from gradviz_core.errors import BadTarget, QuestionError, TooCostly
from gradviz_core.types import AboutAModel
from gradviz_core.uploads import cost
from tests.reference import relative_error

IMAGE = "sample/star"

KEYS = count()
Served = Callable[..., str]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Served:
    """Puts a module, which takes three channels of 96×96, behind a key that was never used before."""

    def serve(module: nn.Module, kind: str = "upload") -> str:
        key = f"{kind}/{next(KEYS):064x}"
        card = gv.ModelCard(key, "", "", 0, (), load("preset/shapes-cnn").card.preprocessing)
        found = Model(module.eval().requires_grad_(False), card)
        monkeypatch.setattr(loading, "load", lambda asked: found if asked == key else load(asked))
        return key

    return serve


class Raises(nn.Module):
    """Fails in its forward pass, on real tensors only where ``dry`` passes."""

    def __init__(self, error: Exception, *, dry_passes: bool = False) -> None:
        super().__init__()
        self.error, self.dry_passes = error, dry_passes

    def forward(self, x: Tensor) -> Tensor:
        if self.dry_passes and type(x) is not Tensor:
            return x.mean((2, 3))
        raise self.error


def test_what_an_upload_costs_is_checked_once_for_each_input(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[tuple[int, ...]] = []

    def check(_module: nn.Module, shape: tuple[int, ...]) -> dict[gv.Site, int]:
        checked.append(shape)
        return {}

    monkeypatch.setattr(cost, "check", check)
    answerer, key = Answerer("cpu"), served(load("preset/shapes-cnn").module)
    for image in ("sample/star", "sample/cat", "sample/star"):
        answerer.answer(gv.GradientQuestion(model=key, image=image))
    answerer.answer(gv.GradientQuestion(model="preset/shapes-resnet", image=IMAGE))
    assert checked == [(1, 3, 96, 96)]


def test_an_upload_that_costs_too_much_never_runs(served: Served) -> None:
    class Huge(Raises):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.expand(10**12, -1, -1, -1) if type(x) is not Tensor else x)

    key = served(Huge(AssertionError("it ran"), dry_passes=True))
    with pytest.raises(TooCostly, match="the limit for uploads here is 500 billion"):
        gv.answer(gv.SurveyQuestion(model=key, image=IMAGE))


@pytest.mark.parametrize("dry_passes", [False, True])
@pytest.mark.parametrize(
    ("error", "kind", "sentence"),
    [
        (
            RuntimeError("bad sizes"),
            QuestionError,
            r"cannot run on 3 channels of 96×96 pixels: bad sizes\. Set the size",
        ),
        (IndexError(), QuestionError, "pixels: IndexError\\. Set the size"),
        (KeyError("x"), QuestionError, "pixels: 'x'"),
        (RuntimeError("Exception raised from /opt/a b/c.cpp:7 here"), QuestionError, "pixels: Exception raised from "),
        (
            RuntimeError("no\nfile 'C:\\\\me\\\\x.py' at alloc_cpu.cpp:12"),
            QuestionError,
            "pixels: no file … at …\\. Set",
        ),
        (RuntimeError("long " * 100), QuestionError, "(long ){39}long…\\. Set the size"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), TooCostly, "pixels: it ran out of memory"),
        (MemoryError(), TooCostly, "it ran out of memory"),
    ],
)
def test_what_an_upload_raises_becomes_a_sentence(
    served: Served, error: Exception, kind: type[QuestionError], sentence: str, dry_passes: bool
) -> None:
    with pytest.raises(kind, match=sentence) as caught:
        gv.answer(gv.GradientQuestion(model=served(Raises(error, dry_passes=dry_passes)), image=IMAGE))
    assert "/opt" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_what_a_trusted_model_raises_stays_as_it_is(served: Served) -> None:
    key = served(Raises(RuntimeError("bad sizes")), "preset")
    with pytest.raises(RuntimeError, match=r"^bad sizes$"):
        gv.answer(gv.GradientQuestion(model=key, image=IMAGE))


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (nn.Conv2d(1, 4, 3), "to have 1 channels, but got 3 channels"),
        (nn.Sequential(nn.Flatten(), nn.Linear(10, 2)), "27648"),
    ],
)
def test_an_input_that_does_not_fit_is_named(served: Served, module: nn.Module, words: str) -> None:
    with pytest.raises(QuestionError, match=f"cannot run on 3 channels of 96×96 pixels: .*{words}"):
        gv.answer(gv.SurveyQuestion(model=served(module), image=IMAGE))


def test_a_failure_on_the_way_back_is_a_sentence_too(served: Served) -> None:
    class NoWayBack(torch.autograd.Function):
        @staticmethod
        def forward(_ctx: object, x: Tensor) -> Tensor:
            return x.mean((2, 3))

        @staticmethod
        def backward(_ctx: object, _slope: Tensor) -> Tensor:
            raise NotImplementedError("no way back to /root/x")

    class Model(nn.Module):
        def forward(self, x: Tensor) -> object:
            return NoWayBack.apply(x)

    with pytest.raises(QuestionError, match=r"This question about the model fails: no way back to …"):
        gv.answer(gv.GradientQuestion(model=served(Model()), image=IMAGE))


# ----------------------------------------------------------------------------------------------- outputs of other kinds


class Two(nn.Module):
    """Returns what it is told to, made of two maps."""

    def __init__(self, wrap: Callable[[Tensor, Tensor], object]) -> None:
        super().__init__()
        self.wrap = wrap

    def forward(self, x: Tensor) -> object:
        return self.wrap(x * 2, x[:, :, ::2, ::2] * 3)


@pytest.mark.parametrize(
    ("wrap", "sentence"),
    [
        (
            lambda a, b: {"out": a, "aux": b},
            r"a dictionary with 'out' \(1, 3, 96, 96\) and 'aux' \(1, 3, 48, 48\): .* output .output\[out\], then",
        ),
        (lambda a, b: (a, b), r"a tuple with '0' \(1, 3, 96, 96\) and '1' .* layer output .output\[0\], then"),
        (
            lambda a, b: a,
            r"the output \(1, 3, 96, 96\): .* layer output .output, then channel \(the class\), row and column",
        ),
        (lambda a, b: None, r"no tensor: .* Choose a unit, a channel or the sum of a site"),
        (lambda a, b: [a] * 50, "a list with .* and 44 more: "),
        (lambda a, b: a[0], r"the output \(3, 96, 96\): .* Choose one of its values \(gv.Combination\)"),
    ],
)
def test_an_output_without_class_scores_is_described(
    served: Served, wrap: Callable[[Tensor, Tensor], object], sentence: str
) -> None:
    key = served(Two(wrap))
    survey = gv.answer(gv.SurveyQuestion(model=key, image=IMAGE))
    assert isinstance(survey, gv.SurveyAnswer)
    assert survey.prediction == ()
    with pytest.raises(BadTarget, match=f"This model returns {sentence}"):
        gv.answer(gv.GradientQuestion(model=key, image=IMAGE))


def test_one_class_at_one_pixel_of_a_segmentation_model(served: Served) -> None:
    torch.manual_seed(0)
    module = torchvision.models.segmentation.lraspp_mobilenet_v3_large(weights=None, weights_backbone=None)
    key = served(module)
    target = gv.Unit(gv.Site("", 0, "out"), (15, 30, 20))
    answer = gv.answer(gv.GradientQuestion(model=key, image=IMAGE, target=target))
    x = torch.from_numpy(answer.activations[gv.INPUT]).requires_grad_()
    score = module(x)["out"][0, 15, 30, 20]
    (slope,) = torch.autograd.grad(score, x)
    assert answer.score == pytest.approx(score.item(), rel=1e-5)
    assert slope.abs().max() > 0
    assert relative_error(torch.from_numpy(answer.gradients[gv.INPUT]), slope) < 1e-5
    assert gv.Site.parse(".output[out]") == target.site


class RunsDryOnly(nn.Module):
    """A pass of it on real numbers is an error: whatever is told of it is told from shapes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 40, 3, padding=1), nn.Linear(40, 5)

    def forward(self, x: Tensor) -> Tensor:
        assert type(x) is not Tensor, "it ran"
        found: Tensor = self.head(self.conv(x).mean((2, 3)))
        return found


INPUT_BYTES, CONV_BYTES = 4 * 3 * 96 * 96, 4 * 40 * 96 * 96


@pytest.mark.parametrize(
    ("question", "size"),
    [
        (gv.GradientQuestion(model="", image=IMAGE), 3 * 96 * 96 + 2 * INPUT_BYTES),
        (gv.GradientQuestion(model="", image=IMAGE, method="gradient_x_input"), 3 * 96 * 96 + 3 * INPUT_BYTES),
        (gv.GradientQuestion(model="", image=IMAGE, wrt=(gv.Site("conv"),)), 3 * 96 * 96 + 2 * CONV_BYTES),
        (gv.UnitsQuestion(model="", image=IMAGE, site=gv.Site("conv"), place=(0, 0), count=9), 9 * INPUT_BYTES),
        (gv.PerturbationQuestion(model="", image=IMAGE), 6 * 96 * 96 + INPUT_BYTES),
        (gv.SpectrumQuestion(model="", image=IMAGE, of=gv.Site("conv")), 8 * (INPUT_BYTES + CONV_BYTES)),
        (gv.SurveyQuestion(model="", image=IMAGE), 3 * 96 * 96),
        (gv.OutputQuestion(model="", image=IMAGE), 3 * 4 * 5),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_an_answer_that_would_be_too_large_is_refused_before_anything_runs(
    served: Served, monkeypatch: pytest.MonkeyPatch, question: AboutAModel, size: int
) -> None:
    asked = replace(question, model=served(RunsDryOnly()))
    monkeypatch.setattr(sizes, "MOST_WHOLE", size - 1)
    with pytest.raises(TooCostly, match=rf"would take {size / 1e6:,.0f} MB; the limit .* is .* MB\. [CA]"):
        Answerer("cpu").answer(asked)
    monkeypatch.setattr(sizes, "MOST_WHOLE", size)
    with pytest.raises(QuestionError, match="it ran"):
        Answerer("cpu").answer(asked)


def test_a_pass_that_is_remembered_is_not_asked_for_more_than_is_allowed(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    answerer, key = Answerer("cpu"), served(load("preset/shapes-cnn").module)
    question = gv.UnitsQuestion(model=key, image=IMAGE, site=gv.Site("features.2"), place=(0, 0), count=2)
    monkeypatch.setattr(sizes, "MOST_WHOLE", 2 * INPUT_BYTES)
    assert answerer.answer(question).arrays["gradients"].nbytes == 2 * INPUT_BYTES
    with pytest.raises(TooCostly, match="Ask for fewer channels"):
        answerer.answer(replace(question, count=3))
