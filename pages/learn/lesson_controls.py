"""Which lesson, and what its controls stand at: ``lesson`` and ``set`` in the address."""

from __future__ import annotations

from collections.abc import Collection

import streamlit as st

from gradviz_core.lessons.contents import LESSONS, lesson_of
from gradviz_core.types import LessonQuestion
from gradviz_core.types.lesson_cards import Lesson
from pages.shell import controls, widgets
from pages.shell.parameters import Parameter

PARAMETERS = (Parameter("lesson"), Parameter("set", within=("lesson",)))
WIDTH = 104
"""Pixels of a slider: five of them stand side by side over the code."""


def choose() -> Lesson:
    """The lesson that is chosen; the first by default."""
    return lesson_of(widgets.listed("Lesson", "lesson", {lesson.key: lesson.title for lesson in LESSONS}))


def question(lesson: Lesson, used: Collection[str]) -> LessonQuestion:
    """The lesson with its controls as they stand; those that are ``used`` are drawn."""
    controls.refuse_others("set", lesson.controls, "This lesson", "control")
    shown = [control for control in lesson.controls if control.name in used]
    with st.container(horizontal=True, vertical_alignment="bottom", key="lesson_controls", gap="small"):
        values = dict(controls.draw("set", shown, width=WIDTH))
    values |= dict(controls.undrawn("set", [control for control in lesson.controls if control.name not in used]))
    return LessonQuestion(lesson=lesson.key, choices=tuple((each.name, values[each.name]) for each in lesson.controls))
