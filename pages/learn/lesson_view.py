"""The open step of a lesson: its title and question on the left, its code on the right, then what came out."""

from __future__ import annotations

import streamlit as st

from gradviz_core.types import LessonQuestion
from gradviz_core.types.lesson_cards import Asked, Lesson, Prediction
from pages.learn import lesson_controls, lesson_prediction, lesson_steps
from pages.learn.lesson_contents import PREDICT, Entry, entries
from pages.shell import panel
from pages.shell.asking import ask
from pages.shell.words import explained, plain


def show(lesson: Lesson, here: Entry) -> None:
    """The whole step; what came out only after its question was answered.

    Raises:
        GradVizError: as ``asking.ask`` does; a choice in the address does not exist.
    """
    number = entries(lesson).index(here)
    with st.container(key="lesson_title"):
        st.header(f"{number + 1}. {plain(here.title)}", anchor=False)
    if number == 0:
        st.markdown(explained(lesson.before))
    sentence = st.container()
    left, code = st.columns([9, 16], gap="small")
    with left:
        asking = panel.room("lesson_asking")
    with code:
        question = _question(lesson, here)
    answer = ask(question, f"Running the lesson “{lesson.title}”. The first run takes a few seconds …")
    last = here.key == PREDICT
    step = next(each for each in answer.steps if (each.name if last else each.key) == _of(lesson, here))
    asked = _asked(lesson.prediction) if last else step.asked
    with code:
        lesson_steps.program(step)
    if not last and not asked.told:
        sentence.markdown(explained(step.sentence))
    with asking:
        reached = lesson_prediction.show(here.key, asked, question)
        if reached == "asked":
            return
        lesson_steps.beside(step, answer)
        for text in (step.sentence if asked.told else "", asked.why):
            if text and reached == "settled":
                st.markdown(explained(text))
        lesson_steps.claims(step.claims)
    lesson_steps.below(step, answer)


def _of(lesson: Lesson, here: Entry) -> str:
    return lesson.prediction.step if here.key == PREDICT else here.key


def _question(lesson: Lesson, here: Entry) -> LessonQuestion:
    """The lesson as its controls stand; at its end with those moved that the question is about."""
    if here.key == PREDICT:
        return LessonQuestion(lesson=lesson.key, choices=lesson.prediction.moved)
    return lesson_controls.question(lesson, next(card for card in lesson.steps if card.key == here.key).controls)


def _asked(prediction: Prediction) -> Asked:
    return Asked(prediction.question, prediction.answers, prediction.right, prediction.why)
