"""The boxes of a detector: the layout of its output, the chosen box, and the strongest boxes over the image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
import streamlit as st

from gradviz_core.drawing import output_figures
from gradviz_core.drawing.captions import class_text, number_text
from gradviz_core.drawing.output_figures import Placed
from gradviz_core.drawing.screen import Seen
from gradviz_core.types import OutputAnswer, OutputQuestion, SurveyAnswer
from pages.scores.output_kind import Output
from pages.shell import address, widgets
from pages.shell.asking import ask
from pages.shell.clicks import Click
from pages.shell.parameters import Parameter
from pages.shell.pixel import Pixel

LAYOUT = ("skip", "boxaxis")
"""Choices that say how the output is laid out."""
PARAMETERS = (
    *(Parameter(name, within=("head",)) for name in LAYOUT),
    Parameter("box", within=("head", "image", *LAYOUT)),
)
_AXES = {
    "auto": "The longer axis",
    "last": "The last axis",
    "first": "The second-to-last axis",
    "none": "Neither: this output has no boxes",
}
_STRONGEST, _ALL = "strongest", "all"
MOST_DRAWN = 12
"""Boxes that are drawn over the image: more would hide it."""
DOING = "Finding the strongest boxes …"


@dataclass(frozen=True, slots=True)
class Drawn:
    """Boxes over the image."""

    places: Placed
    rows: tuple[int, ...]
    """The rank of each among the strongest."""
    numbers: tuple[int, ...]
    """The index of each in the output."""


def question(survey: SurveyAnswer, output: Output) -> OutputQuestion | None:
    """The question of the strongest boxes, with the layout chosen in the sidebar; None if the output holds no boxes."""
    first, last = output.info.shape[1:]
    if not address.read("boxaxis"):
        st.caption(
            "Read as boxes. This is a guess from the shape: if the output holds something else, change the layout."
        )
    with st.expander("Layout of the boxes"):
        axis = widgets.listed("Axis of the boxes", "boxaxis", _AXES)
        if axis == "none":
            return None
        by_last = {"auto": None, "last": True, "first": False}[axis]
        numbers = first if by_last or (by_last is None and last > first) else last
        skip = widgets.counter("Values before the class scores", "skip", numbers, min(4, numbers - 1))
    asked = survey.question
    return OutputQuestion(
        model=asked.model, image=asked.image, head=output.head, skip=skip, boxes_last=by_last, seed=asked.seed
    )


def strongest(asked: OutputQuestion) -> OutputAnswer:
    """Its answer."""
    return ask(asked, DOING)


def choose(found: OutputAnswer, labels: Sequence[str]) -> int | None:
    """The box that is chosen: the strongest by default; None for all of them.

    Raises:
        NoSuchChoice: the address names a box that is not there.
    """
    count = box_count(found)
    names = {int(box): name for box, name in zip(found.arrays["boxes"], named(found, labels), strict=True)}
    first = next(iter(names), None)
    words = {_STRONGEST: "The strongest"} if names else {}
    words |= {_ALL: f"All {count:,} boxes"} | {str(box): name for box, name in names.items()}
    chosen = address.read("box", next(iter(words)))
    known = chosen in words or (chosen.isascii() and chosen.isdigit() and len(chosen) < 10 and int(chosen) < count)
    if known and chosen not in words:
        words[chosen] = f"box {chosen}"
    widgets.select("Box", "box", list(words), chosen, words.__getitem__)
    if not known:
        raise address.NoSuchChoice(
            f"Box {chosen[:60]!r} does not exist: there are {count:,}, from 0 to {count - 1}. Choose one of them.",
            "box",
        )
    box = first if chosen == _STRONGEST else None if chosen == _ALL else int(chosen)
    _say_place(found, box)
    return box


def _say_place(found: OutputAnswer, box: int | None) -> None:
    """Show the first values of the chosen box, if it is one of the strongest."""
    for number, place in zip(found.arrays["boxes"], found.arrays["places"], strict=True):
        if int(number) == box and len(place):
            st.caption(f"First values of box {box}: {output_figures.place_text(place)}.")


def box_count(found: OutputAnswer) -> int:
    """How many boxes the output has."""
    first, last = found.head.shape[1:]
    by_last = found.question.boxes_last if found.question.boxes_last is not None else last >= first
    return last if by_last else first


def named(found: OutputAnswer, labels: Sequence[str]) -> list[str]:
    """``box 37 · dog (2) 0.91`` for each of the strongest."""
    return [
        f"box {int(box)} · {class_text(int(index), labels)} {number_text(float(score), 3)}"
        for box, index, score in zip(*(found.arrays[name] for name in ("boxes", "classes", "scores")), strict=True)
    ]


def over(found: OutputAnswer, box: int | None, height: int, width: int) -> Drawn | None:
    """The strongest boxes, and the chosen one, placed in a picture of that size; None if their values do not look like
    positions."""
    numbers = [int(number) for number in found.arrays["boxes"]]
    rows = [i for i, number in enumerate(numbers) if i < MOST_DRAWN or number == box]
    places = output_figures.placed(found.arrays["places"][rows], height, width)
    return None if places is None else Drawn(places, tuple(rows), tuple(numbers[i] for i in rows))


def picture(
    seen: Seen,
    found: OutputAnswer,
    drawn: Drawn,
    labels: Sequence[str],
    box: int | None,
    spot: Pixel | None,
    height: int,
) -> go.Figure:
    """The image with the strongest boxes over it, the chosen one in the accent colour."""
    classes, scores = found.arrays["classes"], found.arrays["scores"]
    names = [f"{class_text(int(classes[i]), labels)}, {number_text(float(scores[i]), 3)}" for i in drawn.rows]
    chosen = drawn.numbers.index(box) if box in drawn.numbers else None
    return output_figures.boxes_over(
        seen.pixels, drawn.places, names, chosen=chosen, cell=spot, blocks=seen.blocks, height=height
    )


def click(drawn: Drawn, beside: Callable[[Click], None]) -> Callable[[Click], None]:
    """A click on a box chooses it, the smallest of several that overlap; a click outside all boxes calls ``beside``."""

    def act(clicked: Click) -> None:
        hit = drawn.places.at(clicked.row, clicked.column)
        if hit is None:
            beside(clicked)
        else:
            address.write({"box": drawn.numbers[hit]})

    return act
