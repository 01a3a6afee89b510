"""Whether the values of a picture sum to what the law of its method says, and more steps where they do not."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import NoReturn

import streamlit as st

from gradviz_core.drawing import completeness
from gradviz_core.types import GradientAnswer, GradientQuestion
from gradviz_core.types.controls import Number
from gradviz_core.types.methods import card_of, settled
from gradviz_core.types.refining import STEPS
from pages.shell import address
from pages.shell.words import plain

_REFINES = "refines"
"""Names the question with more steps that comes next, in the session's state."""


def of(answer: GradientAnswer, total: float) -> completeness.Completeness | None:
    """What the values sum to, which is ``total``, and what the law of the method says; None where it has no such law,
    or terms are missing."""
    question = answer.question
    expected = dict(answer.totals).get(question.wrt[0])
    if not card_of(question.method).complete or expected is None or question.part is not None:
        return None
    return completeness.Completeness(total, expected)


def line(answer: GradientAnswer, total: float, again: Callable[[], NoReturn], options: str) -> None:
    """What the values sum to, what the law says, and the gap; nothing where the method has no such law, or terms are
    missing. ``total`` is the sum of all values, ``options`` the choice that holds the steps.

    Where the gap is too large, a button asks with twice the steps, again and again, until it is not; ``again`` runs the
    page again.
    """
    question = answer.question
    found = of(answer, total)
    if found is None:
        return
    law = card_of(question.method).complete
    steps, most = _steps(question)
    can_be_finer = 0 < steps < most
    if can_be_finer and not found.is_close and st.session_state.get(_REFINES) == question:
        _double(question, options)
        again()
    words = found.words() if found.is_close or can_be_finer else f"{found.words()} {found.stays(most)}"
    st.markdown(plain(words), help=f"In theory {law}.", width="content")
    if not found.is_close and can_be_finer:
        st.button("More steps", key=f"more_steps_{options}", on_click=_double, args=(question, options))


def keep(questions: Collection[GradientQuestion]) -> None:
    """The page is drawn, and asked these ``questions``: where the one that was refined is not among them, its steps are
    doubled no further."""
    if st.session_state.get(_REFINES) not in questions:
        settle()


def settle() -> None:
    """Double the steps no further: somebody has stopped it."""
    st.session_state.pop(_REFINES, None)


def _steps(question: GradientQuestion) -> tuple[int, int]:
    """How many there are, and the most that there can be; nothing where the method has none."""
    control = next((one for one in card_of(question.method).options if one.name == STEPS), None)
    if not isinstance(control, Number):
        return 0, 0
    return int(settled(question.method, question.options)[STEPS]), int(control.high)


def _double(question: GradientQuestion, choice: str) -> None:
    """Choose twice the steps, and twice as many again, for as long as nobody asks anything else."""
    steps, most = _steps(question)
    doubled = min(2 * steps, most)
    options = tuple((name, float(doubled) if name == STEPS else value) for name, value in question.options)
    st.session_state[_REFINES] = replace(question, options=options)
    address.write({f"{choice}.{STEPS}": doubled})
