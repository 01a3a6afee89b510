"""Fields -> files of pictures without a browser: PNG through Pillow, and SVG with its colour bar and its words.

The colours are those of the figures: the same scales, white or dark at zero, clipped at the same limit. Every cell is a
square of whole pixels, and a gap (NaN) is transparent.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import cache
from html import escape
from textwrap import wrap

import numpy as np
import numpy.typing as npt
import plotly.colors
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from gradviz_core.drawing.captions import number_text
from gradviz_core.types import Field, colour_scales

SIDE = 448
"""The longer side of a PNG has at least half as many pixels, and more where the field has more cells."""
_BAR, _GAP, _LINE, _FONT = 14, 10, 16, 12
_LETTERS = 6.2
"""Width of a letter, on average, in pixels."""

Colours = npt.NDArray[np.uint8]


def coloured(field: Field) -> Colours:
    """The colour of each cell, (H, W, 4): red, green, blue and opacity."""
    places, colours = _stops(field.signed)
    values = field.values.astype(np.float64)
    known = ~np.isnan(values)
    limit = field.limit or 1.0
    share = np.where(known, values, 0.0) / limit
    share = np.clip((share + 1) / 2 if field.signed else share, 0.0, 1.0)
    mixed = [np.interp(share, places, colours[:, part]) for part in range(3)]
    return np.stack([*np.rint(mixed), np.where(known, 255.0, 0.0)], axis=2).astype(np.uint8)


def png(field: Field, words: dict[str, str]) -> bytes:
    """The field as a PNG, each cell a square of so many pixels that it can be looked at. ``words`` lie in the file as
    texts by name."""
    times = max(1, SIDE // max(field.values.shape))
    return _png(coloured(field).repeat(times, axis=0).repeat(times, axis=1), words)


def svg(field: Field, lines: Sequence[str], *, cells: bool = True) -> bytes:
    """The field as an SVG: the picture, a colour bar with its ends and unit, and ``lines`` below it as text.

    ``cells`` writes the numbers of the first and the last row and column beside it.
    """
    rows, columns = field.values.shape
    scale = SIDE / max(rows, columns)
    wide, high = columns * scale, rows * scale
    left = top = 2 * _LINE if cells else _GAP
    picture = base64.b64encode(_png(coloured(field), {})).decode("ascii")
    words = [part for line in lines for part in wrap(line, max(30, int((wide + 90) / _LETTERS)))]
    width, height = left + wide + _GAP + _BAR + 90, top + max(high, 90) + _LINE * (len(words) + 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" font-family="Arial, sans-serif" font-size="{_FONT}" fill="#31333f">',
        f"<title>{escape(lines[0] if lines else 'Map')}</title>",
        f'<image x="{left:g}" y="{top:g}" width="{wide:g}" height="{high:g}" preserveAspectRatio="none" '
        f'style="image-rendering: pixelated" href="data:image/png;base64,{picture}"/>',
        *(_ends_of_axes(rows, columns, scale, left, top) if cells else ()),
        *_colour_bar(field, left + wide + _GAP, top, max(high, 90)),
        *(
            _text(left, top + max(high, 90) + _LINE * (number + 2), words[number], "start")
            for number in range(len(words))
        ),
        "</svg>",
    ]
    return "\n".join(parts).encode()


def _ends_of_axes(rows: int, columns: int, scale: float, left: float, top: float) -> list[str]:
    across = [_text(left + (place + 0.5) * scale, top - 5, str(place), "middle") for place in {0, columns - 1}]
    down = [_text(left - 5, top + (place + 0.5) * scale + 4, str(place), "end") for place in {0, rows - 1}]
    return [*sorted(across), *sorted(down)]


def _colour_bar(field: Field, x: float, y: float, high: float) -> list[str]:
    places, colours = _stops(field.signed)
    stops = "".join(
        f'<stop offset="{1 - place:g}" stop-color="rgb({red:g},{green:g},{blue:g})"/>'
        for place, (red, green, blue) in reversed([*zip(places.tolist(), colours.tolist(), strict=True)])
    )
    ends = [field.limit, 0.0, -field.limit] if field.signed else [field.limit, 0.0]
    return [
        f'<linearGradient id="scale" x1="0" x2="0" y1="0" y2="1">{stops}</linearGradient>',
        f'<rect x="{x:g}" y="{y:g}" width="{_BAR}" height="{high:g}" fill="url(#scale)"/>',
        *(
            _text(x + _BAR + 5, y + high * place / (len(ends) - 1) + 4, number_text(end), "start")
            for place, end in enumerate(ends)
        ),
        *([_text(x + _BAR, y + high + _LINE, field.unit, "end")] if field.unit else []),
    ]


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'


def _png(pixels: Colours, words: dict[str, str]) -> bytes:
    told, buffer = PngInfo(), io.BytesIO()
    for name, text in words.items():
        told.add_itxt(name, text)
    Image.fromarray(pixels, "RGBA").save(buffer, "PNG", pnginfo=told)
    return buffer.getvalue()


@cache
def _stops(signed: bool) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Where the colours of a scale lie from 0 to 1, and their red, green and blue."""
    name = (colour_scales.DIVERGING if signed else colour_scales.SEQUENTIAL).name
    places, colours = zip(*plotly.colors.get_colorscale(name), strict=True)
    numbers = [plotly.colors.unlabel_rgb(one) if one.startswith("rgb") else _of_hex(one) for one in colours]
    return np.array(places, np.float64), np.array(numbers, np.float64)


def _of_hex(colour: str) -> tuple[int, ...]:
    found: tuple[int, ...] = plotly.colors.hex_to_rgb(colour)
    return found
