"""Charts of what a map is worth: how alike maps are along the layers, and the score as pixels come and go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from gradviz_core.drawing.charts import BROWN, LEGEND
from gradviz_core.drawing.figures import ACCENT, QUIET
from gradviz_core.drawing.trust_words import ORDERS, compared
from gradviz_core.text.shown_text import figure_text
from gradviz_core.types import InsertionAnswer, RandomisedAnswer
from gradviz_core.types.insertion import Order

HEIGHT = 320
_POINTS = {"spearman": (QUIET, "square"), "spearman_absolute": (ACCENT, "circle"), "ssim": (BROWN, "diamond")}
_STROKES: Mapping[Order, tuple[str, str]] = {
    "map": (ACCENT, "solid"),
    "random": (QUIET, "dot"),
    "centre": (BROWN, "dash"),
}


def along_layers(answers: Sequence[RandomisedAnswer], chosen: int) -> go.Figure:
    """How alike the maps are to the map itself, one point for each answer, from the score down; a line marks the layer
    that is ``chosen``."""
    said = [figure_text(answer.changed[-1] or "the model itself") if answer.changed else "none" for answer in answers]
    at = [answer.question.layer for answer in answers]
    return _similarity(answers, at, said, chosen, "layers from the score down")


def along_noise(answers: Sequence[RandomisedAnswer], chosen: float) -> go.Figure:
    """The same over the noise, as a share of the range of the image."""
    at = [100 * answer.question.noise for answer in answers]
    return _similarity(answers, at, [f"noise {size:g} %" for size in at], 100 * chosen, "noise on the image, %")


def _similarity(
    answers: Sequence[RandomisedAnswer], at: Sequence[float], said: Sequence[str], chosen: float, across: str
) -> go.Figure:
    """Points, joined by thin dotted lines: nothing is computed between them."""
    figure = go.Figure()
    for name, label in compared(answers[0].question).items():
        values, (colour, symbol) = [getattr(answer, name) for answer in answers], _POINTS[name]
        figure.add_trace(
            go.Scatter(
                name=label,
                x=at,
                y=values,
                text=list(said),
                mode="lines+markers",
                line={"color": colour, "dash": "dot", "width": 1},
                marker={"size": 7, "symbol": symbol},
                hovertemplate=f"{label}<br>%{{text}}<br><b>%{{y:.4~g}}</b><extra></extra>",
            )
        )
    figure.add_vline(x=chosen, line={"color": QUIET, "width": 1})
    _frame(figure, across, "similarity")
    low = min((value for trace in figure.data for value in trace.y if value == value), default=0.0)
    figure.update_yaxes(range=[min(-0.05, low - 0.05), 1.05])
    return figure


def as_pixels_change(answers: Mapping[Order, InsertionAnswer], curve: str, unit: str) -> go.Figure:
    """The ``insertion`` or ``deletion`` curve of each order of the pixels; both have one axis of scores."""
    figure = go.Figure()
    for order, answer in answers.items():
        colour, dash = _STROKES[order]
        figure.add_trace(
            go.Scatter(
                name=ORDERS[order],
                x=100 * answer.arrays["share"],
                y=answer.arrays[curve],
                mode="lines+markers",
                line={"color": colour, "dash": dash, "width": 2},
                marker={"size": 5},
                hovertemplate=f"{ORDERS[order]}<br>%{{x:.3~g}} %<br><b>%{{y:.4~g}}</b><extra></extra>",
            )
        )
    changed = "pixels of the image inserted, %" if curve == "insertion" else "pixels of the image deleted, %"
    _frame(figure, changed, unit)
    every = np.concatenate([answer.arrays[name] for answer in answers.values() for name in ("insertion", "deletion")])
    low, high = float(np.nanmin(every)), float(np.nanmax(every))
    room = 0.05 * (high - low) or 0.5
    figure.update_yaxes(range=[low - room, high + room])
    return figure


def _frame(figure: go.Figure, across: str, up: str) -> None:
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 8, "r": 8, "t": 56, "b": 8},
        dragmode=False,
        hovermode="closest",
        legend=LEGEND,
        plot_bgcolor="rgba(0,0,0,0)",
    )
    axis = {"fixedrange": True, "tickfont": {"size": 11}, "zeroline": True}
    figure.update_xaxes(axis, title={"text": figure_text(across), "font": {"size": 12}, "standoff": 4})
    figure.update_yaxes(axis, title={"text": figure_text(up), "font": {"size": 12}})
