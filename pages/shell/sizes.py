"""How large a picture is: by the room that the window has for it, and the same before and after its numbers are known.

The style sheet of the app computes it from a few properties, whose usual values it knows: nothing moves when a picture
takes its place. A picture of another shape says so in a style of its own. Other charts have the height
of their figure.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace

import plotly.graph_objects as go
import streamlit as st

from gradviz_core.drawing.colour_bars import BESIDE
from gradviz_core.drawing.outlines import EDGE

WITH_BAR = 1.2
"""How much wider a column is for a picture with a colour bar beside it, to be as large as one without."""
WITH_BAR_OF_THREE = 1.33
"""The same among three."""
LOWEST = 220
"""Pixels; no window makes a picture less high than this."""


@dataclass(frozen=True, slots=True)
class Size:
    """What the size of a picture follows from. Lengths are pixels."""

    ratio: float = 1.0
    """Rows for each column."""
    beside: int = EDGE + BESIDE
    below: int = 2 * EDGE
    """What stands beside and below the cells within the chart."""
    high: int = 500
    """The most, whatever room there is."""
    rest: int = 0
    """How much of the first screen is for what stands above and below it; 0 where it may leave the first screen."""
    phone: int = 10_000
    """The most on a phone."""
    least: int = 0
    """The least across: in a narrower room the picture scrolls sideways."""


_MAIN = Size(rest=320)
USUAL = {
    "image": replace(_MAIN, beside=2 * EDGE, rest=345, phone=240),
    "gradient": replace(_MAIN, rest=345),
    "image2": replace(_MAIN, beside=2 * EDGE, rest=345, phone=240),
    "gradient2": replace(_MAIN, rest=345),
    "activation": replace(_MAIN, rest=345, phone=240),
    "channels": _MAIN,
    "map": _MAIN,
    "channel": replace(_MAIN, phone=240),
    "before": replace(_MAIN, beside=2 * EDGE, phone=140),
    "after": replace(_MAIN, beside=2 * EDGE, phone=140),
    "difference": _MAIN,
    "output": replace(_MAIN, rest=345),
    "arrives": Size(ratio=0.4, high=290),
    "leaves": Size(ratio=0.4, high=290),
}
"""The pictures that are on the first screen of a page, by their keys."""


def _said(size: Size, usual: Size | None = None) -> str:
    """The properties of a size that differ from the ``usual`` one."""
    found = {each.name: getattr(size, each.name) for each in fields(Size)}
    found["rest"] = size.rest or -10_000
    told = {name: f"{value:.4f}" if name == "ratio" else f"{value}px" for name, value in found.items()}
    known = {each.name: getattr(usual, each.name) for each in fields(Size)} if usual else {}
    return " ".join(
        f"--{name}: {text};" for name, text in told.items() if name not in known or known[name] != getattr(size, name)
    )


_MANY = ("cams", "heads")
"""Pictures of many small maps, which may scroll sideways."""
_PICTURE = "[class*=st-key-picture_]"
STYLE = "\n".join(
    [
        f"{_PICTURE} {{ container-type: inline-size; {_said(Size())} }}",
        *(f".st-key-picture_{key} {{ {_said(size, Size())} }}" for key, size in USUAL.items()),
        f"@media (max-width: 767px) {{ {_PICTURE} {{ --high: var(--phone) !important; --rest: -10000px; }} }}",
        f"{_PICTURE} [class*=st-key-chart_] {{",
        f"  --most: max({LOWEST}px, min(var(--high), 100vh - var(--rest)));",
        "  --across: max(100cqw, var(--least));",
        "  --height: min(var(--most), (var(--across) - var(--beside)) * var(--ratio) + var(--below));",
        "  --width: min(var(--across), (var(--height) - var(--below)) / var(--ratio) + var(--beside));",
        "  flex: none !important; height: calc(var(--height)) !important; width: calc(var(--width)) !important;",
        "  min-width: var(--least) !important;",
        "}",
        f"@media (max-width: 767px) {{ {_PICTURE} [class*=st-key-chart_] {{ --most: var(--high); }} }}",
        f":is({', '.join(f'.st-key-picture_{key}' for key in _MANY)}) {{ overflow-x: auto !important; }}",
        f"{_PICTURE} [class*=st-key-chart_] > * {{ height: 100% !important; width: 100% !important; }}",
    ]
)


@contextmanager
def room(key: str, figure: go.Figure) -> Iterator[None]:
    """Room for the chart of this key."""
    told = figure.layout.meta or {}
    ratio = told.get("rows_per_column")
    if not ratio:
        yield
        return
    margin, usual = figure.layout.margin, USUAL.get(key, Size())
    size = replace(
        usual,
        ratio=round(ratio, 4),
        beside=margin.l + margin.r,
        below=margin.t + margin.b,
        high=figure.layout.height,
        least=told.get("least_across", 0),
    )
    if key in USUAL:
        size = replace(size, high=usual.high)
    with st.container(key=f"picture_{key}", gap=None):
        if different := _said(size, usual):
            twice = f".st-key-picture_{key}" * 2  # it counts for more than the style sheet, which comes after it
            st.html(f"<style>{twice} {{ {different} }}</style>")
        yield
