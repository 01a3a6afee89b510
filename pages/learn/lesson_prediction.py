"""The question at the end of a lesson: an answer is chosen first, then the lesson runs with the controls moved."""

from __future__ import annotations

import streamlit as st

from gradviz_core.types import LessonQuestion
from gradviz_core.types.lesson_cards import Lesson, Prediction
from pages.learn import lesson_steps
from pages.shell import address
from pages.shell.asking import ask
from pages.shell.parameters import Parameter
from pages.shell.words import plain

PARAMETERS = (Parameter("guess", within=("lesson",), personal=True),)
GIVEN_UP = "shown"
"""What ``guess`` is in the address where the answer was asked for; else it is the number of an answer."""


def show(lesson: Lesson, doing: str) -> None:
    """The question; once it is answered, what ran and what came, and whether the answer is right. Why it is comes with
    the right answer, or when it is asked for."""
    prediction, key = lesson.prediction, f"prediction_{lesson.key}"
    guess = _guess(prediction)
    stands_at = prediction.right if guess == GIVEN_UP else guess
    if st.session_state.get(key) != stands_at:  # at the start, and on the way back or forth in the browser
        st.session_state[key] = stands_at
    st.header("Predict, then run", anchor=False)
    with st.form(f"form_{key}"):
        st.radio(
            prediction.question,
            range(len(prediction.answers)),
            index=None,
            key=key,
            format_func=lambda i: plain(prediction.answers[i]),
        )
        pressed = st.form_submit_button("Run and check", key=f"check_{key}", on_click=_take, args=(key,))
    if guess is not None:
        _verdict(prediction, guess, f"show_{key}")
        _evidence(lesson, doing)
    elif pressed:
        st.info("Choose an answer first.")


def _take(key: str) -> None:
    chosen = st.session_state[key]
    if chosen is not None:
        address.write({"guess": chosen})


def _guess(prediction: Prediction) -> int | str | None:
    text, count = address.read("guess"), len(prediction.answers)
    if text in map(str, range(count)):
        return int(text)
    if text in ("", GIVEN_UP):
        return text or None
    rule = f"there are {count}, from 0 to {count - 1}"
    raise address.NoSuchChoice(f"There is no answer {text[:60]!r}: {rule}. Choose one of them.", "guess")


def _verdict(prediction: Prediction, guess: int | str, key: str) -> None:
    """Which answer it speaks of, for another one may be chosen above meanwhile; and what there is to say of it."""
    right = f"“{plain(prediction.answers[prediction.right])}”"
    match guess:
        case int() if guess != prediction.right:
            st.markdown(
                f"Your answer: “{plain(prediction.answers[guess])}” **Not correct.** The results are below. Choose "
                "again."
            )
            st.button("Show the answer", key=key, on_click=address.write, args=({"guess": GIVEN_UP},))
        case int():
            st.markdown(f"Your answer: {right} **Correct.** {plain(prediction.why)}")
        case _:
            st.markdown(f"The answer: {right} {plain(prediction.why)}")


def _evidence(lesson: Lesson, doing: str) -> None:
    """What ran, and its results."""
    answer = ask(LessonQuestion(lesson=lesson.key, choices=lesson.prediction.moved), doing)
    step = next(step for step in answer.steps if step.name == lesson.prediction.step)
    said, shown = st.columns([3, 2], gap="medium")
    with said:
        st.caption("What ran, and its results")
        st.code(step.call, language="python", wrap_lines=False)
        lesson_steps.claims(step.claims)
        lesson_steps.outputs(step.outputs)
    with shown:
        lesson_steps.pictures(step, answer, "tried")
