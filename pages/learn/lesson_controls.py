"""Which lesson, and what its controls stand at: ``lesson`` and ``set`` in the address."""

from __future__ import annotations

import streamlit as st

from gradviz_core.lessons.contents import LESSONS, lesson_of
from gradviz_core.types import LessonQuestion
from gradviz_core.types.lesson_cards import Choice, Control, Lesson, Number
from pages.shell import address, panel

MOST_BESIDE = 4
"""A choice of more options than this is a list that opens."""
_WIDTH = 160
_IN_SIGHT = """<style>@media (min-width: 900px) and (min-height: 600px) {{
  [data-testid=stLayoutWrapper]:has(> .st-key-lesson_controls) {{ position: sticky; top: 3.5rem; z-index: 90;
    padding: 0.6rem 0; background: light-dark({light}, {dark});
    border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }}
}}</style>"""
"""The controls stay in sight while the page moves, where there is room; on the page's own colour, for it moves under
them. Streamlit has a variable for that colour inside components alone."""


def choose() -> Lesson:
    """The lesson that is chosen; the first by default."""
    return lesson_of(address.option("Lesson", "lesson", {lesson.key: lesson.title for lesson in LESSONS}))


def question(lesson: Lesson) -> LessonQuestion:
    """The lesson with its controls as they stand."""
    known = {control.name: control for control in lesson.controls}
    for name in address.entries("set"):
        if name not in known:
            rule = f"It has {', '.join(known)}: choose among them"
            raise address.NoSuchChoice(f"This lesson has no control {name[:60]!r}. {rule}.", "set")
    light, dark = (st.get_option(f"theme.{theme}.backgroundColor") for theme in ("light", "dark"))
    st.html(_IN_SIGHT.format(light=light, dark=dark))
    with panel.controls("lesson_controls"):
        choices = tuple((name, _stands_at(control)) for name, control in known.items())
    return LessonQuestion(lesson=lesson.key, choices=choices)


def _stands_at(control: Control) -> float | str:
    name = f"set.{control.name}"
    match control:
        case Choice():
            words = {option.value: option.label for option in control.options}
            words = {control.default: words[control.default]} | words
            choose = address.option if len(words) <= MOST_BESIDE else address.listed
            return choose(control.label, name, words)
        case Number(whole=True):
            steps = range(int(control.low), int(control.high) + 1, int(control.step))
            return float(address.slider(control.label, name, steps, int(control.default), "", unit="", width=_WIDTH))
        case Number():
            return address.decimal(
                control.label, name, control.low, control.high, control.step, control.default, width=_WIDTH
            )
