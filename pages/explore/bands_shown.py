"""Which bands of an image are shown: three as colours, or one in grey. The map stays the same."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from gradviz_core.compute import client
from gradviz_core.errors import GradVizError
from gradviz_core.types import ModelCard
from pages.shell import address
from pages.shell.words import plain
from pages.uploads import uploaded

_COLOURS = "Colours"


def choose(model: str, card: ModelCard) -> None:
    """Choose them with one click, of two images those of the one that is looked at. They are part of the recipe, so
    this leads to the same model under another key."""
    steps = card.preprocessing
    if not steps.banded or steps.slices or not uploaded.is_key(model):
        return
    count, shown = len(steps.mean), steps.shown_bands
    colours: tuple[int, ...] = (
        st.session_state.setdefault(f"bands_as_colours_{count}", ()) if len(shown) == 1 else shown
    )
    st.session_state[f"bands_as_colours_{count}"] = colours
    singles = {str(band): (band,) for band in range(count)}
    choices = ({_COLOURS: colours} if count > 2 else {}) | singles
    now = _COLOURS if len(shown) == 3 else str(shown[0])
    wanted = st.segmented_control(
        "Bands shown",
        list(choices),
        default=now,
        required=True,
        key=f"bands_shown_{model}{'_2' if card.looked_at else ''}",
        help="Only the picture changes: the model always gets all bands. Three others as colours are chosen with the "
        "model's labels.",
        wrap=True,
    )
    if wanted == now:
        return
    try:
        recipe = client.recipe(model)
        now_shown = replace(steps, shown=choices[wanted])
        recipe = replace(recipe, other=now_shown) if card.looked_at else replace(recipe, preprocessing=now_shown)
        key = client.keep_recipe(recipe)
    except GradVizError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    uploaded.forget_model(model)
    uploaded.remember_model(key, recipe)
    address.exchange_model(key)
    st.rerun()
