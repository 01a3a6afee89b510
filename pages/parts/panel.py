"""A picture on a page: the chart, its words, its formula; and what can be downloaded of it."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.captions import Caption, score_words
from gradviz_core.codec import answer_to_json, question_to_json
from gradviz_core.figures import BAR
from gradviz_core.shown_text import figure_lines, visible
from gradviz_core.sites import in_words
from gradviz_core.types import (
    FlowAnswer,
    GradientAnswer,
    JacobianAnswer,
    PerturbationAnswer,
    ProofQuestion,
    SpectrumAnswer,
    UnitsAnswer,
)
from pages.parts import check
from pages.parts.clicks import Click, Enclosed, on_click
from pages.parts.words import plain

Downloadable = GradientAnswer | UnitsAnswer | FlowAnswer | PerturbationAnswer | JacobianAnswer | SpectrumAnswer
"""Answers whose pictures and arrays can be kept."""

_QUIET = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}


def controls(key: str = "controls") -> DeltaGenerator:
    """A row for what can be changed about the pictures under it; it wraps where the screen is narrow. Each row of a
    page has a key of its own."""
    return st.container(horizontal=True, vertical_alignment="bottom", key=key, gap="medium")


def picture(
    figure: go.Figure,
    key: str,
    *,
    alt: str,
    caption: Caption | None = None,
    act: Callable[[Click], None] | None = None,
    enclose: Callable[[Enclosed], None] | None = None,
    checked: ProofQuestion | None = None,
) -> None:
    """The chart, and under it its caption. ``act`` is called with each click on it, ``enclose`` with each rectangle
    that is drawn over it; ``checked`` is what finite differences are asked of the gradient that it shows."""
    st.plotly_chart(figure, key=f"chart_{key}", config=_config(key), alt=visible(alt))
    _fit_phone(key, figure)
    if act is not None:
        on_click(f"chart_{key}", act, enclose)
    if checked is not None:
        check.line(checked)
    if caption is not None:
        words(caption)


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
    return {**_QUIET, "displayModeBar": "hover", "displaylogo": False, "modeBarButtons": [["toImage"]],
            "toImageButtonOptions": image}  # fmt: skip


def downloads(
    place: DeltaGenerator,
    figures: dict[str, go.Figure],
    answer: Downloadable,
    name: str,
    checked: ProofQuestion | None = None,
) -> None:
    """One place for all that can be kept: each figure as PNG or as a page of its own, and the raw arrays.

    ``figures`` are those on the page, by their key. Files are made when they are asked for, and say by then what the
    check of the gradient has found.
    """
    with place.popover("Download", icon=":material/download:"):
        for key, figure in figures.items():
            _keep_png(key)
            file = f"gradviz-{name}-{key}.html"
            st.download_button(
                f"{key.capitalize()} (HTML)", _page_of(figure, key, answer, checked), file_name=file, mime="text/html",
                on_click="ignore", key=f"html_{key}", width="stretch",
            )  # fmt: skip
        st.download_button(
            "Raw arrays (npz)", _arrays_of(answer, checked), file_name=f"gradviz-{name}.npz",
            mime="application/octet-stream", on_click="ignore", key="npz", width="stretch",
        )  # fmt: skip


def _title(key: str, answer: Downloadable, checked: ProofQuestion | None) -> list[str]:
    """What a figure shows, for when it stands alone, in lines."""
    if isinstance(answer, UnitsAnswer):
        what = "the strongest channels"
    elif isinstance(answer, JacobianAnswer | SpectrumAnswer):
        what = f"{in_words(answer.question.of)} by {in_words(answer.question.wrt)}"
    else:
        what = score_words(answer.target, ())
    lines = [f"GradViz: {key}, {what}", f"{answer.question.model}, {answer.question.image}"]
    return [*lines, check.words(checked)] if checked else lines


def _page_of(figure: go.Figure, key: str, answer: Downloadable, checked: ProofQuestion | None) -> Callable[[], bytes]:
    def make() -> bytes:
        titled, title = go.Figure(figure), _title(key, answer, checked)
        more = 20 + 20 * len(title)
        room = (figure.layout.margin.t or 0) + more
        titled.update_layout(title={"text": figure_lines(title), "font": {"size": 15}}, margin={"t": room})
        if figure.layout.height:
            titled.update_layout(height=figure.layout.height + more)
        return str(titled.to_html(include_plotlyjs=True)).encode()

    return make


def _arrays_of(answer: Downloadable, checked: ProofQuestion | None) -> Callable[[], bytes]:
    def make() -> bytes:
        buffer = io.BytesIO()
        said = {"question": question_to_json(answer.question), "answer": answer_to_json(answer)}
        if checked is not None:
            said["check"] = check.receipt(checked)
        texts = {name: np.array(text) for name, text in said.items()}
        np.savez_compressed(buffer, allow_pickle=False, **texts, **dict(answer.arrays))
        return buffer.getvalue()

    return make


_JS = """
export default function ({ data, parentElement }) {
  const button = parentElement.querySelector("button");
  button.textContent = data.label;
  button.onclick = () => document.querySelector(`.st-key-${data.chart} .modebar-btn`)?.click();
}
"""
_CSS = """
button { width: 100%; min-height: 2.5rem; font: inherit; font-size: 0.875rem; cursor: pointer;
  color: var(--st-text-color); background: transparent; border: 1px solid var(--st-border-color);
  border-radius: var(--st-button-radius); }
button:hover, button:focus-visible { border-color: var(--st-primary-color); color: var(--st-primary-color); }
"""
_png = st.components.v2.component("gradviz_png", html="<button type='button'></button>", js=_JS, css=_CSS)


def _keep_png(key: str) -> None:
    """A button that presses the chart's own: the picture is made in the browser, as it looks there."""
    _png(key=f"png_{key}", data={"chart": f"chart_{key}", "label": f"{key.capitalize()} (PNG)"})
