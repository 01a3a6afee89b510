"""A kind of question is two files of one name, and its type says what it is answered with."""

from __future__ import annotations

from typing import assert_type

import gradviz_core as gv
from gradviz_core.compute import client, inline
from pages.shell import asking


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
    assert_type(gv.answer(gv.PerturbationQuestion(model="", image="")), gv.PerturbationAnswer)
    assert_type(gv.answer(gv.JacobianQuestion(model="", image="")), gv.JacobianAnswer)
    assert_type(gv.answer(gv.SpectrumQuestion(model="", image="")), gv.SpectrumAnswer)
    assert_type(gv.answer(gv.LessonQuestion(lesson="")), gv.LessonAnswer)
    assert_type(gv.answer(gv.DiagnosisQuestion(model="", image="")), gv.DiagnosisAnswer)
    assert_type(gv.answer(gv.ProofQuestion(model="", image="")), gv.ProofAnswer)
    assert_type(gv.answer(gv.OutputQuestion(model="", image="")), gv.OutputAnswer)
    assert_type(gv.answer(any_question), gv.Answer)
