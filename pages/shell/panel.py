"""A picture on a page: the chart, its words, its formula."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.drawing.captions import Caption
from gradviz_core.drawing.outlines import BAR
from gradviz_core.text.shown_text import visible
from gradviz_core.types import ProofQuestion
from pages.shell import check
from pages.shell.clicks import Click, Enclosed, on_click
from pages.shell.words import plain

_QUIET = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}


def controls(key: str = "controls") -> DeltaGenerator:
    """A row for what can be changed about the pictures under it; it wraps where the screen is narrow. Each row of a
    page has a key of its own."""
    return st.container(horizontal=True, vertical_alignment="bottom", key=key, gap="medium")


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart, its words, and what a click on it does."""

    figure: go.Figure
    caption: Caption | None
    """What stands under it, where it is not said elsewhere."""
    act: Callable[[Click], None] | None = None
    """Called with each click on it."""
    enclose: Callable[[Enclosed], None] | None = None
    """Called with each rectangle that is drawn over it."""
    alt: str = ""
    """One line for those who do not see it; empty takes the caption's."""


def picture(shown: Picture, key: str, *, checked: ProofQuestion | None = None) -> None:
    """The chart, and under it its caption. ``checked`` is what finite differences are asked of the gradient that it
    shows."""
    alt = shown.alt or (shown.caption.alt if shown.caption else "")
    with _one_at_a_time():  # a figure takes several times its size while it becomes text
        st.plotly_chart(shown.figure, key=f"chart_{key}", config=_config(key), alt=visible(alt))
    _fit_phone(key, shown.figure)
    if shown.act is not None:
        on_click(f"chart_{key}", shown.act, shown.enclose)
    if checked is not None:
        check.line(checked)
    if shown.caption is not None:
        words(shown.caption)


@st.cache_resource(show_spinner=False)
def _one_at_a_time() -> threading.Lock:
    return threading.Lock()


def _fit_phone(key: str, figure: go.Figure) -> None:
    """On a phone a picture is narrower than its height was made for: take away the empty room above it."""
    made_for = (figure.layout.meta or {}).get("width")
    if made_for:
        ratio = (figure.layout.height - BAR) / made_for
        less, chart = f"min(0px, calc((100vw - 2.2rem - {made_for}px) * {ratio:.3f}))", f".st-key-chart_{key}"
        inner, outer = f"{chart} > * {{ margin-top: {less} }}", f"{chart} {{ overflow: hidden; margin-bottom: {less} }}"
        st.html(f"<style>@media (max-width: 640px) {{ {inner} {outer} }}</style>")


def words(caption: Caption) -> None:
    """A sentence, then formula and facts."""
    st.markdown(plain(caption.sentence))
    if caption.formula:
        st.markdown(f"$\\displaystyle {caption.formula}$")
    st.caption(plain(" · ".join(caption.facts)))


def _config(key: str) -> dict[str, object]:
    """One button, which keeps the picture as a PNG; no zoom, for a drag on a phone is a scroll."""
    image = {"format": "png", "filename": f"gradviz-{key}", "scale": 2}
    return {
        **_QUIET,
        "displayModeBar": "hover",
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": image,
    }
