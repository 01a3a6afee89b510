"""Layers: what the regions of the maps do to the score over several images, as medians."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from gradviz_core.drawing import cam_figures, cam_words
from gradviz_core.types import KeepingAnswer, KeepingQuestion, Target
from gradviz_core.types.keys import exchanged
from gradviz_core.types.layer_medians import medians
from pages.explore import cams
from pages.shell import address, asking, later, panel, sites, widgets
from pages.shell.panel import Picture
from pages.shell.parameters import Parameter
from pages.uploads import images

PARAMETERS = (Parameter("several"),)
_MEANING = (
    "The same for several images: the medians show which layer holds what the score depends on in most of them. Your "
    "images are those that you have uploaded in this session."
)


def choose(model: str) -> tuple[str, ...]:
    """The keys of the images that are chosen, none by default. The address holds all of them, with spaces between."""
    words = _offered(model)
    with panel.controls("several_controls"), st.container(width=190):
        return tuple(widgets.listed("Images", "several", words, _MEANING).split())


def chosen(model: str) -> tuple[str, ...]:
    """The same, before the list is drawn."""
    text = address.read("several")
    return tuple(text.split()) if text in _offered(model) else ()


def _offered(model: str) -> dict[str, str]:
    words = {"": "this one alone"}
    words |= {" ".join(keys): f"{name}, {len(keys)}" for name, keys in images.sets(model).items()}
    text = address.read("several")
    words.setdefault(text, _count(len(text.split())))
    return words


def _count(images: int) -> str:
    return "1 image" if images == 1 else f"{images} images"


def draw(
    parts: Sequence[KeepingQuestion], drawn: cams.Strip, keys: Sequence[str], target: Target, labels: Sequence[str]
) -> None:
    """The medians over the images that are answered: the others are asked once the page is drawn."""
    each = [[replace(part, image=exchanged(part.image, key)) for part in parts] for key in keys]
    with asking.one_sentence():
        found = later.answers([question for questions in each for question in questions])
        if len(found) < len(keys) * len(parts):
            st.progress(len(found) / (len(keys) * len(parts)), f"{len(found) // len(parts)} of {len(keys)} images")
    whole = [answers for answers in map(later.known, each) if len(answers) == len(parts)]
    if whole:
        panel.picture(_picture(whole, drawn, target, labels), "medians")


def _picture(
    whole: Sequence[Sequence[KeepingAnswer]], drawn: cams.Strip, target: Target, labels: Sequence[str]
) -> Picture:
    """Of each image the answers to all parts. A click chooses the layer."""
    found = [medians(answers) for answers in zip(*whole, strict=True)]
    kept = [value for part in found for value in part.kept]
    dropped = [value for part in found for value in part.dropped]
    figure = cam_figures.changes(drawn.names, kept, dropped, unit=target.unit(), chosen=drawn.chosen)
    fewest = min(int(count) for part in found for count in part.counts)
    return Picture(figure, cam_words.medians(target, labels, len(whole), fewest), sites.choose_point(drawn.infos))
