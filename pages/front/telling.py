"""A view of the story on the page: its pictures, its sentence in large type, and the rest folded away."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.story.told import Shown, Subject, Told
from gradviz_core.story.views import View
from gradviz_core.types import Question
from gradviz_core.types.questions import A
from pages.layout import contents
from pages.shell import address, copy_link, meaning, narrow, panel, present, sizes, widgets
from pages.shell.asking import ask
from pages.shell.panel import Picture
from pages.shell.words import explained, plain
from pages.streamlit_private import elements

STYLE = f"""
@media (min-width: {narrow.WIDEST + 1}px) {{
  {elements.SIDEBAR}, {elements.OPEN_SIDEBAR} {{ display: none; }}
  {elements.VIEW} {{ padding-left: 0 !important; }}
}}
"""
"""The story has no sidebar. The rest of its looks comes with the page (``pages/layout/style.py``)."""
PRESENTED = f"""
{elements.COLUMN}:has(.st-key-story_said) {{ display: none; }}
@media (min-width: {narrow.WIDEST + 1}px) {{
  [class*=st-key-picture_story_] [class*="st-key-chart_story_"] {{ --most: calc(100vh - 12.8rem) !important; }}
}}
"""
"""Where it is presented, the pictures have the room of the words, and that of a row of controls above them."""
_WITH_BAR_OF_THREE = 1.3
"""How much wider a column is for a picture with its scale, among three on a projector."""
_CHART_OF_THREE = 2.0
"""The same of a chart, which may be low: so the pictures beside it are small enough for the words below."""
_WORDS = 0.62
"""Width of the words beside two pictures, in widths of a picture."""
_SLIDER = 230
"""Pixels."""


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
        beside = st.container(width="content", horizontal=True)
        with st.container(width="content", horizontal=True, horizontal_alignment="right", key="tools"):
            present.button()
            copy_link.button(contents.parameters().personal)
    return beside


def begin(view: View) -> tuple[DeltaGenerator, int | None]:
    """Room for the claim, and where the slider beside it stands; None for a view without one.

    Raises:
        NoSuchChoice: the address names no stop of the slider.
    """
    slider = view.slider
    if slider is None:
        return st.container(key="story_claim"), None
    with st.container(horizontal=True, vertical_alignment="top", key="story_row"):
        room = st.container(key="story_claim")
        with st.container(width=_SLIDER):
            at = widgets.stops(
                slider.label,
                slider.name,
                slider.stops,
                slider.first,
                slider.meaning,
                unit=slider.unit,
                width=_SLIDER,
            )
    return room, at


def told(view: View, subject: Subject, at: int | None) -> Told:
    """The view, with its slider there.

    Raises:
        GradVizError: as ``view.tell`` does.
    """
    if view.slider is None or at is None:
        return view.tell(answer, subject)
    return view.slider.tell(answer, subject, at)


def lead_on(told: Told, room: DeltaGenerator, *, last: bool) -> None:
    """The button that leads to the page with the same question; after the last view one to the lessons, too."""
    room.button("Explore this", icon=":material/arrow_forward:", on_click=_leave, args=(told,))
    if last:
        script = contents.pages()["lessons"].script
        room.button("Go on with the lessons", icon=":material/school:", on_click=address.leave, args=(script, {}))


def _leave(told: Told) -> None:
    there = contents.pages()[told.explore.page]
    names = (each.name for each in there.choices)
    others = dict.fromkeys(names, "")  # what was chosen there before is another question
    address.leave(there.script, others | dict(told.explore.choices))


def draw(told: Told, claim: DeltaGenerator) -> None:
    """The claim in its room, the pictures below it, and what is to be said of them: beside two, below three."""
    with claim:
        st.markdown(explained(told.sentence))
    of_three = len(told.pictures) > 2
    with_bar, chart = (_WITH_BAR_OF_THREE, _CHART_OF_THREE) if of_three else (sizes.WITH_BAR, 1.0)
    widths = [with_bar if shown.has_scale else 1.0 if shown.is_picture else chart for shown in told.pictures]
    _align(told.pictures)
    if of_three:
        columns, words = st.columns(widths), st.container()
    else:
        *columns, words = st.columns([*widths, _WORDS])
    for number, (column, shown) in enumerate(zip(columns, told.pictures, strict=True)):
        with column:
            with st.container(key=f"story_title_{number}"):
                st.caption(plain(shown.title))
            picture = Picture(shown.figure, shown.caption, said=False)
            panel.picture(picture, f"story_{number}", checked=shown.checked)
    with words, st.container(key="story_said"):
        st.markdown(explained(told.note))
        with st.popover("How it is computed", type="tertiary", icon=":material/function:"):
            _say_how(told)


def _align(pictures: Sequence[Shown]) -> None:
    """Each scale gets the room of the widest, so that the pictures beside each other are of one size."""
    scaled = [shown.figure.layout.margin for shown in pictures if shown.has_scale]
    widest = max((margin.r for margin in scaled), default=0)
    for margin in scaled:
        margin.r = widest


def _say_how(told: Told) -> None:
    for computed in told.computed:
        st.markdown(explained(computed.words))
        if computed.formula:
            st.markdown(f"$\\displaystyle {computed.formula}$")
    captions = {shown.caption: shown.title for shown in reversed(told.pictures)}
    for caption, title in reversed(captions.items()):
        st.markdown(f"**{plain(title)}**")
        meaning.words(caption)
        panel.three_sentences(caption)
