"""The two pictures of a step: what arrives and what goes on; on the way forth the values."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

import numpy as np
import streamlit as st

from gradviz_core.drawing import backward_words, captions, figures, how_to_read, snippets
from gradviz_core.drawing.backward_planes import Plane
from gradviz_core.drawing.captions import Caption
from gradviz_core.drawing.snippets import Setting
from gradviz_core.types import BackwardAnswer, ProofQuestion, Site
from gradviz_core.types.backward import BackwardStep
from pages.shell import address, panel
from pages.shell.clicks import Click
from pages.shell.panel import Picture
from pages.shell.words import explained, plain
from pages.understand import backward_choice
from pages.understand.backward_choice import Frame

HEIGHT = 290


def plane(answer: BackwardAnswer, number: int, step: BackwardStep, name: str) -> Plane | None:
    """A plane of the answer; None where there is none."""
    array = answer.arrays.get(f"{name}/{number}")
    if array is None:
        return None
    at_input = name in ("input", "outgoing")
    shape = step.shape_in if at_input else step.shape
    return Plane(np.asarray(array), step.channel[1 if at_input else 0], len(shape) <= 2)


def draw(
    answer: BackwardAnswer,
    whole: BackwardAnswer,
    frame: Frame,
    step: BackwardStep,
    checked: ProofQuestion | None = None,
    *,
    arrives: bool,
) -> bool:
    """One of the two pictures, with its caption; words where there is nothing to draw, and False. ``checked`` is the
    question of the check of its gradient."""
    at_output, name = part(frame, arrives=arrives)
    shown = plane(answer, frame.number, step, name)
    key = "arrives" if arrives else "leaves"
    st.markdown(f"**{_TITLES[name]}**", help=_FOLLOWED if name == "outgoing" and step.detail is not None else None)
    if shown is None:
        with st.container(height=HEIGHT, border=False):
            st.caption(explained(_ABSENT[at_output]))
        return False
    index = _index(step, at_output=at_output)
    if at_output and frame.back:
        act = _choose_before(whole, step, shown, frame.count)
    elif not at_output:
        act = _choose_here(shown, frame)
    else:
        act = None
    field = shown.drawn()
    figure = figures.heatmap(
        field, cross=shown.cell(index) if index is not None else None, places=shown.names(), height=HEIGHT
    )
    norm, shape = (step.norm, step.shape) if at_output else (step.norm_in, step.shape_in)
    said = (
        " of ".join(filter(None, (backward_words.plane_words(shown.leading), captions.shape_text(shape)))),
        f"L2 norm of all {captions.number_text(norm)}" if frame.back else "",
        captions.scale_text(field),
        backward_words.broken(answer.question),
    )
    facts = tuple(filter(None, said))
    read = how_to_read.BACKWARD_VALUES if frame.back else how_to_read.FORWARD_VALUES
    caption = Caption(_SENTENCES[name].format(step=step.name), "", facts, read)
    panel.picture(Picture(figure, caption, act, said=False), key, checked=checked)
    with panel.beside_how_to_read(caption, key):
        st.caption(explained(" · ".join(facts)))
    return True


def part(frame: Frame, *, arrives: bool) -> tuple[bool, str]:
    """Whether a picture is of the output of the step, and which plane of the answer it shows."""
    at_output = arrives == frame.back
    return at_output, _NAMES[frame.back, at_output]


def programs(
    answer: BackwardAnswer, frame: Frame, step: BackwardStep, known: Collection[Site]
) -> dict[str, Callable[[Setting], str]]:
    """The programs of the pictures that plain hooks can compute: not those of values between layers, nor a part of a
    gradient. ``known`` are the sites of the survey."""
    target = answer.target
    found: dict[str, Callable[[Setting], str]] = {}
    for arrives, title in ((True, "Left picture"), (False, "Right picture")):
        at_output, name = part(frame, arrives=arrives)
        shown = plane(answer, frame.number, step, name)
        site = step.site if at_output else step.into
        inner = target.at if target.at is not None and target.at.path else None
        whole = name != "outgoing" or not step.elsewhere
        if shown is not None and site in known and whole and inner in (None, site):
            what = "gradient" if frame.back else "value"
            found[title] = partial(
                snippets.plane, target=target, site=site, leading=shown.leading, lines=shown.lines, what=what
            )
    return found


_NAMES = {(True, True): "incoming", (True, False): "outgoing", (False, True): "output", (False, False): "input"}
_TITLES = {
    "incoming": "The gradient that arrives …",
    "outgoing": "… is the gradient that goes on",
    "output": "… becomes the output",
    "input": "The input …",
}
_FOLLOWED = "Point at a number here for its terms; a click keeps it."
_SENTENCES = {
    "incoming": "Arrives: how the score changes with the output of {step}.",
    "outgoing": "Goes on: how the score changes with its input, through this step.",
    "output": "The output of {step}.",
    "input": "The input of {step}.",
}
_ABSENT = {True: "No gradient arrives at this step.", False: "No gradient goes on from here."}


def _index(step: BackwardStep, *, at_output: bool) -> tuple[int, ...] | None:
    if step.detail is None:
        return None
    if not at_output:
        return step.detail.index
    return step.detail.terms[0].index if step.detail.terms else None


def _choose_here(shown: Plane, frame: Frame) -> Callable[[Click], None]:
    """A click on the input chooses the number whose terms are listed."""

    def act(click: Click) -> None:
        found = shown.index(click.row, click.column)
        if found is not None:
            address.write(backward_choice.at(frame.count, frame.number, found))

    return act


def _choose_before(
    answer: BackwardAnswer, step: BackwardStep, shown: Plane, count: int
) -> Callable[[Click], None] | None:
    """A click on what arrives leads to the step that it comes from, with the number there."""
    before = backward_choice.consumer(answer, step)
    if before is None:
        return None

    def act(click: Click) -> None:
        found = shown.index(click.row, click.column)
        if found is not None:
            address.write(backward_choice.at(count, before, found))

    return act


def middle(step: BackwardStep, frame: Frame) -> None:
    """What the step does, in words and as a formula."""
    words = backward_words.RULES[step.rule]
    st.markdown("**… times the local derivative …**" if frame.back else f"**… through {plain(step.kind)} …**")
    st.caption(explained(words.back if frame.back else words.forth))
    if frame.back:
        st.markdown(f"$\\displaystyle {words.formula}$")
