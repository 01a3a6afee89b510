"""One step of a lesson on the page: the code that ran, what came of it, whether that is as it should be, pictures."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from gradviz_core.drawing import lesson_pictures
from gradviz_core.lessons.graph import FONT, breadth, described, dot, legend, levels, title
from gradviz_core.types import LessonAnswer
from gradviz_core.types.lesson_cards import Claim, LessonResult, Output, Recorded, StepResult
from pages.shell import panel
from pages.shell.words import plain
from pages.streamlit_private import elements

LEVEL = 60
"""Pixels that a graph gets for each level; it is drawn to fit."""
BROAD = 50
"""Characters beside each other that are too many for the narrow column."""
WIDE = 64
"""Characters that the wide column shows of a line."""
_TEXT = f"{elements.GRAPH} svg text {{ font-size: {FONT}px !important; }}"
"""Streamlit makes the text of every graph 9 px; its boxes were measured for this size."""
_CODE = f"""{elements.CODE} {{ overflow-x: auto; }}
{elements.CODE}:has({elements.UNWRAPPED}) > pre {{ overflow: visible; width: max-content; min-width: 100%; }}"""
"""Long lines are scrolled by the part that the keyboard can reach; Streamlit has one inside it scroll."""


def style() -> None:
    """What the page says once of all its graphs and all its code."""
    st.html(f"<style>{_TEXT}\n{_CODE}</style>")


def show(number: int, step: StepResult, answer: LessonAnswer) -> None:
    """The whole step. A graph stands where there is more room for it."""
    st.header(f"{number}. {plain(step.sentence)}", anchor=False)
    code, shown = st.columns([3, 2], gap="medium")
    with code:
        st.code(step.program, language="python", wrap_lines=False)
        outputs(step.outputs)
    with shown:
        claims(step.claims)
        pictures(step, answer, step.name)
    broad = any(recorded.graph and breadth(recorded.graph) > BROAD for recorded in step.graphs)
    with code if broad or len(step.pictures) > 1 else shown:
        for recorded in step.graphs:
            graph(recorded)


def claims(found: Sequence[Claim]) -> None:
    """Each sentence, and whether the numbers bear it out."""
    for claim in found:
        mark = ":material/check: **Checked:**" if claim.holds else ":material/error: **Does not hold:**"
        st.markdown(f"{mark} {plain(claim.sentence)}")


def outputs(found: Sequence[Output]) -> None:
    """What the function returned, as Python prints it; what PyTorch said stands apart."""
    values = [output for output in found if output.kind not in ("error", "warning")]
    if values:
        st.caption("Results")
        st.code("\n".join(map(_printed, values)), language=None, wrap_lines=False)
    for output in found:
        if output.kind in ("error", "warning"):
            st.caption(f"What PyTorch said ({output.kind})")
            st.code(output.text, language=None, wrap_lines=True)


def _printed(output: Output) -> str:
    line = f"{output.name} = {output.text}"
    return line if "\n" not in line and len(line) <= WIDE else f"{output.name} =\n{output.text}"


def pictures(step: StepResult, answer: LessonAnswer, key: str) -> None:
    """The pictures of the step. No other on the page has the same ``key``."""
    for number, picture in enumerate(step.pictures):
        arrays = [answer.arrays[LessonResult.name_of(step.name, name)] for name in picture.arrays]
        st.markdown(f"**{plain(picture.title)}**")
        figure, caption = lesson_pictures.draw(picture, arrays), lesson_pictures.caption(picture, arrays)
        panel.picture(panel.Picture(figure, caption, alt=lesson_pictures.alt(picture, arrays)), f"{key}_{number}")


def graph(recorded: Recorded) -> None:
    """What was recorded of a result, drawn and in words; or that nothing was."""
    above = title(recorded)
    st.markdown(f"**{plain(above)}**")
    if recorded.graph is None:
        st.markdown(plain(f"No graph was recorded: no path leads back from {recorded.name}."))
        return
    words = described(recorded.graph)
    st.graphviz_chart(
        dot(recorded.graph), width="stretch", height=LEVEL * levels(recorded.graph), alt=f"{above}. {words}"
    )
    st.caption(plain(legend(recorded.graph)))
    with st.expander("The graph in words"):
        st.markdown(plain(words))
