"""The part of the layers page that shows one map of a layer output, and those of all layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.drawing import figures, snippets
from gradviz_core.drawing.screen.arrays import blocks_of
from gradviz_core.drawing.screen.seen import seen
from gradviz_core.types import AboutAModel, CamsAnswer, CamsQuestion, GradientQuestion, SiteInfo
from gradviz_core.types.keys import exchanged
from gradviz_core.types.looks import Look
from gradviz_core.types.methods import METHODS
from pages.comparing import taking
from pages.comparing.slots import AT_LAYER
from pages.explore import cams, maps, several
from pages.layout import code, frame
from pages.methods import naming
from pages.shell import address, asking, download_menu, facts, later, panel, sites, slices
from pages.shell.asking import ask
from pages.trust import panel as trust
from pages.trust.tested import Tested


@dataclass(frozen=True, slots=True)
class Drawn:
    """The map of one layer output and those of all, and what is drawn of them after the rest of the page, because it
    asks and waits."""

    every: CamsAnswer
    strip: cams.Strip | None
    """None where no map lies over the image."""
    tested: Tested
    trusted: DeltaGenerator
    """Room for the panel on trust."""
    rooms: code.Rooms
    """Room for its programs."""


def draw(
    choice: frame.ScoredChoice, info: SiteInfo, method: str, known: Sequence[SiteInfo], *, has_strip: bool
) -> Drawn:
    """The map over the image; below it small ones of all layers, of which this is ``known``.

    Raises:
        GradVizError: as asking does; NoSuchChoice: the address names an option or a position that does not exist.
    """
    left, right = st.columns([2, 1])
    with left:
        over_image = panel.room("all_channels")
    with right:
        with panel.controls("cam_options"):
            options = cams.options(method, naming.names(choice))
            opacity = cams.opacity()
        with panel.controls("unit"):
            place = sites.choose_place(info, seen(choice.survey.arrays).size, width=maps.NARROW)
    question = GradientQuestion(
        model=choice.model,
        image=choice.image,
        target=choice.target,
        method=method,
        options=options,
        seed=choice.draw,
        wrt=(info.site,),
        axis=info.axis if address.read("axis") else None,
    )
    answer = ask(
        question,
        "Computing the map of this layer output …",
        Look(layout=info.layout, axis=info.axis, place=place.index),
    )
    answer = slices.with_middle_picture(answer, choice.survey.card.preprocessing)
    with choice.beside:
        facts.line(*facts.predicted_and_score(answer, answer.prediction, choice.labels, choice.reading))
    with over_image:
        panel.picture(cams.over_image(answer, info, choice.labels, opacity, place), "map")
    picture, blocks = seen(answer.arrays), blocks_of(answer.arrays, f"attribution/{info.site}")
    with right:
        facts.line(*cams.facts_of(answer, info, place))
        with st.container(key="not_printed"):
            words = slices.beside(choice.survey.card.preprocessing)
            panel.picture(
                panel.Picture(figures.image(picture.pixels, blocks=picture.blocks, height=380), words), "image"
            )
    facts.notes(answer.notes)
    trusted = st.container()

    every = ask(
        CamsQuestion(
            model=choice.model,
            image=choice.image,
            target=choice.target,
            method=method,
            options=options,
            seed=choice.draw,
        ),
        "Computing the map of every layer …",
        Look(),
    )
    panel.header("Which layer?")
    with panel.controls("strip_controls"):
        drawn = cams.strip(every, info, choice.labels, seen(choice.survey.arrays).size, known)
    shown = ["map", *(["strip"] if has_strip else [])]
    if drawn is not None:
        panel.picture(drawn.picture, "cams")
        with st.container(key="cams_go_on"):
            st.caption("Swipe the maps sideways: more of them, and their scale, stand to the right.")
        shown.insert(1, "cams")
    called = {"map": METHODS[method].name, "cams": "every layer", "strip": "layer outputs"}
    tested = Tested(question, answer.target, "signed_sum", picture, snippets.MapAt(info), opacity)
    offered, names = trust.planned(tested)
    together = several.chosen(choice.model)
    also = _of_all_layers(every, drawn, together)
    also = replace(also, pictures={**also.pictures, **offered.pictures}, arrays={**also.arrays, **offered.arrays})
    taking.button(choice, f"{AT_LAYER}{method}", "layer_options", str(info.site))
    download_menu.menu(choice, shown, answer, "layers", called=called, also=also)
    programs = {
        "Map": lambda at: snippets.in_blocks(snippets.layer_map(at, choice.target, info, method, options), blocks),
        "Image": lambda at: snippets.in_blocks(snippets.seen(at), picture.blocks),
        "Layer outputs": lambda at: snippets.strip(at, choice.target),
    }
    if drawn is not None:
        programs["Every layer"] = lambda at: drawn.program(at, every)
        programs["Regions"] = lambda at: drawn.regions(at, every)
        if together:
            programs["Medians"] = lambda at: drawn.medians(at, every, together)
    return Drawn(every, drawn, tested, trusted, code.panel(choice, programs, names))


def _of_all_layers(every: CamsAnswer, drawn: cams.Strip | None, keys: Sequence[str]) -> download_menu.Offered:
    """The maps of all layers, and what their regions do to the score, on several images with these ``keys`` too."""
    arrays: dict[str, AboutAModel[Any]] = {"All layers": every.question}
    if drawn is None:
        return download_menu.Offered(arrays=arrays)
    asked = cams.keeping(every, drawn.infos)
    arrays["Regions"] = asked
    if not keys:
        return download_menu.Offered({"changes": "regions"}, arrays)
    pictures = {"changes": "regions", "medians": "medians"}
    of_each = {key: replace(asked, image=exchanged(asked.image, key)) for key in keys}
    return download_menu.Offered(pictures, arrays, {"Of each image": of_each})


def trusted(drawn: Drawn) -> None:
    """Whether the map can be trusted."""
    with drawn.trusted:
        trust.draw(drawn.tested, drawn.rooms)


def regions(choice: frame.ScoredChoice, every: CamsAnswer, drawn: cams.Strip) -> None:
    """What the regions of the maps do to the score, as far as it is computed: it is asked once the page is drawn."""
    panel.header("The score with and without each map's strongest quarter")
    parts = cams.parts(every, drawn)
    keys = several.choose(choice.model)
    with asking.one_sentence():
        found = later.answers(parts)
        if len(found) < len(parts):
            st.progress(
                len(found) / len(parts), f"{sum(len(one.question.sites) for one in found)} of {len(drawn.infos)} layers"
            )
    if found := later.known(parts):
        panel.picture(cams.changes(found, drawn, choice.labels), "changes")
    if keys:
        several.draw(parts, drawn, keys, choice.target, choice.labels)
