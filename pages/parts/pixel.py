"""A pixel of the picture: chosen by a click or in words, told in exact numbers, kept for the units that lie over it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from gradviz_core import captions, fields
from gradviz_core.fields import Tiles
from gradviz_core.types import FloatArray, Pixels
from pages.parts import address, panel
from pages.parts.clicks import Click

_NEURONS = "pages/explore/neurons.py"
Pixel = tuple[int, int]
"""Row and column."""


def chosen(pixels: Pixels) -> Pixel | None:
    """The pixel that is chosen, of a picture (H, W, 3); None where none is.

    Raises:
        NoSuchChoice: the address names one outside the picture, or none at all.
    """
    text = address.read("pixel")
    if not text:
        return None
    numbers = [part.strip() for part in text.split(",")]
    rows, columns = pixels.shape[:2]
    if len(numbers) == 2 and all(n.isascii() and n.isdigit() and len(n) < 10 for n in numbers):
        row, column = map(int, numbers)
        if row < rows and column < columns:
            return row, column
    rule = f"it is a row from 0 to {rows - 1} and a column from 0 to {columns - 1}, as 3,5"
    raise address.NoSuchChoice(f"Pixel cannot be {text[:60]!r}: {rule}. Click one, or write another.", "pixel")


def choose(pixels: Pixels) -> Pixel | None:
    """The same, with a field to write it in, and the way to the unit that lies over it.

    Raises:
        NoSuchChoice: as ``chosen``.
    """
    with panel.controls("pixel_controls"):
        with st.container(width=150):
            address.text("Pixel", "pixel", "row, column", "Click one in any picture above, or write it, such as 3,5")
        pixel = chosen(pixels)
        if pixel is None:
            st.caption("Click a pixel of a picture to read its exact numbers.")
        else:
            st.button(
                "The unit over it, on the Neurons page", icon=":material/arrow_forward:", type="tertiary",
                key="over", on_click=address.leave, args=(_NEURONS, dict.fromkeys(("row", "col", "token"), "")),
            )  # fmt: skip
    return pixel


def click(click: Click) -> None:
    """A click on a picture chooses the pixel."""
    _write(click.row, click.column)


def click_tile(sheet: Tiles | None) -> Callable[[Click], None]:
    """A click on one of several pictures of the same pixels chooses the pixel; on one alone where there is no sheet."""

    def act(clicked: Click) -> None:
        cell = sheet.cell(clicked.row, clicked.column) if sheet else (clicked.row, clicked.column)
        if cell is not None:
            _write(*cell)

    return act


def _write(row: int, column: int) -> None:
    if row >= 0 and column >= 0:
        address.write({"pixel": f"{row},{column}"})


# ---------------------------------------------------------------------------------------------------------------- words


def place(pixel: Pixel, pixels: Pixels, name: str = "colour") -> tuple[tuple[str, str], ...]:
    """Where it is, and its colour."""
    row, column = pixel
    return ("pixel", f"row {row}, column {column}"), (name, colour(pixels, pixel))


def colour(pixels: Pixels, pixel: Pixel) -> str:
    """``rgb(12, 34, 56)``."""
    return f"rgb({', '.join(map(str, pixels[pixel]))})"


def slopes(gradient: FloatArray, pixel: Pixel, what: str, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The gradient (1, C, H, W) at the pixel, channel by channel, and what these make of it together."""
    row, column = pixel
    each = [(name, float(value)) for name, value in zip(names, gradient[0, :, row, column], strict=True)]
    if len(each) > 1:
        each += [("sum", float(fields.signed_sum(gradient).values[pixel])),
                 ("L2 norm", float(fields.magnitude_l2(gradient).values[pixel]))]  # fmt: skip
    said = [(name, captions.number_text(value, 4)) for name, value in each]
    return (f"{what}, {said[0][0]}", said[0][1]), *said[1:]
