"""The panel with the code of the pictures: plain PyTorch that computes the very array that is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st

from gradviz_core.compute import client
from gradviz_core.models import catalogue
from gradviz_core.snippets import Setting
from pages.parts import uploaded
from pages.parts.shell import Choice


def panel(choice: Choice, programs: Mapping[str, Callable[[Setting], str]]) -> None:
    """A button beside the page's title that opens the programs, one for each picture, by the name of its picture."""
    with choice.tools.popover("PyTorch", icon=":material/code:", width="content"):
        st.caption(
            "Plain PyTorch; GradViz only loads the presets. It ends with `shown`, the very numbers of the picture."
        )
        setting = _setting(choice)
        names = list(programs)
        for tab, name in zip(st.tabs(names), names, strict=True):
            with tab, st.container(height=460, width=680, border=False):
                st.code(programs[name](setting), language="python", wrap_lines=False)


def _setting(choice: Choice) -> Setting:
    file = "" if uploaded.is_key(choice.image) else _sample_file(choice.image)
    survey = choice.survey
    return Setting(survey.card, survey.sites, file, survey.file, _architecture(choice.model))


def _architecture(key: str) -> str:
    """What an uploaded model's weights are for; a key stands for the same for ever, so it is asked for once."""
    known: dict[str, str] = st.session_state.setdefault("architectures", {})
    if uploaded.is_key(key) and key not in known:
        known[key] = client.recipe(key).architecture
    return known.get(key, "")


def _sample_file(key: str) -> str:
    file = catalogue.image_file(catalogue.sample_image(key.removeprefix("sample/")))
    return file.relative_to(catalogue.ASSETS.parent).as_posix()
