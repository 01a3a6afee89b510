"""One step of a lesson on the page: the code that ran, what came of it, whether that is as it should be, pictures."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from gradviz_core.drawing import lesson_pictures
from gradviz_core.lessons.graph import FONT, breadth, described, dot, legend, levels, title
from gradviz_core.types import LessonAnswer
from gradviz_core.types.lesson_cards import Claim, LessonResult, Output, Picture, Recorded, StepResult
from pages.shell import panel
from pages.shell.words import explained, plain
from pages.streamlit_private import elements

LEVEL = 60
"""Pixels that a graph gets for each level; it is drawn to fit."""
BROAD = 40
"""Characters beside each other that are too many for the column beside the code."""
WIDE = 64
"""Characters that the results have room for in a line."""
_TEXT = f"{elements.GRAPH} svg text {{ font-size: {FONT}px !important; }}"
"""Streamlit makes the text of every graph 9 px; its boxes were measured for this size."""
_CODE = f"""{elements.CODE} {{ overflow: auto; scrollbar-width: thin; }}
{elements.CODE} :is(pre, code) {{ font-size: 12px !important; line-height: 1.45 !important; }}
{elements.CODE}:has({elements.UNWRAPPED}) > pre {{ overflow: visible; width: max-content; min-width: 100%;
  padding: 0.6rem 0.7rem; }}
@media (min-width: 768px) {{
  .st-key-lesson_program {elements.CODE} {{ max-height: max(20rem, 100vh - 23.5rem); }}
}}"""
"""The longest line has room beside the question on a projector. What is longer than a phone is wide, or higher than the
window, is scrolled by the part that the keyboard can reach; Streamlit has one inside it scroll."""


def style() -> None:
    """What the page says once of all its graphs and all its code."""
    st.html(f"<style>{_TEXT}\n{_CODE}</style>")


def program(step: StepResult) -> None:
    """The program that ran, its imports folded."""
    with st.container(key="lesson_program", gap="xxsmall"):
        with st.expander("imports"):
            st.code(step.imports, language="python", wrap_lines=False)
        st.code(step.below_imports, language="python", wrap_lines=False)


def beside(step: StepResult, answer: LessonAnswer) -> None:
    """What stands beside the code: the first picture of the step, or its graph."""
    if step.pictures:
        _picture(step, 0, answer)
    for recorded in _narrow(step):
        graph(recorded)


def below(step: StepResult, answer: LessonAnswer) -> None:
    """What else came: what was returned, other pictures and graphs."""
    results, others = st.columns([7, 3], gap="small")
    narrow = _narrow(step)
    with results:
        outputs(step.outputs)
        for recorded in step.graphs:
            if recorded not in narrow:
                graph(recorded)
    with others:
        for number in range(1, len(step.pictures)):
            _picture(step, number, answer)


def _narrow(step: StepResult) -> list[Recorded]:
    """The graphs that stand in place of a picture."""
    small = [each for each in step.graphs if each.graph is None or breadth(each.graph) <= BROAD]
    return [] if step.pictures or len(small) < len(step.graphs) else small


def claims(found: Sequence[Claim]) -> None:
    """Each sentence, and whether the numbers bear it out."""
    for claim in found:
        mark = ":material/check: **Checked:**" if claim.holds else ":material/error: **Does not hold:**"
        st.markdown(f"{mark} {explained(claim.sentence)}")


def outputs(found: Sequence[Output]) -> None:
    """What the function returned, as Python prints it; what PyTorch said stands apart."""
    for output in found:
        if output.kind in ("error", "warning"):
            st.caption(f"What PyTorch said ({output.kind})")
            st.code(output.text, language=None, wrap_lines=True)
    values = [output for output in found if output.kind not in ("error", "warning")]
    if values:
        st.caption("Results")
        st.code("\n".join(map(_printed, values)), language=None, wrap_lines=False)


def _printed(output: Output) -> str:
    line = f"{output.name} = {output.text}"
    return line if "\n" not in line and len(line) <= WIDE else f"{output.name} =\n{output.text}"


def _picture(step: StepResult, number: int, answer: LessonAnswer) -> None:
    picture: Picture = step.pictures[number]
    arrays = [answer.arrays[LessonResult.name_of(step.name, name)] for name in picture.arrays]
    st.markdown(f"**{plain(picture.title)}**")
    figure, caption = lesson_pictures.draw(picture, arrays), lesson_pictures.caption(picture, arrays)
    panel.picture(panel.Picture(figure, caption, alt=lesson_pictures.alt(picture, arrays)), f"{step.name}_{number}")


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
