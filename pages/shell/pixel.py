"""A pixel of the picture: chosen by a click or typed, shown in exact values, and the start for choosing a unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import streamlit as st

from gradviz_core.drawing import captions, fields
from gradviz_core.drawing.fields import Tiles
from gradviz_core.drawing.screen import OverInput, Seen
from gradviz_core.types import Blocks, FloatArray
from pages.shell import address, panel, widgets
from pages.shell.clicks import Click
from pages.shell.parameters import Parameter

PARAMETERS = (Parameter("pixel", within=("model",)),)
_NEURONS = "pages/explore/neurons.py"
Pixel = tuple[int, int]
"""Row and column."""


def chosen(size: tuple[int, int]) -> Pixel | None:
    """The chosen pixel of a picture of this size, rows and columns; None if none is chosen.

    Raises:
        NoSuchChoice: the address names a pixel outside the picture, or something that is not a pixel.
    """
    text = address.read("pixel")
    if not text:
        return None
    numbers = [part.strip() for part in text.split(",")]
    rows, columns = size
    if len(numbers) == 2 and all(n.isascii() and n.isdigit() and len(n) < 10 for n in numbers):
        row, column = map(int, numbers)
        if row < rows and column < columns:
            return row, column
    rule = f"it must be a row from 0 to {rows - 1} and a column from 0 to {columns - 1}, such as 3,5"
    raise address.NoSuchChoice(f"Pixel cannot be {text[:60]!r}: {rule}. Click a pixel, or enter another.", "pixel")


def wanted(size: tuple[int, int]) -> Pixel | None:
    """The same, before the field for it is drawn: also None if the address is wrong."""
    with suppress(address.NoSuchChoice):
        return chosen(size)
    return None


def choose(size: tuple[int, int]) -> Pixel | None:
    """The same, with a field for it and a button to the unit at this pixel.

    Raises:
        NoSuchChoice: as ``chosen``.
    """
    with panel.controls("pixel_controls"):
        with st.container(width=150):
            widgets.text(
                "Pixel",
                "pixel",
                "row, column",
                "Click a pixel in any picture above, or enter its row and column, such as 3,5",
            )
        pixel = chosen(size)
        if pixel is None:
            st.caption("Click a pixel in a picture to read its exact values.")
        else:
            st.button(
                "The unit at this pixel on the Neurons page",
                icon=":material/arrow_forward:",
                type="tertiary",
                key="over",
                on_click=address.leave,
                args=(_NEURONS, dict.fromkeys(("row", "col", "token"), "")),
            )
    return pixel


def click(click: Click) -> None:
    """A click on a picture chooses the pixel."""
    _write(click.row, click.column)


def click_over(drawn: OverInput, sheet: Tiles | None = None) -> Callable[[Click], None]:
    """A click on a picture of an array over the input chooses the pixel whose value is drawn there; ``sheet`` is for
    several pictures side by side."""
    if sheet is None:
        return click_in(drawn.blocks)

    def act(clicked: Click) -> None:
        place = sheet.place(clicked.row, clicked.column)
        if place is not None:
            _write(*place)

    return act


def click_in(blocks: Blocks | None) -> Callable[[Click], None]:
    """A click on a picture whose cells are ``blocks`` of pixels chooses the pixel whose value a cell shows, or the
    middle one if the cell is a mean."""
    if blocks is None:
        return click

    def act(clicked: Click) -> None:
        if clicked.row >= 0 and clicked.column >= 0:
            with suppress(IndexError):  # outside the picture
                _write(*blocks.place(*blocks.cell(clicked.row, clicked.column)))

    return act


def _write(row: int, column: int) -> None:
    if row >= 0 and column >= 0:
        address.write({"pixel": f"{row},{column}"})


# ---------------------------------------------------------------------------------------------------------------- words


def location_and_colour(pixel: Pixel, seen: Seen, name: str = "colour") -> tuple[tuple[str, str], ...]:
    """Its row and column, and its colour."""
    row, column = pixel
    return ("pixel", f"row {row}, column {column}"), (name, colour(seen, pixel))


def colour(seen: Seen, pixel: Pixel) -> str:
    """``rgb(12, 34, 56)``."""
    return f"rgb({', '.join(map(str, seen.colour(pixel)))})"


def gradient_facts(gradient: FloatArray, what: str, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The gradient (C,) at the pixel, channel by channel, with its sum and L2 norm."""
    each = [(name, float(value)) for name, value in zip(names, gradient, strict=True)]
    if len(each) > 1:
        here = gradient[:, None, None]
        each += [
            ("sum", float(fields.signed_sum(here).values[0, 0])),
            ("L2 norm", float(fields.magnitude_l2(here).values[0, 0])),
        ]
    said = [(name, captions.number_text(value, 4)) for name, value in each]
    return (f"{what}, {said[0][0]}", said[0][1]), *said[1:]
