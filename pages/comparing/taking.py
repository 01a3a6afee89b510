"""Taking the picture of a page to Compare, and what its maps mean while the sidebar says something else.

A picture that is taken names its model, image and score, so that it stays what it is. On Compare, what all of them name
alike and as the sidebar does is left to the sidebar again: there it changes all maps at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import streamlit as st

from gradviz_core.types.methods import METHODS
from pages.comparing import slots
from pages.comparing.slots import MOST, Texts
from pages.layout.frame import ScoredChoice
from pages.shell import address

KEY = "compare_take"
_PAGE = "pages/comparing/compare.py"
_OF_THE_SIDEBAR = (("model",), ("image",), ("target", "scale"))
"""Parts of a map that are left to the sidebar together."""


def button(choice: ScoredChoice, method: str, options: str, layer: str = "", view: str = "") -> None:
    """The button that takes the picture. ``options`` names the choice of the page that holds the method's options,
    ``layer`` the layer output, ``view`` is how channels become one number, where that is chosen. None where the model
    takes slices, which are not compared."""
    if choice.survey.card.preprocessing.slices:
        return
    texts = sidebar(choice, Texts(method, address.kept([options])[options], layer))
    there = slots.chosen(choice.survey) if slots.is_said() else {}
    with choice.tools.popover("Compare", icon=":material/compare:", key=KEY):
        if there:
            st.caption("Taken so far: " + ", ".join(map(_words, there.values())))
        else:
            st.caption("Take pictures from here and from other pages, then see them side by side.")
        why_not = _why_not(texts, there)
        st.button(
            "Take this picture",
            icon=":material/add:",
            disabled=bool(why_not),
            help=why_not or None,
            on_click=_take,
            args=(texts, there, view),
        )
        st.page_link(_PAGE, label=f"Open Compare ({len(there)})" if there else "Open Compare")


def _why_not(texts: Texts, there: Mapping[int, Texts]) -> str:
    """Why this picture cannot be taken; empty where it can."""
    if len(there) >= MOST:
        return f"{MOST} maps are the most that fit. Remove one on Compare."
    meant = _meant()
    if texts in [filled(each, meant.get(slot, texts)) for slot, each in there.items()]:
        return "This picture is on Compare already."
    return ""


def sidebar(choice: ScoredChoice, texts: Texts = slots.NOTHING) -> Texts:
    """The same with model, image and score as the sidebar has them."""
    score = slots.target_texts(choice.target)
    return replace(texts, model=choice.model, image=choice.image, target=score["target"], scale=score["scale"])


def _words(texts: Texts) -> str:
    name = METHODS[texts.name].name if texts.name in METHODS else texts.name[:40]
    return f"{name} of {texts.layer[:40]}" if texts.layer else name


def _take(texts: Texts, there: Mapping[int, Texts], view: str) -> None:
    meant = _meant()
    taken = [*(filled(each, meant.get(slot, texts)) for slot, each in there.items()), texts]
    remember(dict(zip(slots.SLOTS, taken, strict=False)))
    view_too = {"map_view": view} if view else {}
    address.write(slots.written(taken) | view_too)


def filled(texts: Texts, meant: Texts) -> Texts:
    """The same, with what it leaves to the sidebar as it was meant."""
    blank = {name: getattr(meant, name) for names in _OF_THE_SIDEBAR if not getattr(texts, names[0]) for name in names}
    return replace(texts, **blank)


def left_to_the_sidebar(items: Sequence[Texts], says: Texts) -> list[Texts]:
    """The same, where model, image or score, if all of them name it as the sidebar ``says``, are left to it."""
    found = list(items)
    for names in _OF_THE_SIDEBAR:
        wanted = [getattr(says, name) for name in names]
        if all([getattr(each, name) for name in names] == wanted for each in items):
            found = [replace(each, **dict.fromkeys(names, "")) for each in found]
    return found


def remember(meant: Mapping[int, Texts]) -> None:
    """Keep what each map means now, by its slot: what it leaves to the sidebar is filled in."""
    st.session_state["compare_meant"] = dict(meant)


def _meant() -> dict[int, Texts]:
    return cast(dict[int, Texts], st.session_state.get("compare_meant", {}))
