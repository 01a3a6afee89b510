"""Which lesson, and what its controls stand at: ``lesson`` and ``set`` in the address."""

from __future__ import annotations

import streamlit as st

from gradviz_core.lessons.contents import LESSONS, lesson_of
from gradviz_core.types import LessonQuestion
from gradviz_core.types.lesson_cards import Lesson
from pages.shell import controls, panel, widgets
from pages.shell.parameters import Parameter
from pages.streamlit_private import elements

PARAMETERS = (Parameter("lesson"), Parameter("set", within=("lesson",)))
_IN_SIGHT = """<style>@media (min-width: 900px) and (min-height: 600px) {{
  {layout}:has(> .st-key-lesson_controls) {{ position: sticky; top: 3.5rem; z-index: 90;
    padding: 0.6rem 0; background: light-dark({light}, {dark});
    border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }}
}}</style>"""
"""The controls stay in sight while the page moves, where there is room; on the page's own colour, for it moves under
them. Streamlit has a variable for that colour inside components alone."""


def choose() -> Lesson:
    """The lesson that is chosen; the first by default."""
    return lesson_of(widgets.option("Lesson", "lesson", {lesson.key: lesson.title for lesson in LESSONS}))


def question(lesson: Lesson) -> LessonQuestion:
    """The lesson with its controls as they stand."""
    controls.refuse_others("set", lesson.controls, "This lesson", "control")
    light, dark = (st.get_option(f"theme.{theme}.backgroundColor") for theme in ("light", "dark"))
    st.html(_IN_SIGHT.format(layout=elements.LAYOUT, light=light, dark=dark))
    with panel.controls("lesson_controls"):
        choices = controls.draw("set", lesson.controls)
    return LessonQuestion(lesson=lesson.key, choices=choices)
