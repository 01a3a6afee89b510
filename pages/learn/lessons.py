"""Lessons: the code that runs, controls that change its numbers, and whether what is said of them is true."""

import streamlit as st

from gradviz_core.lessons.contents import FIRST_WORDS, LESSONS
from pages.layout import frame
from pages.learn import lesson_controls, lesson_prediction, lesson_steps
from pages.shell.asking import ask, one_sentence
from pages.shell.words import plain

frame.heading(
    "Lessons",
    "Short lessons about gradients. The code on the screen is the code that runs. Move a control to run it again.",
)

with one_sentence():
    lesson = lesson_controls.choose()
    if lesson is LESSONS[0]:
        st.markdown(FIRST_WORDS)
    st.markdown(plain(lesson.before))
    doing = f"Running the lesson “{lesson.title}”. The first run takes a few seconds …"
    answer = ask(lesson_controls.question(lesson), doing)
    lesson_steps.style()
    for number, step in enumerate(answer.steps, start=1):
        lesson_steps.show(number, step, answer)
    lesson_prediction.show(lesson, doing)
