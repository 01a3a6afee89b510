"""One place of the photo on Compare: chosen by a click or typed, marked in every map, its values in a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from gradviz_core.drawing import compared, compared_words
from gradviz_core.drawing.captions import number_text
from gradviz_core.drawing.compared import Compared
from gradviz_core.drawing.screen.seen import seen as seen_in
from gradviz_core.types.photo_window import Place
from gradviz_core.types.views import View
from pages.comparing.questions import Asked, Found
from pages.shell import address, asking
from pages.shell.clicks import Click
from pages.shell.parameters import Parameter
from pages.shell.words import plain

NAME = "map_at"
FIELD = "compare_pixel"
"""The key of the field."""
_FIELD_SHOWS = "compare_pixel_shows"
"""Names in the session's state what the field was set to last."""
PARAMETERS = (Parameter(NAME),)
_DIGITS = 6
"""Significant digits of a percentage: enough to tell apart the pixels of the largest picture."""


def chosen() -> Place | None:
    """The chosen place; None if there is none.

    Raises:
        NoSuchChoice: the address names something else.
    """
    text = address.read(NAME)
    if not text:
        return None
    found = [_share(part) for part in text.split(",")]
    if len(found) == 2 and found[0] is not None and found[1] is not None:
        return found[0], found[1]
    rule = "it must be two percentages, from the top and from the left of the photo, such as 25,50"
    raise address.NoSuchChoice(f"{NAME} cannot be {text[:60]!r}: {rule}. Click into a map, or leave it out.", NAME)


def _share(text: str) -> float | None:
    """``25`` as a share below 1; None for anything else."""
    said = text.strip()
    if len(said) > 20 or not said.isascii() or not said.replace(".", "", 1).isdigit():
        return None
    return found if (found := float(said) / 100) < 1 else None


def written(place: Place) -> str:
    """The place as the address has it."""
    return ",".join(f"{100 * share:.{_DIGITS}g}" for share in place)


def field(asked: Asked, at: Place | None) -> None:
    """The field for it: its row and column in the picture of one of the maps."""
    cell = None if at is None else asked.window.cell(at, *asked.size)
    shown = "" if cell is None else f"{cell[0]},{cell[1]}"
    if st.session_state.get(_FIELD_SHOWS) != (shown, asked.size):
        st.session_state[_FIELD_SHOWS] = shown, asked.size
        st.session_state[FIELD] = shown
    meaning = f"Click into a map, or enter row and column in the picture of map {asked.letter}, such as 3,5"
    st.text_input(
        "Pixel", key=FIELD, placeholder="row, column", help=meaning, on_change=_enter, args=(asked,), width=150
    )
    typed = str(st.session_state[FIELD])
    if typed != shown:
        rows, columns = asked.size
        rule = f"it must be a row from 0 to {rows - 1} and a column from 0 to {columns - 1}, such as 3,5"
        asking.say(address.NoSuchChoice(f"Pixel cannot be {typed[:60]!r}: {rule}. Enter another.", NAME))


def _enter(asked: Asked) -> None:
    """Choose the place whose row and column are in the field, or none where the field is empty."""
    typed = str(st.session_state[FIELD])
    numbers = [part.strip() for part in typed.split(",")]
    if not typed.strip():
        address.write({NAME: ""})
    elif len(numbers) == 2 and all(n.isascii() and n.isdigit() and len(n) < 10 for n in numbers):
        row, column = map(int, numbers)
        rows, columns = asked.size
        if row < rows and column < columns:
            address.write({NAME: written(asked.window.middle((row, column), rows, columns))})
            st.session_state[FIELD] = f"{row},{column}"


def click_in(found: Found) -> Callable[[Click], None]:
    """A click on a map chooses the place."""
    size = seen_in(found.answer.arrays).size

    def act(click: Click) -> None:
        if 0 <= click.row < size[0] and 0 <= click.column < size[1]:
            address.write({NAME: written(found.asked.window.middle((click.row, click.column), *size))})

    return act


def table(every: Sequence[tuple[Found, Compared]], view: View, at: Place) -> None:
    """The exact value of each map there."""
    lines = ["| map | row, column | value | unit |", "|:--|:--|--:|:--|"]
    for found, one in every:
        asked, cell = found.asked, one.cell(at)
        name = f"{asked.letter}: {compared_words.title(asked.question.method, asked.info)}"
        where, value = "not in its picture", ""
        if cell is not None:
            where = f"{cell[0]}, {cell[1]}"
            value = number_text(compared.value(found.answer, one, view, cell, asked.info), 4)
        lines.append(f"| {plain(name)} | {where} | {plain(value)} | {plain(one.field.unit)} |")
    with st.container(key="compare_values"):
        st.markdown("\n".join(lines))
