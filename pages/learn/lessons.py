"""Lessons, one step at a time: a question, the code that runs, and whether what is said of its results is true."""

import streamlit as st

from gradviz_core.lessons.contents import FIRST_WORDS
from pages.layout import frame
from pages.learn import lesson_contents, lesson_controls, lesson_steps, lesson_view
from pages.shell.asking import one_sentence

heading = frame.heading(
    "Lessons",
    "Short lessons about gradients. Predict what comes out of each step, then see it. The code on the screen is the "
    f"code that runs; move a control to run it again.\n\n{FIRST_WORDS}",
    lesson_contents.implied(),
    beside=True,
)
lesson_steps.style()
lesson, here = None, None
with heading.beside, one_sentence():
    lesson = lesson_controls.choose()
if lesson is None:
    frame.end()
room = st.container(key="lesson_contents")
with st.container(key="lesson"), one_sentence():
    here = lesson_contents.chosen(lesson)
    lesson_view.show(lesson, here)
with room:
    lesson_contents.links(lesson, here)
