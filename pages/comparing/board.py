"""Where the things stand side by side on Compare: each with its head, its picture, or what went wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.drawing import colour_bars, compared, compared_words
from gradviz_core.drawing.captions import number_text
from gradviz_core.drawing.compared import Compared
from gradviz_core.errors import GradVizError
from gradviz_core.types import SurveyAnswer
from gradviz_core.types.photo_window import Place
from gradviz_core.types.views import View
from pages.comparing import changing, pictures, questions, slots
from pages.comparing.questions import Asked, Found
from pages.comparing.slots import Texts
from pages.layout.frame import ScoredChoice
from pages.methods import layer_maps, naming, over_patches
from pages.shell import asking, completeness, facts, panel, rows, saliency, widgets
from pages.shell.parameters import Parameter
from pages.shell.words import plain
from pages.uploads import images, models

BESIDE = {1: 1, 2: 2, 3: 3, 4: 2, 5: 3, 6: 3}
"""How many stand beside each other, by how many there are."""
SCALE = "map_scale"
PARAMETERS = (Parameter(SCALE),)


@dataclass(slots=True)
class Stand:
    """One of them on the page."""

    slot: int
    letter: str
    texts: Texts
    head: DeltaGenerator
    tools: DeltaGenerator
    body: DeltaGenerator
    survey: SurveyAnswer | None = None
    asked: Asked | None = None
    found: Found | None = None
    error: GradVizError | None = None

    @property
    def key(self) -> str:
        """The key of its picture."""
        return f"map{self.slot}"


def shares_scales() -> bool:
    """Whether maps of one quantity have one scale, with the control for it."""
    return widgets.option("Scale", SCALE, {"shared": "Shared", "own": "Per map"}) == "shared"


def stands(items: dict[int, Texts]) -> list[Stand]:
    """Room for each."""
    found: list[Stand] = []
    numbered = list(zip(items.items(), ascii_uppercase, strict=False))
    beside = BESIDE[len(numbered)]
    for first in range(0, len(numbered), beside):
        columns = st.columns(beside, gap="small")
        for column, ((slot, texts), letter) in zip(columns, numbered[first : first + beside], strict=False):
            with column:
                head = st.container(key=f"compare_head_{slot}", gap=None)
                tools = st.container(horizontal=True, key=f"compare_tools_{slot}", gap="small")
                head.empty()  # all three are there from the start: the style sheet gives them their height
                tools.empty()
                found.append(Stand(slot, letter, texts, head, tools, panel.room(f"compare_body_{slot}")))
    return found


def ask(every: Sequence[Stand], choice: ScoredChoice, view: View, at: Place | None) -> None:
    """Ask for all of them. What goes wrong with one is kept with it."""
    for stand in every:
        try:
            stand.survey = questions.survey(stand.texts, choice)
            stand.asked = questions.question(stand.slot, stand.letter, stand.texts, choice, stand.survey)
            questions.send(stand.asked, view, at)
        except GradVizError as error:
            stand.error = error
    for stand in every:
        if stand.asked is None or rows.is_busy(stand.asked.question, stand.asked.size, stand.asked.values):
            continue
        try:
            stand.found = questions.answer(stand.asked, view, at)
        except GradVizError as error:
            rows.give_up(stand.asked.question, error)
            stand.error = error


def draw(
    every: Sequence[Stand],
    choice: ScoredChoice,
    view: View,
    opacity: float,
    at: Place | None,
    scales: DeltaGenerator,
    shared: bool,
) -> list[tuple[Found, Compared]]:
    """Draw all of them, those of one quantity on one scale where it is ``shared``, and say in the room for ``scales``
    which; returns each with its map on that scale."""
    shown = [stand for stand in every if stand.found is not None]
    maps = [stand.found.map for stand in shown if stand.found is not None]
    groups = compared.together(maps) if shared else tuple((number,) for number in range(len(maps)))
    if shared:
        maps = list(compared.on_one_scale(maps))
    alike = {number: group for group in groups for number in group}
    if maps:
        scales.caption(plain(compared_words.scales(maps, groups)))
    for stand in every:
        with stand.head:
            _head(stand, every, choice)
        with stand.tools:
            _tools(stand, every)
        with stand.body:
            if stand.error is not None:
                asking.say(stand.error)
            elif stand.found is None:
                st.caption("It is computed once the long sum beside it is whole.")
    drawn: list[tuple[Found, Compared]] = []
    beside = max((colour_bars.room(one.field) for one in maps), default=0)
    for number, stand in enumerate(shown):
        assert stand.found is not None
        drawn.append((stand.found, maps[number]))
        others = [maps[other] for other in alike[number] if other != number]
        picture = pictures.picture(stand.found, maps[number], others, view, opacity, at, beside=beside)
        with stand.body:
            panel.picture(picture, stand.key)
            if faint := compared_words.faint(stand.found.map.field, maps[number].field):
                st.caption(plain(faint))
            rows.line(stand.found.asked.question)
            _sum(stand.found)
            naming.show_other_image(stand.found.asked.question)
            if stand.found.answer.tokens is not None:
                facts.line(*over_patches.facts_of(stand.found.answer))
            facts.notes(stand.found.answer.notes)
    return drawn


def _sum(found: Found) -> None:
    """What its values sum to, and what the law of its method says, where it has one; with more steps where they can
    bring the two closer."""
    info, answer = found.asked.info, found.answer
    total = saliency.drawn_array(answer).total if info is None else layer_maps.total(answer, info)
    if total is not None and answer.question == found.asked.question:
        completeness.line(answer, total, rows.run_again, slots.name(found.asked.slot, "options"))


def _head(stand: Stand, every: Sequence[Stand], choice: ScoredChoice) -> None:
    st.markdown(f"**{stand.letter}**&ensp;**{plain(_title(stand))}**")
    st.caption(plain(" · ".join(_subject(stand, every, choice))))


def _tools(stand: Stand, every: Sequence[Stand]) -> None:
    try:
        changing.button(stand.slot, stand.letter, stand.survey, stand.asked)
    except GradVizError as error:
        stand.error = stand.error or error
    rest = [each.texts for each in every if each.slot != stand.slot]
    if len(every) > slots.LEAST:
        st.button(
            "Remove",
            key=f"remove_{stand.slot}",
            type="tertiary",
            help=f"Remove map {stand.letter}",
            on_click=slots.take,
            args=(rest,),
        )


def _title(stand: Stand) -> str:
    if stand.asked is None:
        return stand.texts.name[:60]
    return compared_words.title(stand.asked.question.method, stand.asked.info)


def _subject(stand: Stand, every: Sequence[Stand], choice: ScoredChoice) -> list[str]:
    """Its score with the value; and its model and image, where they are not the same for all."""
    said = []
    if stand.asked is not None and stand.survey is not None:
        target = stand.found.answer.target if stand.found else stand.asked.question.target
        words = target.words(stand.survey.card.labels).removeprefix("the ")
        said = [f"{words} {number_text(stand.found.answer.score, 4)}" if stand.found else words]
    known = [(each.texts.model or choice.model, each.texts.image or choice.image) for each in every]
    model, image = stand.texts.model or choice.model, stand.texts.image or choice.image
    if any(other != model for other, _ in known):
        said.append(models.words(model))
    if any(other != image for _, other in known):
        said.append(images.words(image))
    return said
