"""A picture on a page: the chart, its caption and its formula."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from typing import Literal

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from gradviz_core.drawing.captions import Caption
from gradviz_core.text.glossary import tooltip
from gradviz_core.text.shown_text import visible
from gradviz_core.types import ProofQuestion
from pages.shell import check, meaning, present, sizes
from pages.shell.clicks import Click, Enclosed, on_click
from pages.shell.words import explained, plain

STYLE = """
[class*="st-key-said_"] { container-type: inline-size; overflow: visible !important; }
[class*="st-key-read_"] button { min-height: 0; padding: 0; }
@container (max-width: 30rem) {
  [class*="st-key-read_"] button p { position: absolute; width: 1px; overflow: hidden; clip-path: inset(50%); }
}
"""
"""A sentence does not scroll in itself. Beside a narrow picture the button is an icon; its name is for those who hear
the page."""
_READ = "How to read this"
_QUIET = {"displayModeBar": False, "scrollZoom": True, "doubleClick": "reset"}


def controls(key: str = "controls", alignment: Literal["top", "bottom"] = "bottom") -> DeltaGenerator:
    """A row of controls for the pictures below it; it wraps on a narrow screen. Each row of a page has its own key.
    Aligned at the ``top`` where one of them may have more lines."""
    return st.container(horizontal=True, vertical_alignment=alignment, key=key, gap="small")


def room(key: str) -> DeltaGenerator:
    """Room that is there before anything is in it: the style sheet gives it its height. Streamlit leaves out containers
    that are empty."""
    kept = st.container(key=key, gap="small")
    kept.empty()
    return kept


def header(text: str) -> None:
    """A heading on a page, in the app's own words; what its terms mean is its tooltip."""
    st.header(text, anchor=False, help=tooltip(text))


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart, its caption, and what a click on it does."""

    figure: go.Figure
    caption: Caption
    act: Callable[[Click], None] | None = None
    """Called with each click on it."""
    enclose: Callable[[Enclosed], None] | None = None
    """Called with each rectangle that is drawn over it."""
    alt: str = ""
    """The alternative text; empty for that of the caption."""
    said: bool = True
    """Whether the caption stands below it; False where the page writes it elsewhere."""


def picture(
    shown: Picture, key: str, *, checked: ProofQuestion | None = None, below: Callable[[], None] | None = None
) -> None:
    """Draw the chart, and below it the sentence of its caption. ``checked`` is the question of the check of its
    gradient by finite differences; ``below`` draws what else stands between the two."""
    alt, figure = shown.alt or shown.caption.alt, present.enlarged(shown.figure) if present.on() else shown.figure
    with sizes.room(key, figure), _one_at_a_time():  # a figure takes several times its size while it is encoded
        st.plotly_chart(figure, key=f"chart_{key}", config=_config(key), alt=visible(alt))
    if shown.act is not None:
        on_click(f"chart_{key}", shown.act, shown.enclose)
    if below is not None:
        below()
    if checked is not None:
        check.line(checked)
    if shown.said:
        sentence(shown.caption, key)


@st.cache_resource(show_spinner=False)
def _one_at_a_time() -> threading.Lock:
    return threading.Lock()


def sentence(caption: Caption, key: str) -> None:
    """Write the sentence below the picture of this ``key``, and how to read it; formula and facts stand behind "What is
    this?"."""
    with beside_how_to_read(caption, key):
        st.markdown(explained(caption.sentence))
    meaning.add(caption)


@contextmanager
def beside_how_to_read(caption: Caption, key: str) -> Iterator[None]:
    """Room for a text below the picture of this ``key``; beside it a button shows how to read the picture."""
    with st.container(horizontal=True, wrap=False, key=f"said_{key}", gap="small"):
        yield
        with st.popover(_READ, type="tertiary", icon=":material/eyeglasses_2:", help=_READ, key=f"read_{key}"):
            three_sentences(caption)


def three_sentences(caption: Caption) -> None:
    """How to read the picture of the caption, the last sentence being what it does not show; then what their terms
    mean."""
    sentences = astuple(caption.read)
    st.markdown("\n".join(f"1. {plain(sentence)}" for sentence in sentences))
    terms = tooltip(*sentences)
    if terms:
        st.caption(terms)


def _config(key: str) -> dict[str, object]:
    """One button, which saves the picture as a PNG. ``zoom.py`` says how the wheel zooms; dragging does not, as on a
    phone it scrolls the page."""
    image = {"format": "png", "filename": f"gradviz-{key}", "scale": 2}
    return {
        **_QUIET,
        "displayModeBar": "hover",
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": image,
    }
