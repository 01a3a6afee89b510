"""Switches that break one step on purpose, and what the doctor says of it."""

from __future__ import annotations

import streamlit as st

from gradviz_core.text.shown_text import visible
from gradviz_core.types import DiagnosisAnswer, DiagnosisQuestion, Site
from gradviz_core.types.backward import BackwardStep, Break
from gradviz_core.types.findings import Diagnosis
from gradviz_core.types.sites import site_name
from pages.layout.frame import ScoredChoice
from pages.shell import widgets
from pages.shell.asking import ask
from pages.shell.words import explained, plain

_RECTIFIERS = ("ReLU", "ReLU6")
_WORDS: dict[Break, str] = {
    "detach": "Detach",
    "freeze": "Freeze",
    "dead": "Dead ReLU",
    "in_place": "In-place",
}
_MEANING = (
    "Detach: the input of this step is passed on without its graph. Freeze: its parameters get no gradient; the image "
    "still does. Dead ReLU: its input is shifted until all of it is below zero. In-place: a value that its derivative "
    "needs is overwritten. The model itself is not changed."
)


def switches(step: BackwardStep, how: Break, at: Site) -> None:
    """What can be broken at this step, and what is broken elsewhere."""
    words = {"": "Nothing"}
    if how and at != step.site:
        words[f"{how}@{at}"] = f"{_WORDS[how]} at {plain(site_name(at))}"
    words |= {f"{one}@{step.site}": f"{_WORDS[one]} here" for one in possible(step)}
    if how:
        words.setdefault(f"{how}@{at}", f"{_WORDS[how]} at {plain(site_name(at))}")
    widgets.option("Break it", "break", words, _MEANING)


def possible(step: BackwardStep) -> tuple[Break, ...]:
    """The faults that a step can have; between layers none."""
    if not step.layer:
        return ()
    able = {"freeze": step.parameters > 0, "dead": step.kind in _RECTIFIERS, "in_place": step.rule != "same"}
    return tuple(one for one in _WORDS if able.get(one, True))


def doctor(choice: ScoredChoice, how: Break, at: Site) -> None:
    """What the doctor says: cause, line, and in a popover the fix.

    Raises:
        GradVizError: as ``ask`` does.
    """
    answer: DiagnosisAnswer = ask(
        DiagnosisQuestion(
            model=choice.model, image=choice.image, target=choice.target, seed=choice.draw, broken=how, broken_at=at
        ),
        "Asking the doctor …",
    )
    found = answer.diagnosis
    if not found.findings:
        st.markdown(f"**The doctor** · {plain(_sound(found))}")
        return
    at_fault = [one for one in found.findings if how and one.where == at.path]
    first, others = (*at_fault, *found.findings)[0], len(found.findings) - 1
    more = f" And {others} more: see the Doctor's page." if others and not how else ""
    with st.container(horizontal=True, wrap=False):
        st.markdown(
            f"**The doctor** · at **{plain(first.where)}** · {explained(first.sentence)}{more}", width="stretch"
        )
        with st.popover("Fix", width="content"):
            st.code("\n".join(map(visible, first.repair.split("\n"))), language="python")


def _sound(found: Diagnosis) -> str:
    if found.without:
        return f"No cause was found, but {len(found.without)} get no useful gradient."
    return "No problems found: the image and every parameter get a finite gradient."
