"""What can be read before a lesson runs, and what is refused."""

from __future__ import annotations

import inspect
import math
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from gradviz_core.errors import QuestionError
from gradviz_core.lessons.contents import LESSONS, lesson_of, settle
from gradviz_core.lessons.running import STEPS, run
from gradviz_core.types.controls import Choice, Number
from gradviz_core.types.lesson_cards import Lesson

ROOT = Path(__file__).parents[2]
LONGEST_TITLE = 25
"""Characters that have room in the table of contents, on two lines."""


def test_contents_and_drawing_need_no_torch() -> None:
    code = (
        "import sys, gradviz_core.lessons.contents, gradviz_core.lessons.graph, gradviz_core.types.lesson_cards;"
        "print([m for m in ('torch', 'streamlit') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_contents_and_steps_name_the_same_lessons_in_one_order() -> None:
    assert [lesson.key for lesson in LESSONS] == list(STEPS)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.key)
def test_every_lesson_is_complete(lesson: Lesson) -> None:
    assert lesson_of(lesson.key) is lesson
    assert lesson.title
    assert lesson.before.endswith(".")
    assert len({control.name for control in lesson.controls}) == len(lesson.controls) > 0
    used = {
        name for step in STEPS[lesson.key] for name in step.code.__code__.co_varnames[: step.code.__code__.co_argcount]
    }
    chosen = {step.only[0] for step in STEPS[lesson.key] if step.only}
    assert used | chosen == {control.name for control in lesson.controls}
    prediction = lesson.prediction
    assert prediction.title
    assert prediction.question.endswith("?")
    assert len(set(prediction.answers)) == len(prediction.answers) >= 3
    assert 0 <= prediction.right < len(prediction.answers)
    assert prediction.why.endswith(".")
    assert prediction.step in {step.name for step in STEPS[lesson.key]}
    assert settle(lesson.key, dict(prediction.moved)) != settle(lesson.key, {})
    adapter = TypeAdapter(Lesson)
    assert adapter.validate_json(adapter.dump_json(lesson)) == lesson


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.key)
def test_the_cards_of_a_lesson_are_those_of_its_steps_and_name_the_controls_that_they_take(lesson: Lesson) -> None:
    steps = STEPS[lesson.key]
    assert [card.key for card in lesson.steps] == list(dict.fromkeys(step.key for step in steps))
    for card in lesson.steps:
        taken = {name for step in steps if step.key == card.key for name in inspect.signature(step.code).parameters}
        taken |= {step.only[0] for step in steps if step.key == card.key and step.only}
        assert set(card.controls) == taken
        assert 0 < len(card.title) <= LONGEST_TITLE
    assert set().union(*(card.controls for card in lesson.steps)) == {control.name for control in lesson.controls}


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.key)
def test_controls_take_their_limits_and_refuse_what_is_beyond(lesson: Lesson) -> None:
    assert settle(lesson.key, {}) == {control.name: control.default for control in lesson.controls}
    for control in lesson.controls:
        wrong: tuple[float | str, ...]
        match control:
            case Number():
                assert control.low <= control.default <= control.high
                for limit in (control.low, control.high):
                    assert settle(lesson.key, {control.name: float(limit)})[control.name] == limit
                wrong = (
                    *(control.low - control.step, control.high + control.step, math.nan, math.inf, "3", True),
                    *([control.low + 0.5] if control.whole else []),
                )
            case Choice():
                assert len({option.value for option in control.options}) == len(control.options) > 1
                for option in control.options:
                    assert settle(lesson.key, {control.name: option.value})[control.name] == option.value
                wrong = ("", "x" * 500, 1.0)
        for value in wrong:
            with pytest.raises(QuestionError, match=rf"^{control.name} cannot be .*Choose") as caught:
                run(lesson.key, {control.name: value})
            assert len(str(caught.value)) < 300


def test_whole_numbers_are_given_to_the_code_as_such() -> None:
    settled = settle("first-layer", {"neuron": 3.0, "scale": 2})
    assert (type(settled["neuron"]), type(settled["scale"])) == (int, float)


def test_unknown_lessons_and_controls_are_refused_with_what_there_is() -> None:
    with pytest.raises(QuestionError, match=r"Unknown lesson 'second-layer'\. Choose one of first-layer, missing"):
        run("second-layer", {})
    with pytest.raises(
        QuestionError, match=r"first-layer has no control 'speed'\. Choose one of activation, neuron, scale, seed"
    ):
        run("first-layer", {"speed": 1.0})
    with pytest.raises(QuestionError) as caught:
        run("x" * 10_000, {})
    assert len(str(caught.value)) < 300
