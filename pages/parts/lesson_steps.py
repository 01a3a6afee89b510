"""One step of a lesson on the page: the code that ran, what came of it, whether that is as it should be, pictures."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from gradviz_core import lesson_pictures
from gradviz_core.lesson_cards import Claim, Graph, LessonResult, Output, Picture, StepResult
from gradviz_core.lessons.graph import dot, in_words
from gradviz_core.types import LessonAnswer
from pages.parts import panel
from pages.parts.words import plain

MOST_BESIDE = 3
"""Pictures in one row."""


def show(number: int, step: StepResult, answer: LessonAnswer) -> None:
    """The whole step."""
    st.subheader(f"{number}. {plain(step.sentence)}", anchor=False)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.code(f"{step.imports}\n\n\n{step.source}\n\n{step.call}", language="python", wrap_lines=True)
    with right:
        claims(step.claims)
        _outputs(step.outputs)
    pictures(step, answer, f"{step.name}")


def claims(found: Sequence[Claim]) -> None:
    """Each sentence, and whether the numbers bear it out."""
    for claim in found:
        mark = ":material/check: **Checked:**" if claim.holds else ":material/error: **Does not hold:**"
        st.markdown(f"{mark} {plain(claim.sentence)}")


def _outputs(outputs: Sequence[Output]) -> None:
    """What the function returned, as Python prints it; what PyTorch said stands apart."""
    values = [output for output in outputs if output.kind not in ("error", "warning")]
    if values:
        st.caption("What came back")
        st.code("\n".join(map(_printed, values)), language=None, wrap_lines=True)
    for output in outputs:
        if output.kind in ("error", "warning"):
            st.caption(f"What PyTorch said ({output.kind})")
            st.code(output.text, language=None, wrap_lines=True)


def _printed(output: Output) -> str:
    start = f"{output.name} = "
    return start + output.text.replace("\n", "\n" + " " * len(start))


def pictures(step: StepResult, answer: LessonAnswer, key: str) -> None:
    """The pictures and the graph of the step, side by side."""
    shown: list[Picture | Graph] = [*step.pictures, *([step.graph] if step.graph else [])]
    for first in range(0, len(shown), MOST_BESIDE):
        row = shown[first : first + MOST_BESIDE]
        for column, (number, item) in zip(st.columns(len(row), gap="medium"), enumerate(row, first), strict=True):
            with column:
                if isinstance(item, Graph):
                    _graph(item, step)
                else:
                    _picture(item, step, answer, f"{key}_{number}")


def _picture(item: Picture, step: StepResult, answer: LessonAnswer, key: str) -> None:
    arrays = [answer.arrays[LessonResult.name_of(step.name, name)] for name in item.arrays]
    st.markdown(f"**{plain(item.title)}**")
    panel.picture(
        lesson_pictures.draw(item, arrays), key, alt=lesson_pictures.alt(item, arrays),
        caption=lesson_pictures.caption(item, arrays),
    )  # fmt: skip


def _graph(graph: Graph, step: StepResult) -> None:
    result = next(node.label for node in graph.nodes if node.kind == "result")
    st.markdown(f"**Computation graph of {plain(result)}**")
    words = in_words(graph)
    st.graphviz_chart(dot(graph), width="stretch", height=GRAPH_HEIGHT, alt=words)
    st.caption(plain("As PyTorch recorded it. Arrows show the way forward; the gradient runs against them."))
    with st.expander("The graph in words"):
        st.markdown(plain(words))


GRAPH_HEIGHT = 420
