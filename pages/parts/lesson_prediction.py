"""The question at the end of a lesson: an answer is chosen first, then the lesson runs with the controls moved."""

from __future__ import annotations

import streamlit as st

from gradviz_core.lesson_cards import Lesson, Prediction
from gradviz_core.types import LessonQuestion
from pages.parts import address, lesson_steps
from pages.parts.asking import ask
from pages.parts.words import plain


def show(lesson: Lesson, doing: str) -> None:
    """The question; once it is answered, whether that is right, why, and what came."""
    prediction, key = lesson.prediction, f"prediction_{lesson.key}"
    guess = _guess(prediction)
    if st.session_state.get(key) != guess:  # at the start, and on the way back or forth in the browser
        st.session_state[key] = guess
    st.header("Predict, then run", anchor=False)
    with st.form(f"form_{key}"):
        st.radio(prediction.question, range(len(prediction.answers)), index=None, key=key,
                 format_func=lambda i: plain(prediction.answers[i]))  # fmt: skip
        pressed = st.form_submit_button("Run and check", key=f"check_{key}", on_click=_take, args=(key,))
    if guess is not None:
        _reveal(lesson, guess, doing)
    elif pressed:
        st.info("Choose an answer first.")


def _take(key: str) -> None:
    chosen = st.session_state[key]
    if chosen is not None:
        address.write({"guess": chosen})


def _guess(prediction: Prediction) -> int | None:
    text, count = address.read("guess"), len(prediction.answers)
    if not text or text in map(str, range(count)):
        return int(text) if text else None
    rule = f"there are {count}, from 0 to {count - 1}"
    raise address.NoSuchChoice(f"There is no answer {text[:60]!r}: {rule}. Choose one of them.", "guess")


def _reveal(lesson: Lesson, guess: int, doing: str) -> None:
    prediction = lesson.prediction
    answer = ask(LessonQuestion(lesson=lesson.key, choices=prediction.moved), doing)
    step = next(step for step in answer.steps if step.name == prediction.step)
    verdict = "Right." if guess == prediction.right else f"Not so. {prediction.answers[prediction.right]}"
    st.markdown(f"**{plain(verdict)}** {plain(prediction.why)}")
    said, shown = st.columns([3, 2], gap="medium")
    with said:
        st.caption("What ran, and what came of it")
        st.code(step.call, language="python", wrap_lines=True)
        lesson_steps.claims(step.claims)
        lesson_steps.outputs(step.outputs)
    with shown:
        lesson_steps.pictures(step, answer, "tried")
