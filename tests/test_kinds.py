"""A kind of question is two files of one name, and its type says what it is answered with."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any, assert_type, get_type_hints

import pytest

import gradviz_core as gv
from gradviz_core import answers, types
from gradviz_core.answers.needs import Needs
from gradviz_core.answers.sizes import Size, known
from gradviz_core.compute import client, inline
from gradviz_core.errors import ComputeError, QuestionError
from gradviz_core.text.codec import question_from_json
from gradviz_core.types import KINDS, AboutAModel
from gradviz_core.types.kinds import answer_to
from gradviz_core.types.questions import Question
from pages.shell import asking

MODEL, IMAGE = "preset/digits-mlp", "sample/digit-3"
ABOUT_MODELS: dict[str, Any] = {
    "gradient": gv.GradientQuestion(model=MODEL, image=IMAGE, wrt=(gv.INPUT, gv.Site("relu1"))),
    "units": gv.UnitsQuestion(model=MODEL, image=IMAGE, site=gv.Site("relu1"), place=()),
    "survey": gv.SurveyQuestion(model=MODEL, image=IMAGE),
    "flow": gv.FlowQuestion(model=MODEL, image=IMAGE),
    "path": gv.PathQuestion(model=MODEL, image=IMAGE, parts=2, steps=2),
    "perturbation": gv.PerturbationQuestion(model=MODEL, image=IMAGE),
    "jacobian": gv.JacobianQuestion(model=MODEL, image=IMAGE, rows=(0, 1)),
    "spectrum": gv.SpectrumQuestion(model=MODEL, image=IMAGE, count=2),
    "diagnosis": gv.DiagnosisQuestion(model=MODEL, image=IMAGE),
    "backward": gv.BackwardQuestion(model=MODEL, image=IMAGE, step=5),
    "tokens": gv.TokensQuestion(model=MODEL, image=IMAGE),
    "attending": gv.AttendingQuestion(model="preset/shapes-vit", image="sample/star"),
    "proof": gv.ProofQuestion(model=MODEL, image=IMAGE, directions=1),
    "cams": gv.CamsQuestion(model=MODEL, image=IMAGE),
    "randomised": gv.RandomisedQuestion(model=MODEL, image=IMAGE, layer=1),
    "insertion": gv.InsertionQuestion(model=MODEL, image=IMAGE, steps=2),
    "keeping": gv.KeepingQuestion(model="preset/digits-cnn", image=IMAGE, sites=(gv.Site("features.1"),)),
}
FEW = 1000
"""Bytes of the few numbers for each layer that no kind counts."""


def _modules(package: Any) -> dict[str, Any]:
    names = [found.name for found in pkgutil.iter_modules(package.__path__)]
    return {name: importlib.import_module(f"{package.__name__}.{name}") for name in names}


def test_every_question_there_is_is_found() -> None:
    classes = [value for module in _modules(types).values() for value in vars(module).values()]
    questions = {value for value in classes if isinstance(value, type) and issubclass(value, Question)}
    assert questions - {Question, AboutAModel} == {kind.question for kind in KINDS.values()}


def test_each_kind_has_its_pair() -> None:
    answering = {name: module for name, module in _modules(answers).items() if hasattr(module, "answer")}
    assert set(answering) == set(KINDS)
    for kind, module in answering.items():
        said = get_type_hints(module.answer)
        assert (said["question"], said["return"]) == (KINDS[kind].question, KINDS[kind].answer)
        if issubclass(KINDS[kind].question, AboutAModel):
            needs, size = get_type_hints(module.needs), get_type_hints(module.size)
            assert (needs["question"], needs["return"]) == (KINDS[kind].question, Needs)
            assert (size["question"], size["return"]) == (KINDS[kind].question, Size)
            assert {"model", "image", "seed"} <= set(KINDS[kind].question.__dataclass_fields__)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"lesson", "output", "attending"}))  # that one checks its rows
def test_no_answer_is_larger_than_its_kind_says(kind: str) -> None:
    survey = inline.ask(gv.SurveyQuestion(model=MODEL, image=IMAGE))
    shapes = {info.site: info.shape for info in survey.sites}
    sizes = {site: 4 * _count(shape) for site, shape in shapes.items()}
    question = ABOUT_MODELS[kind]
    told = importlib.import_module(f"gradviz_core.answers.{kind}").size(question, known(shapes[gv.INPUT], sizes))
    found = sum(array.nbytes for array in inline.ask(question).arrays.values())
    assert told.bytes <= found <= told.bytes + FEW


def _count(shape: tuple[int, ...]) -> int:
    total = 1
    for side in shape:
        total *= side
    return total


@pytest.mark.parametrize("name", ["scene", "load", "kinds", "questions", "os", "gradviz_core.answers.load", "../os"])
def test_a_kind_from_the_wire_is_looked_up_among_the_known_ones(name: str) -> None:
    with pytest.raises(QuestionError, match="does not match any of the expected tags"):
        question_from_json(f'{{"kind": "{name}", "model": "m", "image": "i"}}')


def test_an_answer_to_another_question_is_refused() -> None:
    survey = inline.ask(gv.SurveyQuestion(model=MODEL, image=IMAGE))
    assert answer_to(survey.question, survey) is survey
    with pytest.raises(ComputeError, match="kind flow got an answer of kind survey"):
        answer_to(gv.FlowQuestion(model=MODEL, image=IMAGE), survey)


def _what_mypy_infers(any_question: gv.Question) -> None:
    """Never run: mypy fails where a question no longer says what its answer is."""
    gradient = gv.GradientQuestion(model="", image="")
    assert_type(gv.answer(gradient), gv.GradientAnswer)
    assert_type(client.ask(gradient), gv.GradientAnswer)
    assert_type(inline.ask(gradient), gv.GradientAnswer)
    assert_type(asking.ask(gradient, ""), gv.GradientAnswer)
    assert_type(gv.answer(gv.UnitsQuestion(model="", image="", site=gv.INPUT, place=())), gv.UnitsAnswer)
    assert_type(gv.answer(gv.SurveyQuestion(model="", image="")), gv.SurveyAnswer)
    assert_type(gv.answer(gv.FlowQuestion(model="", image="")), gv.FlowAnswer)
    assert_type(gv.answer(gv.PathQuestion(model="", image="")), gv.PathAnswer)
    assert_type(gv.answer(gv.PerturbationQuestion(model="", image="")), gv.PerturbationAnswer)
    assert_type(gv.answer(gv.JacobianQuestion(model="", image="")), gv.JacobianAnswer)
    assert_type(gv.answer(gv.SpectrumQuestion(model="", image="")), gv.SpectrumAnswer)
    assert_type(gv.answer(gv.LessonQuestion(lesson="")), gv.LessonAnswer)
    assert_type(gv.answer(gv.DiagnosisQuestion(model="", image="")), gv.DiagnosisAnswer)
    assert_type(gv.answer(gv.ProofQuestion(model="", image="")), gv.ProofAnswer)
    assert_type(gv.answer(gv.BackwardQuestion(model="", image="")), gv.BackwardAnswer)
    assert_type(gv.answer(gv.OutputQuestion(model="", image="")), gv.OutputAnswer)
    assert_type(gv.answer(gv.CamsQuestion(model="", image="")), gv.CamsAnswer)
    assert_type(gv.answer(gv.KeepingQuestion(model="", image="", sites=())), gv.KeepingAnswer)
    assert_type(gv.answer(gv.RandomisedQuestion(model="", image="")), gv.RandomisedAnswer)
    assert_type(gv.answer(gv.InsertionQuestion(model="", image="")), gv.InsertionAnswer)
    assert_type(gv.answer(any_question), gv.Answer)
