"""The difference of two maps on Compare, and how alike each two are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import streamlit as st

from gradviz_core.drawing import cam_figures, compared, compared_words, figures
from gradviz_core.drawing.captions import share_text
from gradviz_core.drawing.compared import Compared, Pair
from gradviz_core.drawing.screen.seen import seen as seen_in
from gradviz_core.types.photo_window import Place
from pages.comparing import places, slots
from pages.comparing.pictures import HEIGHT, KEY_OF_DIFFERENCE, THROUGH
from pages.comparing.questions import Found
from pages.shell import panel, widgets
from pages.shell.panel import Picture
from pages.shell.parameters import Parameter
from pages.shell.words import plain

DIFFERENCE, STRONGEST = "map_difference", "map_strongest"
PARAMETERS = (
    Parameter(DIFFERENCE, while_it_fits=tuple(parameter.name for parameter in slots.PARAMETERS)),
    Parameter(STRONGEST),
)


def difference(every: Sequence[tuple[Found, Compared]], opacity: float, at: Place | None) -> str:
    """Draw the difference of the two maps that are chosen; returns which, ``B-A``, and nothing where there is none.

    Raises:
        NoSuchChoice: the address names two that have none.
    """
    maps = {one.letter: (found, one) for found, one in every}
    two = [
        (first, second)
        for (first, (_, one)), (second, (_, other)) in combinations(maps.items(), 2)
        if compared.have_a_difference(one, other)
    ]
    if not two:
        st.caption(compared_words.NO_DIFFERENCE)
        return ""
    chosen = widgets.option("Pair", DIFFERENCE, {f"{b}-{a}": f"{b} \N{MINUS SIGN} {a}" for a, b in two})
    second, _, first = chosen.partition("-")
    (found, one), (theirs, other) = maps[first], maps[second]
    field = compared.difference(one, other)
    titles = [compared_words.title(each.asked.question.method, each.asked.info) for each in (found, theirs)]
    words = compared_words.difference(one, other, field, titles[0], titles[1])
    seen, cell = seen_in(found.answer.arrays), None if at is None else one.window.cell(at, *field.values.shape)
    if one.size == seen.size:
        figure = figures.heatmap(field, pixels=seen.pixels, opacity=opacity, cross=cell, height=HEIGHT)
    else:
        tokens = found.answer.tokens or theirs.answer.tokens
        figure = cam_figures.over_image(
            field,
            seen,
            opacity=opacity * THROUGH,
            chosen=cell,
            centres=tokens.centres if tokens is not None else None,
            smooth=tokens is None,
            height=HEIGHT,
        )
    panel.picture(Picture(figure, words, places.click_in(found)), KEY_OF_DIFFERENCE)
    return chosen


def strongest() -> int:
    """How many percent of the places count as the strongest."""
    meaning = "The share of all places, those with the largest magnitudes, whose overlap is measured"
    return widgets.slider("Strongest", STRONGEST, range(1, 51), 10, meaning, unit="%", width=190)


def table(pairs: Sequence[Pair], percent: int) -> None:
    """How alike each two are."""
    head = ["maps", "rank correlation", "of magnitudes", f"overlap of strongest {percent} %", "compared on"]
    lines = [f"| {' | '.join(head)} |", "|:--|--:|--:|--:|:--|"]
    for pair in pairs:
        numbers = [_number(pair.values), _number(pair.magnitudes), _share(pair.overlap)]
        lines.append(f"| {' | '.join([f'{pair.first}, {pair.second}', *map(plain, numbers), _grid(pair)])} |")
    with st.container(key="compare_likeness"):
        st.markdown("\n".join(lines))
    panel.sentence(compared_words.likeness(percent), "map_likeness")


def _grid(pair: Pair) -> str:
    if not pair.of_one_image:
        return "nothing: two images"
    return f"{pair.rows}×{pair.columns} cells" if pair.rows else "nothing"


def _number(value: float) -> str:
    return "–" if value != value else f"{round(value, 2) + 0:.2f}".replace("-", "\N{MINUS SIGN}")


def _share(value: float) -> str:
    return "–" if value != value else share_text(value)
