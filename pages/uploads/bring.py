"""Bringing a model of one's own: a dialog in two steps, and the same form again for changing what was said of it.

The dialog is a fragment: what is done in it leaves the page behind it alone. What was found in a file lives in the
session, so closing the dialog loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.typing import UploadedFile

from gradviz_core.compute import client
from gradviz_core.errors import GradVizError
from gradviz_core.serving.controls import LONGEST_NAME, Control, size_text
from gradviz_core.settings import settings
from gradviz_core.types.cards import ModelReport, Recipe
from gradviz_core.uploads import foreign_files, next_steps
from pages.shell.words import linked, plain
from pages.uploads import export_words, recipe_form, uploaded, uploading

KINDS = ("pt2", "safetensors", "pt", "pth", "ckpt", "bin", "tar", "zip")
"""``tar`` is the ending of ``.pth.tar``, as many scripts call their checkpoints."""
_PICTURE = "pages/explore/saliency.py"
WHAT = "a .pt2, .safetensors, .pt, .pth, .ckpt, .bin or .zip file"


def control() -> Control:
    """What the uploader of the dialog takes."""
    return Control("model", KINDS, WHAT, settings().model_mb, foreign_files.by_ending())


@dataclass(slots=True)
class Draft:
    """A model on its way into the list."""

    number: int
    """Tells the fields of one draft from those of another."""
    open: bool = True
    changing: str = ""
    """Key of the model that is being changed; empty for a new one."""
    name: str = ""
    report: ModelReport | None = None
    recipe: Recipe | None = None
    """What the form starts from."""

    @property
    def form(self) -> str:
        """The name of its form."""
        return f"draft_{self.number}"


def button(key: str = "bring") -> None:
    """Opens the dialog for a new model, where it was left."""
    width: Literal["stretch", "content"] = "stretch" if key == "bring" else "content"
    st.button("Bring your own model", icon=":material/upload:", width=width, key=key, on_click=_open_new)


def change_button(model: str) -> None:
    """Opens the dialog for an uploaded model that is in use."""
    if uploaded.is_key(model):
        st.button(
            "Change preprocessing or labels",
            type="tertiary",
            icon=":material/tune:",
            key="bring_change",
            on_click=_open_change,
            args=(model,),
        )


def dialog(*, leaves: bool = False) -> None:
    """The dialog, where it is open. ``leaves`` says whether a model that is used then leads to its picture on another
    page, because this one shows none."""
    draft: Draft | None = st.session_state.get("draft")
    if draft is not None and draft.open:
        title = "Change preprocessing or labels" if draft.changing else "Bring your own model"
        st.dialog(title, width="medium", on_dismiss=_close)(_steps)(leaves=leaves)


def _open_new() -> None:
    draft: Draft | None = st.session_state.get("draft")
    if draft is None or draft.changing:
        draft = _new_draft("")
    draft.open = True


def _start_again() -> None:
    _new_draft("")


def _open_change(model: str) -> None:
    _new_draft(model)


def _new_draft(changing: str) -> Draft:
    before: Draft | None = st.session_state.get("draft")
    if before is not None:
        recipe_form.forget(before.form)
    number = st.session_state["draft_number"] = st.session_state.get("draft_number", 0) + 1
    draft = st.session_state["draft"] = Draft(number, changing=changing)
    return draft


def _close() -> None:
    draft: Draft | None = st.session_state.get("draft")
    if draft is not None:  # else the model was used just now
        draft.open = False


def _steps(*, leaves: bool) -> None:
    draft: Draft | None = st.session_state.get("draft")  # of now: the dialog runs again without the page
    if draft is None:
        return
    place = st.empty()  # always there, so that what follows stays what it is, and an open part stays open
    if draft.changing and draft.recipe is None:
        _find(draft, place)
    elif not draft.changing and draft.report is None:
        _choose_file(draft, place)
    if draft.recipe is None:
        return
    if draft.report is not None:
        _found(draft, draft.report)
    if recipe_form.draw(draft.recipe, draft.report, draft.form, again=bool(draft.changing)):
        recipe_form.forget(draft.form)
        draft.open = False
        st.session_state["draft"] = None
        if leaves:
            st.switch_page(_PICTURE, query_params={})
        st.rerun()


def _find(draft: Draft, place: DeltaGenerator) -> None:
    """What the model that is being changed was made from."""
    try:
        with place, st.spinner("Loading the model …"):
            draft.recipe = client.recipe(draft.changing)
    except GradVizError as error:
        place.error(plain(str(error)), icon=":material/error:")
        return
    place.empty()
    draft.report = uploaded.reports().get(draft.recipe.file)
    draft.name = draft.recipe.title


# ----------------------------------------------------------------------------------------------------------- the file


def _choose_file(draft: Draft, place: DeltaGenerator) -> None:
    room = place.container()
    with room:
        file = _uploader()
    if file is None:
        return
    refused: GradVizError | None = None
    try:
        come = uploading.come(file, control())
        with room, st.spinner(f"Reading {size_text(come.size)}: its contents and its cost …"):
            report = uploading.delivery(come).model()
        uploading.keep(come)
        uploaded.reports()[report.file] = report
        draft.name, draft.report = file.name[:LONGEST_NAME], report
        draft.recipe = recipe_form.proposal(report, uploading.stem(file))
    except GradVizError as error:
        refused = error
    uploading.let_go("model_file", file)
    if refused is None:
        place.empty()
        return
    with place.container():
        _uploader()
        st.error(linked(str(refused)), icon=":material/error:")
        if refused.code:
            st.code(next_steps.naming(refused.code, file.name[:LONGEST_NAME]), language="python", wrap_lines=True)


def _uploader() -> UploadedFile | None:
    st.markdown(
        "An exported program (.pt2) includes its architecture. Weights (.safetensors, .pt, .pth), or a checkpoint with "
        "weights in it (.ckpt, .bin, .pth.tar), need an architecture that GradViz knows. Files are read as data; no "
        "code in them is run."
    )
    file = uploading.uploader("model_file", "Model file: .pt2, .safetensors, .pt or .pth, and others", control())
    with st.expander("How to make such a file", icon=":material/help:"):
        export_words.four_lines()
    st.caption(
        f"Kept for {settings().store_days:g} days after its last use, under a name derived from its contents. Anyone "
        "with the address of the page can use the model."
    )
    return file


_FORMATS = {
    "exported": "Exported program",
    "state_dict": "Weights (state dict)",
    "safetensors": "Weights (safetensors)",
}


def _found(draft: Draft, report: ModelReport) -> None:
    """What is in the file, in one line, and what a person should know of it."""
    facts = [_FORMATS[report.format], f"{report.parameters:,} parameters"]
    if shapes := [shape for shape in (report.input_shape, report.second_shape) if shape]:
        sizes = " and ".join("×".join("any" if n is None else str(n) for n in shape) for shape in shapes)
        facts.append(f"input{'s' if len(shapes) > 1 else ''} {sizes}")
    if report.classes is not None:
        facts.append(f"{report.classes} score{'' if report.classes == 1 else 's'}")
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.markdown(f"**{plain(draft.name)}**", width="content")
        if not draft.changing:
            st.button("Choose another file", type="tertiary", key="draft_again", on_click=_start_again)
    st.caption(plain(" · ".join(facts)))
    for note in report.notes:
        st.caption(plain(note))
