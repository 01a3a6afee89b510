"""The part of the layers page that shows what the heads of the attention layers attend to."""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.drawing import snippets
from gradviz_core.drawing.screen.arrays import blocks_of
from gradviz_core.errors import QuestionError
from gradviz_core.types import AttendingAnswer, AttendingQuestion
from pages.explore import cams, heads, maps
from pages.layout import code, frame
from pages.shell import address, download_menu, facts, panel
from pages.shell.asking import ask


def draw(choice: frame.ScoredChoice, layer_list: DeltaGenerator) -> None:
    """One head over the image, and below it those of all layers. The list of layers stands in ``layer_list``.

    Raises:
        GradVizError: as asking does; NoSuchChoice: the address names a layer, head or token that does not exist.
    """
    left, right = st.columns([2, 1])
    with left:
        over_image = panel.room("all_channels")
    with right:
        with panel.controls("cam_options"):
            what = heads.quantity()
            opacity = cams.opacity()
        unit = panel.controls("unit")
    answer = _ask(choice)
    with layer_list:
        number = heads.choose_layer(answer)
    with unit:
        head = heads.choose_head(answer, number, width=maps.NARROW)
        with st.container(width=150):
            heads.choose_token(answer, number)
    with choice.beside:
        facts.line(*facts.predicted_and_score(answer, choice.survey.prediction, choice.labels, choice.reading))
    with over_image:
        panel.picture(heads.one(answer, choice.labels, number, head, what, opacity), "map")
    with right:
        facts.line(*heads.facts_of(answer, number, head, what))
        with st.container(key="not_printed"):
            row = answer.row(number, head, what)
            panel.picture(heads.image(answer, number, row, choice.survey.card.preprocessing), "image")
    facts.notes(answer.notes)

    panel.header("Which head?")
    with panel.controls("strip_controls"):
        each = cams.per_map()
    drawn = heads.strip(answer, choice.labels, number, head, what, each=each)
    shown = ["map"]
    if drawn is None:
        st.caption("No map: which token is which patch is not known at any layer.")
    else:
        with st.container(width=drawn.width):
            panel.picture(drawn.picture, "heads")
            with st.container(key="heads_go_on"):
                st.caption("Where the window is narrower than the maps, they scroll sideways.")
        shown.insert(1, "heads")
    called = {"map": "one head", "heads": "every head"}
    download_menu.menu(choice, shown, answer, "heads", called=called)
    blocks = blocks_of(answer.arrays, "pixels")
    programs = {
        "One head": lambda at: snippets.head_map(at, answer, number, head, what),
        "Image": lambda at: snippets.in_blocks(snippets.seen(at), blocks),
    }
    if drawn is not None:
        programs["Every head"] = lambda at: drawn.program(at, answer, what)
    code.panel(choice, programs)


def _ask(choice: frame.ScoredChoice) -> AttendingAnswer:
    """The answer; a layer or token that does not exist is a choice in the address."""
    layer, token = heads.asked_layer(), heads.asked_token()
    question = AttendingQuestion(
        model=choice.model, image=choice.image, target=choice.target, layer=layer, token=token, seed=choice.draw
    )
    try:
        return ask(question, "Computing the attention weights …")
    except QuestionError as error:
        if layer is None and token is None:
            raise
        raise address.NoSuchChoice(str(error), "query" if "Token" in str(error) else "attention_layer") from error
