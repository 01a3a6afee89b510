"""The question of a step: an answer is chosen before the results are shown."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from gradviz_core.types import LessonQuestion
from gradviz_core.types.lesson_cards import Asked
from pages.learn import lesson_memory
from pages.shell import address
from pages.shell.parameters import Parameter
from pages.shell.words import plain

PARAMETERS = (Parameter("guess", within=("lesson", "lesson_step"), personal=True),)
GIVEN_UP = "shown"
"""What ``guess`` is in the address where the answer was asked for; else it is the number of an answer."""


Reached = Literal["asked", "tried", "settled"]
"""Whether an answer was given: then the results may be shown; and whether the correct one is known: then its reason."""


def show(step: str, asked: Asked, of: LessonQuestion) -> Reached:
    """The question, and how far it was answered. A wrong answer leaves a second try. The answer that was given is
    judged only while the controls stand where they stood."""
    guess = _guess(asked)
    if guess is None:
        _form(step, asked, None, of.lesson)
        return "asked"
    found = guess in (GIVEN_UP, asked.right)
    given = lesson_memory.note(of.lesson, step, str(guess), of, done=found)
    if given.of != of:
        _closed(asked, "With these controls the answer is")
    elif guess == GIVEN_UP:
        _closed(asked, "The answer is")
    elif found:
        _closed(asked, ":material/check: **Correct.** Your answer:")
    else:
        _form(step, asked, int(guess), of.lesson)
        st.markdown(
            f"Your answer: “{plain(asked.answers[int(guess)])}” **Not correct.** See the results, and choose again."
        )
        return "tried"
    return "settled"


def _guess(asked: Asked) -> int | str | None:
    text, count = address.read("guess"), len(asked.answers)
    if text in map(str, range(count)):
        return int(text)
    if text in ("", GIVEN_UP):
        return text or None
    rule = f"there are {count}, from 0 to {count - 1}"
    raise address.NoSuchChoice(f"There is no answer {text[:60]!r}: {rule}. Choose one of them.", "guess")


def _form(step: str, asked: Asked, guess: int | None, lesson: str) -> None:
    key = f"prediction_{lesson}_{step}"
    if st.session_state.get(key) != guess:  # at the start, and on the way back or forth in the browser
        st.session_state[key] = guess
    with st.form(f"form_{key}", border=False):
        st.radio(
            plain(asked.text),
            range(len(asked.answers)),
            index=None,
            key=key,
            format_func=lambda i: plain(asked.answers[i]),
        )
        with st.container(horizontal=True, gap="small"):
            pressed = st.form_submit_button(
                "Run and check", key=f"check_{key}", on_click=_take, args=(step, key), type="primary"
            )
            st.form_submit_button("Show me", key=f"show_{key}", on_click=_write, args=(step, GIVEN_UP), type="tertiary")
    if pressed and guess is None:
        st.info("Choose an answer first.")


def _closed(asked: Asked, before: str) -> None:
    st.markdown(plain(asked.text))
    st.markdown(f"{before} “{plain(asked.answers[asked.right])}”")


def _take(step: str, key: str) -> None:
    chosen = st.session_state[key]
    if chosen is not None:
        _write(step, chosen)


def _write(step: str, guess: int | str) -> None:
    address.write({"lesson_step": step, "guess": guess})
