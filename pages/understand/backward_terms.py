"""The terms at the chosen number of a step."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import streamlit as st

from gradviz_core.drawing import backward_words
from gradviz_core.drawing.backward_planes import Plane
from gradviz_core.errors import GradVizError
from gradviz_core.types import BackwardAnswer
from gradviz_core.types.backward import BackwardStep
from pages.layout.frame import ScoredChoice
from pages.shell import address, pointing
from pages.shell.asking import ask, ask_in_part
from pages.shell.words import explained
from pages.understand import backward_choice, terms
from pages.understand.backward_choice import Frame

_POINTED, _LEFT = "pointed_number", "left_by_a_term"
STYLE = ".st-key-terms_room { min-height: 13rem; }"
"""So that what stands below does not move while the list follows the pointer."""


def shown(choice: ScoredChoice, whole: BackwardAnswer, frame: Frame) -> tuple[BackwardAnswer, BackwardStep]:
    """The step of this frame, at the number in the address.

    Raises:
        GradVizError: as ``ask`` does: there is no such number.
    """
    st.session_state.pop(_LEFT, None)
    index = backward_choice.index()
    if not index:
        return whole, whole.steps[frame.number]
    question = replace(whole.question, step=frame.number, index=index)
    answer = ask(question, "Computing the terms at this number …")
    return answer, answer.steps[0]


@st.fragment
def draw(whole: BackwardAnswer, frame: Frame, step: BackwardStep, plane: Plane | None) -> None:
    """The largest terms, what the others add up to, and the sum: at the number under the pointer in the right picture,
    ``plane``; where it is over none, at that of the ``step``. It is drawn by itself while the pointer moves."""
    if st.session_state.pop(_LEFT, False):
        st.rerun()
    cell = pointing.at(_POINTED) if plane is not None and step.detail is not None else None
    pointed = _pointed(whole, frame, plane, cell)
    with st.container(key="terms_room", gap="small"):
        _listed(whole, frame, pointed or step)
    if plane is not None and step.detail is not None:
        pointing.listen(_POINTED, "chart_leaves", cell)


def _pointed(
    whole: BackwardAnswer, frame: Frame, plane: Plane | None, cell: pointing.Cell | None
) -> BackwardStep | None:
    """The step at the number in a cell; None where there is none, or no answer."""
    index = plane.index(*cell) if plane is not None and cell is not None else None
    if index is None:
        return None
    with suppress(GradVizError):  # the chosen number is shown instead
        return ask_in_part(replace(whole.question, step=frame.number, index=index)).steps[0]
    return None


def _listed(whole: BackwardAnswer, frame: Frame, step: BackwardStep) -> None:
    one = step.detail
    if said := backward_words.here(step):
        st.caption(explained(said))
    if one is None:
        return
    before = backward_choice.consumer(whole, step)
    if step.site == whole.steps[-1].site:
        st.caption("The way back begins here: what arrives is the derivative of the score with respect to this output.")
    rows = [terms.Row(*backward_words.term(each)) for each in one.terms]

    def follow(place: int) -> None:
        assert before is not None
        st.session_state[_LEFT] = True
        address.write(backward_choice.at(frame.count, before, one.terms[place].index))

    terms.listed(rows, backward_words.feet(step), follow if before is not None else None)
