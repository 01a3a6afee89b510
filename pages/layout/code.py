"""The panel with the code of the pictures: plain PyTorch that computes exactly the array that is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from gradviz_core.compute import client
from gradviz_core.drawing.snippets import Setting
from gradviz_core.types import SurveyAnswer, SurveyQuestion
from pages.shell.asking import ask
from pages.shell.choice import Choice
from pages.uploads import uploaded


def panel(choice: Choice, programs: Mapping[str, Callable[[Setting], str]]) -> None:
    """A button beside the page's title that opens the programs, one for each picture, by the name of its picture."""
    with choice.tools.popover("PyTorch", icon=":material/code:", width="content"):
        st.caption(
            "Plain PyTorch; GradViz only loads presets and samples. The last variable, `shown`, holds exactly the "
            "values of the picture."
        )
        there = setting(choice.model, choice.image, choice.survey)
        names = list(programs)
        for tab, name in zip(st.tabs(names), names, strict=True):
            with tab, st.container(height=460, width=680, border=False):
                st.code(programs[name](there), language="python", wrap_lines=False)


def setting(model: str, image: str, survey: SurveyAnswer) -> Setting:
    """What the code needs to know about a model and an image."""
    sample = "" if uploaded.is_key(image) else image
    guarded = model in st.session_state.get("guarded", ())
    draw = survey.question.seed if survey.random else None
    return Setting(
        survey.card, survey.sites, sample, survey.file, _architecture(model), guarded, draw, heads=survey.heads
    )


def elsewhere(model: str, image: str, draw: int) -> Setting:
    """The same for a model and image other than those of the page.

    Raises:
        GradVizError: as ``ask`` does.
    """
    return setting(model, image, ask(SurveyQuestion(model=model, image=image, seed=draw), "Loading the comparison …"))


def _architecture(key: str) -> str:
    """The architecture of an uploaded model; it never changes for a key, so it is asked for once."""
    known: dict[str, str] = st.session_state.setdefault("architectures", {})
    if uploaded.is_key(key) and key not in known:
        known[key] = client.recipe(key).architecture
    return known.get(key, "")
