"""The terms at the chosen number of a step."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from gradviz_core.drawing import backward_words
from gradviz_core.types import BackwardAnswer
from gradviz_core.types.backward import BackwardStep
from pages.layout.frame import ScoredChoice
from pages.shell import address
from pages.shell.asking import ask
from pages.shell.words import explained
from pages.understand import backward_choice, terms
from pages.understand.backward_choice import Frame


def shown(choice: ScoredChoice, whole: BackwardAnswer, frame: Frame) -> tuple[BackwardAnswer, BackwardStep]:
    """The step of this frame, at the number in the address.

    Raises:
        GradVizError: as ``ask`` does: there is no such number.
    """
    index = backward_choice.index()
    if not index:
        return whole, whole.steps[frame.number]
    question = replace(whole.question, step=frame.number, index=index)
    answer = ask(question, "Computing the terms at this number …")
    return answer, answer.steps[0]


def draw(whole: BackwardAnswer, frame: Frame, step: BackwardStep) -> None:
    """The largest terms, what the others add up to, and the sum."""
    one = step.detail
    if said := backward_words.here(step):
        st.caption(explained(said))
    if one is None:
        return
    before = backward_choice.consumer(whole, step)
    if before is None:
        st.caption("The way back begins here: what arrives is the derivative of the score with respect to this output.")
    rows = [terms.Row(*backward_words.term(each)) for each in one.terms]

    def follow(place: int) -> None:
        assert before is not None
        address.write(backward_choice.at(frame.count, before, one.terms[place].index))

    terms.listed(rows, backward_words.feet(step), follow if before is not None else None)
