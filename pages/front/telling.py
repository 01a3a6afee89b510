"""A view of the story on the page: its pictures, its sentence in large type, and the rest folded away."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.story.told import Told
from gradviz_core.types import Question
from gradviz_core.types.questions import A
from pages.layout import contents
from pages.shell import address, copy_link, meaning, panel, sizes
from pages.shell.asking import ask
from pages.shell.panel import Picture
from pages.shell.words import plain

STYLE = """
.st-key-story_heading h1 { padding: 0; }
.st-key-story_claim p { font-size: 1.35rem; line-height: 1.4; }
@media (max-width: 640px) { .st-key-story_said { padding-bottom: 4.5rem; } }
"""
_BESIDE = {1: (8, 4), 2: (5, 5 * sizes.WITH_BAR, 4), 3: (5, 5, 5, 5)}
"""Widths of the pictures, and of the words beside them, by the number of pictures."""


def answer(question: Question[A]) -> A:
    """The answer, while what is being done is shown.

    Raises:
        GradVizError: as ``asking.ask`` does.
    """
    return ask(question, "Computing the gradient …")


def heading(title: str, number: int, count: int) -> DeltaGenerator:
    """The title of a view and its place in the story; returns room beside it."""
    with st.container(horizontal=True, vertical_alignment="center", key="story_heading"):
        st.title(f":gray[{number} of {count}]&ensp;{plain(title)}", anchor=False)
        tools = st.container(width="content", horizontal=True, horizontal_alignment="right")
    with tools:
        copy_link.button(contents.parameters().personal)
    return tools


def explore(told: Told, room: DeltaGenerator) -> None:
    """The button that leads to the page with the same question."""
    room.button("Explore this", icon=":material/arrow_forward:", on_click=_leave, args=(told,))


def _leave(told: Told) -> None:
    there = contents.pages()[told.explore.page]
    others = dict.fromkeys(
        (each.name for each in there.choices), ""
    )  # what was chosen there before is another question
    address.leave(there.script, others | dict(told.explore.choices))


def draw(told: Told) -> None:
    """The pictures, and beside them what they show."""
    *columns, words = st.columns(_BESIDE[len(told.pictures)])
    for number, (column, shown) in enumerate(zip(columns, told.pictures, strict=True)):
        with column:
            st.caption(plain(shown.title))
            panel.picture(Picture(shown.figure, shown.caption, said=False), f"story_{number}", checked=shown.checked)
    with words, st.container(key="story_said"):
        with st.container(key="story_claim"):
            st.markdown(plain(told.sentence))
        st.caption(plain(told.note))
        with st.popover("How it is computed", type="tertiary", icon=":material/function:"):
            for shown in told.pictures:
                st.markdown(f"**{plain(shown.title)}**")
                meaning.words(shown.caption)
                panel.three_sentences(shown.caption)
                panel.three_sentences(shown.caption)
