"""A pixel of the picture: chosen by a click or in words, told in exact numbers, kept for the units that lie over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import streamlit as st

from gradviz_core.drawing import captions, fields
from gradviz_core.drawing.fields import Tiles
from gradviz_core.drawing.screen import OverInput, Seen
from gradviz_core.types import Blocks, FloatArray
from pages.shell import address, panel
from pages.shell.clicks import Click
from pages.shell.parameters import Parameter

PARAMETERS = (Parameter("pixel", within=("model",)),)
_NEURONS = "pages/explore/neurons.py"
Pixel = tuple[int, int]
"""Row and column."""


def chosen(size: tuple[int, int]) -> Pixel | None:
    """The pixel that is chosen, of a picture of so many rows and columns; None where none is.

    Raises:
        NoSuchChoice: the address names one outside the picture, or none at all.
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
    rule = f"it is a row from 0 to {rows - 1} and a column from 0 to {columns - 1}, such as 3,5"
    raise address.NoSuchChoice(f"Pixel cannot be {text[:60]!r}: {rule}. Click one, or write another.", "pixel")


def wanted(size: tuple[int, int]) -> Pixel | None:
    """The same, before there is a field to write it in: None also where the address names none that is there."""
    with suppress(address.NoSuchChoice):
        return chosen(size)
    return None


def choose(size: tuple[int, int]) -> Pixel | None:
    """The same, with a field to write it in, and the way to the unit that lies over it.

    Raises:
        NoSuchChoice: as ``chosen``.
    """
    with panel.controls("pixel_controls"):
        with st.container(width=150):
            address.text("Pixel", "pixel", "row, column", "Click one in any picture above, or write it, such as 3,5")
        pixel = chosen(size)
        if pixel is None:
            st.caption("Click a pixel of a picture to read its exact numbers.")
        else:
            st.button(
                "The unit over it, on the Neurons page",
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
    """A click on a picture of an array over the input chooses the pixel whose number is drawn there; so does one on one
    of several pictures side by side, where there is a ``sheet`` of them."""
    if sheet is None:
        return click_in(drawn.blocks)

    def act(clicked: Click) -> None:
        place = sheet.place(clicked.row, clicked.column)
        if place is not None:
            _write(*place)

    return act


def click_in(blocks: Blocks | None) -> Callable[[Click], None]:
    """A click on a picture whose cells stand for ``blocks`` of pixels chooses the pixel whose number a cell shows, or
    the middle one where it is a mean."""
    if blocks is None:
        return click

    def act(clicked: Click) -> None:
        if clicked.row >= 0 and clicked.column >= 0:
            with suppress(IndexError):  # beside the picture
                _write(*blocks.place(*blocks.cell(clicked.row, clicked.column)))

    return act


def _write(row: int, column: int) -> None:
    if row >= 0 and column >= 0:
        address.write({"pixel": f"{row},{column}"})


# ---------------------------------------------------------------------------------------------------------------- words


def place(pixel: Pixel, seen: Seen, name: str = "colour") -> tuple[tuple[str, str], ...]:
    """Where it is, and its colour."""
    row, column = pixel
    return ("pixel", f"row {row}, column {column}"), (name, colour(seen, pixel))


def colour(seen: Seen, pixel: Pixel) -> str:
    """``rgb(12, 34, 56)``."""
    return f"rgb({', '.join(map(str, seen.colour(pixel)))})"


def slopes(gradient: FloatArray, what: str, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The gradient (C,) at the pixel, channel by channel, and what these make of it together."""
    each = [(name, float(value)) for name, value in zip(names, gradient, strict=True)]
    if len(each) > 1:
        here = gradient[:, None, None]
        each += [
            ("sum", float(fields.signed_sum(here).values[0, 0])),
            ("L2 norm", float(fields.magnitude_l2(here).values[0, 0])),
        ]
    said = [(name, captions.number_text(value, 4)) for name, value in each]
    return (f"{what}, {said[0][0]}", said[0][1]), *said[1:]
