"""Whether the values of a picture sum to what the law of its method says, and more steps where they do not."""

from __future__ import annotations

import streamlit as st

from gradviz_core.drawing import completeness
from gradviz_core.types import INPUT, GradientAnswer
from gradviz_core.types.controls import Number
from gradviz_core.types.methods import card_of, settled
from gradviz_core.types.refining import STEPS
from pages.shell import address
from pages.shell.words import plain


def line(answer: GradientAnswer, total: float) -> None:
    """What the values sum to, what the law says, and the gap; nothing where the method has no such law, or terms are
    missing. ``total`` is the sum of all values.

    Where the gap is too large, a button asks with twice the steps, again and again, until it is not.
    """
    question, law = answer.question, card_of(answer.question.method).complete
    expected = dict(answer.totals).get(INPUT)
    if not law or expected is None or question.part is not None:
        return
    found = completeness.Completeness(total, expected)
    steps, most = _steps(answer)
    refines = st.session_state.get("refines") == question.method
    if found.is_close or not steps:
        st.session_state.pop("refines", None)
    elif refines and steps < most:
        _double(steps, most)
        st.rerun()
    with st.container(key="completeness", horizontal=True, vertical_alignment="center", gap="small"):
        can_be_finer = 0 < steps < most
        words = found.words() if found.is_close or can_be_finer else f"{found.words()} {found.stays(most)}"
        st.markdown(plain(words), help=f"By the law of the method, {law}.", width="content")
        if not found.is_close and can_be_finer:
            st.button("More steps", key="more_steps", on_click=_refine, args=(question.method, steps, most))


def _steps(answer: GradientAnswer) -> tuple[int, int]:
    """How many there are, and the most that there can be; nothing where the method has none."""
    question = answer.question
    control = next((one for one in card_of(question.method).options if one.name == STEPS), None)
    if not isinstance(control, Number):
        return 0, 0
    return int(settled(question.method, question.options)[STEPS]), int(control.high)


def _refine(method: str, steps: int, most: int) -> None:
    st.session_state["refines"] = method
    _double(steps, most)


def _double(steps: int, most: int) -> None:
    address.write({f"options.{STEPS}": min(2 * steps, most)})
