"""What every page has: model, image and target in the sidebar, and below them the device and the time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn, cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.compute import client
from gradviz_core.compute.protocol import Status
from gradviz_core.drawing.bars import ShownAs
from gradviz_core.drawing.captions import time_text
from gradviz_core.errors import GradVizError
from gradviz_core.types import SurveyQuestion, Target
from pages.layout import contents
from pages.scores import choosing, output_kind
from pages.scores.output_kind import Output
from pages.shell import (
    about,
    address,
    asking,
    check,
    copy_link,
    draws,
    history,
    narrow,
    panel,
    picture_files,
    skeleton,
    unseen,
)
from pages.shell.choice import Choice
from pages.shell.words import plain
from pages.streamlit_private import elements
from pages.uploads import bring, images, models, uploading

_WORD = elements.WORDS_OF_CODE
_STYLE = f"""<style>
{unseen.STYLE}
{skeleton.STYLE}
{check.STYLE}
{uploading.STYLE}
{panel.STYLE}
{elements.PRIMARY_BUTTON} {{ color: light-dark(#ffffff, #0b1110); }}
{_WORD}:is(.keyword, .function, .class-name) {{ color: color-mix(in srgb, #1f7fd6 65%, currentColor); }}
{_WORD}.string {{ color: color-mix(in srgb, #0f9a48 60%, currentColor); }}
{_WORD}:is(.number, .boolean) {{ color: color-mix(in srgb, #0f9a8c 60%, currentColor); }}
{_WORD}.comment {{ color: color-mix(in srgb, currentColor 70%, transparent); }}
{elements.LINK_IN_SIDEBAR}:focus-visible {{ outline: 2px solid currentColor; outline-offset: -2px; }}
[class*="st-key-progress"] {{ position: fixed; top: 0.55rem; right: 4.5rem; width: auto; z-index: 999990; }}
</style>"""


@dataclass(frozen=True, slots=True)
class ScoredChoice(Choice):
    """The same, and the score that is differentiated."""

    target: Target
    output: Output
    """The output that the score is read from."""

    @property
    def reading(self) -> ShownAs:
        """What the numbers of that output mean."""
        return self.output.shown


@dataclass(frozen=True, slots=True)
class _Sidebar:
    """The choices in the sidebar before anything is computed, and room for what comes later."""

    model: str
    image: str
    card: DeltaGenerator
    target: DeltaGenerator
    foot: DeltaGenerator
    about: DeltaGenerator


@contextmanager
def around(page: contents.Page) -> Iterator[None]:
    """Draw the shell, then the page inside it, then the foot, which says how long its answers took."""
    st.html(_STYLE)
    body = st.container()
    skeleton.make()
    asking.begin()
    check.begin()
    uploading.begin()
    unseen.make()
    history.gather()
    narrow.keep_clear()
    address.begin(contents.parameters(), (each.name for each in page.choices))
    with st.sidebar:
        sidebar = st.session_state["sidebar"] = _sidebar(page.pickers)
        foot = sidebar.foot
    if page.pickers:
        bring.dialog()
    picture_files.make_ready(f"{sidebar.model}, {sidebar.image}" if page.pickers else "")
    foot.caption(st.session_state.get("foot", "Starting …"))
    try:
        with body:
            yield
        address.settle()
        skeleton.settle()
        check.settle()
        uploading.settle()
    finally:
        _say_status(sidebar)


def _sidebar(pickers: bool) -> _Sidebar:
    model = address.read("model", models.first()) if pickers else models.first()
    image = (address.read("image") if pickers else "") or images.suited(model)
    if pickers:
        models.pick(model)
    card = st.container(gap=None)
    if pickers:
        bring.change_button(model)
        bring.button()
        images.pick(image, model)
    return _Sidebar(model, image, card, target=st.container(), foot=st.empty(), about=about.panel())


def heading(title: str, sentence: str) -> DeltaGenerator:
    """The page's title and introduction; returns the room beside the title."""
    with st.container(horizontal=True, vertical_alignment="center", key="heading"):
        st.title(title, anchor=False)
        tools = st.container(width="content", horizontal=True, horizontal_alignment="right")
    with tools:
        copy_link.button(contents.parameters().personal)
    st.markdown(sentence)
    skeleton.begin(title)
    return tools


def begin(title: str, sentence: str) -> Choice:
    """Draw the page's heading, and read the choices; if they cannot be answered, show the error and end the page."""
    tools = heading(title, sentence)
    with _or_end():
        return _choice(cast(_Sidebar, st.session_state["sidebar"]), tools)


def begin_with_score(title: str, sentence: str) -> ScoredChoice:
    """The same for a page that differentiates a score, which is also chosen in the sidebar."""
    chosen = begin(title, sentence)
    with _or_end(), cast(_Sidebar, st.session_state["sidebar"]).target:
        output = output_kind.choose(chosen.survey)
        survey = output_kind.with_label_names(chosen.survey, output)
        try:
            target, output = choosing.choose(survey, output)
        finally:  # if this kind has no score, another one may
            output_kind.control(output)
    return ScoredChoice(chosen.model, chosen.image, survey, chosen.tools, target, output, draw=chosen.draw)


@contextmanager
def _or_end() -> Iterator[None]:
    try:
        yield
    except GradVizError as error:
        asking.say(error)
        end()


def end() -> NoReturn:
    """End the page here."""
    address.settle()
    skeleton.settle()
    check.settle()
    uploading.settle()
    _say_status(cast(_Sidebar, st.session_state["sidebar"]))
    st.stop()


def _choice(sidebar: _Sidebar, tools: DeltaGenerator) -> Choice:
    draw = draws.chosen()
    question = SurveyQuestion(model=sidebar.model, image=sidebar.image, seed=draw)
    survey = asking.ask(question, "Loading the model and the image …")
    if images.remember(sidebar.image, survey.pixels):
        st.rerun()  # the thumbnails are drawn already, without this one
    with sidebar.card:
        models.card(survey.card)
    with sidebar.target:
        draws.control(survey)
    return Choice(sidebar.model, sidebar.image, survey, tools, draw=draw)


# ----------------------------------------------------------------------------------------------------------------- foot


def _say_status(sidebar: _Sidebar) -> None:
    """Show the device, the workers, and how long the page waited for its answers."""
    try:
        now = client.status()
    except GradVizError:
        now = None
    sidebar.foot.caption(_foot(now))
    about.fill(sidebar.about, now)


def _foot(now: Status | None) -> str:
    if now is None:
        return "The compute service is starting."
    receipt = st.session_state.get("last_receipt")
    device = receipt.device if receipt else now.device
    last = [time_text(st.session_state["asked_ms"])] if receipt else []
    words = [device.upper() or "starting", f"{now.workers} worker{'s' if now.workers != 1 else ''}", *last]
    text = st.session_state["foot"] = plain(" · ".join(words))
    return text
