"""Clicks on the gradient flow page: they open the feature maps of the layer output, model and image clicked on."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from gradviz_core.types import INPUT, ClassDifference, FlowAnswer, FlowQuestion, Site
from pages.shell import address
from pages.shell.clicks import Click
from pages.shell.words import plain

_MAPS = "pages/explore/feature_maps.py"
_OF_THE_SECOND = (2, 3, 5)
"""Indices of the lines and bars of the comparison, in the order in which they are drawn."""


def drawn_sites(flow: FlowAnswer) -> list[int]:
    """Indices of the sites that are drawn: not the input, and no container that only passes a value on."""
    return [i for i, info in enumerate(flow.sites) if info.same_as is None and info.site != INPUT]


def open_site(first: FlowAnswer, other: FlowAnswer | None) -> Callable[[Click], None]:
    """A click on a line opens the feature maps of the site there, with the model and image of that line."""

    def act(click: Click) -> None:
        clicked = _clicked(first, other, click)
        infos = [clicked.sites[i] for i in drawn_sites(clicked)]
        if 0 <= click.position < len(infos):
            _open(first, clicked, infos[click.position].site)

    return act


def open_holder(first: FlowAnswer, other: FlowAnswer | None) -> Callable[[Click], None]:
    """A click on a parameter opens the feature maps of the layer that holds it, or says that it has none."""

    def act(click: Click) -> None:
        clicked = _clicked(first, other, click)
        if not 0 <= click.position < len(clicked.parameters):
            return
        name = clicked.parameters[click.position].name
        site = holder(clicked, name)
        if site is not None:
            _open(first, clicked, site)
        else:
            st.toast(plain(f"{name[:80]} belongs to a layer that did not run, so it has no feature maps."))

    return act


def holder(answer: FlowAnswer, parameter: str) -> Site | None:
    """The first output of the layer that holds a parameter; None if the model itself holds it or the layer never
    ran."""
    path = parameter.rpartition(".")[0]
    return next((info.same_as or info.site for info in answer.sites if path and info.site.path == path), None)


def _clicked(first: FlowAnswer, other: FlowAnswer | None, click: Click) -> FlowAnswer:
    return other if other is not None and click.curve in _OF_THE_SECOND else first


def _open(first: FlowAnswer, clicked: FlowAnswer, site: Site) -> None:
    turned = {} if clicked is first else _turned(first.question, clicked.question)
    address.leave(_MAPS, {**turned, "site": site})


def _turned(first: FlowQuestion, second: FlowQuestion) -> dict[str, object]:
    """The choices that ask the second question, of the same score, and compare with the first."""
    target = second.target
    choices: dict[str, object] = {"model": second.model, "image": second.image}
    choices |= {
        f"{name}2": key
        for name, key, its in (("model", first.model, second.model), ("image", first.image, second.image))
        if key != its
    }
    other = target.other if isinstance(target, ClassDifference) else None
    return {**choices, "target": target.explains, "minus": other}
