"""The panel with the code of the pictures: plain PyTorch that computes exactly the array that is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.compute import client
from gradviz_core.drawing.snippets import Held, Setting
from gradviz_core.types import SurveyAnswer, SurveyQuestion, keys
from pages.shell.asking import ask
from pages.shell.choice import Choice
from pages.uploads import uploaded


@dataclass(frozen=True, slots=True)
class Rooms:
    """Programs of pictures that are drawn after the panel, each in a room of its own."""

    setting: Setting
    each: Mapping[str, DeltaGenerator]

    def fill(self, name: str, program: Callable[[Setting], str]) -> None:
        """Write the program with this name."""
        _write(self.each[name], program(self.setting))


def panel(
    choice: Choice,
    programs: Mapping[str, Callable[[Setting], str]],
    later: Sequence[str] = (),
    at: int | None = None,
) -> Rooms:
    """A button beside the page's title that opens the programs, one for each picture, by the name of its picture. Those
    named in ``later`` come once their pictures are drawn. ``at`` is the slice of a volume or clip that they show."""
    with choice.tools.popover("PyTorch", icon=":material/code:", width="content"):
        st.caption(
            "Plain PyTorch; GradViz only loads presets and samples. The last variable, `shown`, holds exactly the "
            "values of the picture."
        )
        there = replace(setting(choice.model, choice.image, choice.survey), slice=at)
        rooms = {}
        for tab, name in zip(st.tabs([*programs, *later]), [*programs, *later], strict=True):
            with tab, st.container(height=460, width=680, border=False):
                rooms[name] = st.empty()
            if name in programs:
                _write(rooms[name], programs[name](there))
            else:
                rooms[name].caption("The program comes with its picture.")
    return Rooms(there, {name: rooms[name] for name in later})


def _write(room: DeltaGenerator, program: str) -> None:
    room.code(program, language="python", wrap_lines=False)


def setting(model: str, image: str, survey: SurveyAnswer) -> Setting:
    """What the code needs to know about a model and an image."""
    looked_at = keys.looked_at(image)
    sample = "" if uploaded.is_key(looked_at) else looked_at
    guarded = model in st.session_state.get("guarded", ())
    draw = survey.question.seed if survey.random else None
    return Setting(
        survey.card,
        survey.sites,
        sample,
        survey.file,
        _architecture(model),
        guarded,
        draw,
        heads=survey.heads,
        held=Held.of(survey),
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
