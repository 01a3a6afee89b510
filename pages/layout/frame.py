"""What every page has: model, image and target in the sidebar, and below them the device and the time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn, cast

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.compute import client
from gradviz_core.compute.protocol import Status
from gradviz_core.drawing.bars import ShownAs
from gradviz_core.drawing.captions import time_text
from gradviz_core.errors import GradVizError, QuestionError
from gradviz_core.types import SurveyQuestion, Target, keys
from pages.layout import contents
from pages.scores import choosing, output_kind
from pages.scores.output_kind import Output
from pages.shell import (
    about,
    address,
    ahead,
    asking,
    check,
    copy_link,
    definitions,
    draws,
    facts,
    history,
    later,
    meaning,
    narrow,
    panel,
    picture_files,
    present,
    printed,
    rows,
    skeleton,
    slices,
    unseen,
    zoom,
)
from pages.shell.choice import Choice
from pages.shell.words import keep_names, plain
from pages.uploads import bring, images, models, uploading

_OF_SLICES = "Input saliency, Layers and Neurons show it slice by slice; here choose another model."
"""What to do where a page does not show volumes and clips."""


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
    slices: bool
    """Whether the page shows models that take a volume or a clip."""


@contextmanager
def around(page: contents.Page) -> Iterator[None]:
    """Draw the shell, then the page inside it, then the foot, which says how long its answers took."""
    narrow.sheets(choices=page.pickers)
    body = st.container()
    skeleton.make()
    asking.begin()
    rows.begin()
    later.begin()
    check.begin()
    uploading.begin()
    unseen.make()
    history.gather()
    narrow.keep_clear()
    zoom.listen()
    definitions.listen()
    keep_names(())
    address.begin(contents.parameters(), (each.name for each in page.choices), models.unsaid())
    if page.pickers and page.pictures:
        ahead.send(_survey(*_chosen()))
    printed.note_address()
    with body, asking.one_sentence():
        present.begin(page.presented)
    with st.sidebar:
        sidebar = st.session_state["sidebar"] = _sidebar(page)
        foot = sidebar.foot
    if page.pickers:
        bring.dialog(leaves=not page.pictures)
    picture_files.make_ready(_subject(sidebar) if page.pickers else "")
    foot.caption(st.session_state.get("foot", "Starting …"))
    try:
        with body:
            yield
        address.settle()
        skeleton.settle()
        check.settle()
        uploading.settle()
    finally:
        ahead.drop()
        _say_status(sidebar)


def _sidebar(page: contents.Page) -> _Sidebar:
    """Model, image and score first, then what is needed less often, the device at the foot."""
    pickers = page.pickers
    model, image = _chosen() if pickers else (models.first(), images.suited(models.first()))
    if pickers:
        models.pick(model)
    card = panel.room("model_card") if pickers and page.pictures else st.container()
    if pickers:
        images.pick(image, model)
    target = panel.room("score") if pickers and page.score else st.container()
    with st.container(key="sidebar_rest"):
        if pickers:
            bring.change_button(model)
            bring.button()
        room = about.panel()
        foot = st.empty()
    return _Sidebar(model, image, card, target, foot, about=room, slices=page.slices)


def _chosen() -> tuple[str, str]:
    """The keys of the model and the image."""
    model = address.read("model")
    return model, images.of_model(address.read("image") or images.suited(model), model)


def _survey(model: str, image: str) -> SurveyQuestion:
    """What every page about a model asks first."""
    return SurveyQuestion(model=model, image=image, seed=draws.chosen())


@dataclass(frozen=True, slots=True)
class Heading:
    """The row of a page's title."""

    beside: DeltaGenerator
    """Room for facts beside the title."""
    tools: DeltaGenerator
    """Room for the buttons that keep what is shown: at the top of the window, where it is wide."""


def heading(title: str, sentence: str, implied: Mapping[str, str] | None = None, *, beside: bool = False) -> Heading:
    """The page's title; the ``sentence`` introduces the page behind "What is this?"; what is ``implied`` in its address
    stands in a copied one. Room is kept ``beside`` it where something will stand there."""
    with st.container(horizontal=True, vertical_alignment="center", key="heading"):
        st.title(title, anchor=False, width="content")
        meaning.begin(sentence)
        room = panel.room("beside_title") if beside else st.container()
        tools = st.container(width="content", horizontal=True, horizontal_alignment="right", key="tools")
    with tools:
        present.button()
        copy_link.button(contents.parameters().personal, implied)
    skeleton.begin(title)
    return Heading(room, tools)


def begin(title: str, sentence: str) -> Choice:
    """Draw the page's heading, and read the choices; if they cannot be answered, show the error and end the page."""
    sidebar = cast(_Sidebar, st.session_state["sidebar"])
    both = {"image": sidebar.image} if keys.held(sidebar.image) else None
    drawn = heading(title, sentence, both, beside=True)
    try:
        return _choice(sidebar, drawn)
    except GradVizError as error:
        with sidebar.card:
            models.unasked(sidebar.model)
        with st.container(key="refused"):
            asking.say(error)
        end()


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
    return ScoredChoice(
        chosen.model,
        chosen.image,
        survey,
        chosen.tools,
        chosen.beside,
        target,
        output,
        subject=chosen.subject,
        draw=chosen.draw,
    )


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


def _choice(sidebar: _Sidebar, drawn: Heading) -> Choice:
    survey = asking.ask(_survey(sidebar.model, sidebar.image), "Loading the model and the image …")
    steps = survey.card.preprocessing
    if steps.slices and not sidebar.slices:
        raise QuestionError(
            f"This page shows models that take one picture, and this one takes {steps.slices} slices. {_OF_SLICES}"
        )
    survey = slices.seen(survey)
    new = images.remember(sidebar.image, survey.pixels)
    if images.has_no_picture(keys.held(sidebar.image)):
        turned = keys.turned(sidebar.image)
        new |= images.remember(turned, asking.ask(_survey(sidebar.model, turned), "Loading the other image …").pixels)
    if new:
        st.rerun()  # the thumbnails are drawn already, without these
    keep_names((*survey.card.labels, *(info.site.path for info in survey.sites), *(head.item for head in survey.heads)))
    ahead.send_again(survey.question)
    with sidebar.card:
        models.card(survey.card)
    with sidebar.target:
        draws.control(survey)
    if inputs := survey.card.inputs:
        with drawn.beside:
            facts.line(("image", inputs[survey.card.looked_at]), ("held", inputs[1 - survey.card.looked_at]))
    return Choice(
        sidebar.model,
        sidebar.image,
        survey,
        drawn.tools,
        drawn.beside,
        subject=_subject(sidebar),
        draw=survey.question.seed,
    )


def _subject(sidebar: _Sidebar) -> str:
    return f"{models.words(sidebar.model)} · {images.words(sidebar.image)}"


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
