"""What this session has answered in the lessons, so that a step is found as it was left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import streamlit as st

from gradviz_core.types import LessonQuestion


@dataclass(frozen=True, slots=True)
class Given:
    """The answer that was given in a step."""

    guess: str
    """As in the address."""
    of: LessonQuestion
    """What it was about: the controls may have been moved since."""
    done: bool


def _all() -> dict[tuple[str, str], Given]:
    return cast(dict[tuple[str, str], Given], st.session_state.setdefault("lesson_answers", {}))


def note(lesson: str, step: str, guess: str, of: LessonQuestion, *, done: bool) -> Given:
    """Remember this answer, unless it is remembered already; returns what is remembered."""
    known = _all().get((lesson, step))
    if known is None or known.guess != guess:
        done = done or (known is not None and known.done)
        known = _all()[lesson, step] = Given(guess, of, done)
    return known


def guess(lesson: str, step: str) -> str:
    """The answer that was given last, empty if there is none."""
    known = _all().get((lesson, step))
    return known.guess if known else ""


def is_done(lesson: str, step: str) -> bool:
    """Whether the correct answer was found or shown."""
    known = _all().get((lesson, step))
    return known is not None and known.done
