"""Pictures of lessons -> Plotly figures and their words. Pure functions, as in ``figures.py``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from gradviz_core.drawing import fields, figures, how_to_read
from gradviz_core.drawing.captions import Caption, number_text, scale_text
from gradviz_core.drawing.charts import LEGEND
from gradviz_core.drawing.figures import ACCENT, QUIET
from gradviz_core.drawing.outlines import BAR
from gradviz_core.text.shown_text import figure_text
from gradviz_core.types import Field, FloatArray
from gradviz_core.types.lesson_cards import Picture

COLOURS = (QUIET, ACCENT, "#b5651d")
DASHES = ("solid", "dash", "dot")
PALE = 0.35
"""Opacity of bars that are there to compare with."""
WIDTH = 380
"""Pixels that a picture is likely to have across."""
MOST_READ_OUT = 12
"""Values of a set of bars that its alternative text still names."""


def draw(picture: Picture, arrays: Sequence[FloatArray]) -> go.Figure:
    """The picture of ``arrays``, which are those that it names, in its order."""
    match picture.kind:
        case "heatmap":
            field, places = _field(picture, arrays), _places(picture, arrays[0].shape)
            rows, columns = arrays[0].shape
            return figures.heatmap(field, places=places, height=round(WIDTH * min(1.0, rows / columns)) + BAR)
        case "tiles":
            maps = arrays[0][0]
            sheet = fields.tile(maps, range(len(maps)), signed=True, unit=picture.unit)
            return figures.tiles(sheet, width=WIDTH)
        case "bars":
            return _bars(picture, arrays)
        case "lines":
            return _lines(picture, arrays)


def caption(picture: Picture, arrays: Sequence[FloatArray]) -> Caption:
    """The picture's words, its unit, and what its axes count."""
    axes = [f"across: {picture.across}"] if picture.across else []
    axes += [f"down: {picture.down}"] if picture.down else []
    scale = [scale_text(_field(picture, arrays))] if picture.kind in ("heatmap", "tiles") else []
    return Caption(picture.caption, "", (picture.unit, *axes, *scale), how_to_read.lesson(picture.kind))


def alt(picture: Picture, arrays: Sequence[FloatArray]) -> str:
    """The picture for those who do not see it; short sets of bars with their values."""
    said = f"{picture.title}. {caption(picture, arrays).alt}"
    if picture.kind != "bars" or arrays[0].size > MOST_READ_OUT:
        return said
    sets = zip(picture.labels, arrays, strict=True)
    return " ".join([said, *(f"{label}: {', '.join(map(_read_out, array.ravel()))}." for label, array in sets)])


def _read_out(value: np.floating) -> str:
    return "None" if np.isnan(value) else number_text(float(value))


def _field(picture: Picture, arrays: Sequence[FloatArray]) -> Field:
    values = arrays[0].reshape(-1, arrays[0].shape[-1])
    return fields.field(values, signed=True, unit=picture.unit)


def _places(picture: Picture, shape: tuple[int, ...]) -> np.ndarray:
    rows, columns = shape
    names = [[f"{picture.down} {row}, {picture.across} {column}" for column in range(columns)] for row in range(rows)]
    return np.array(names)


def _bars(picture: Picture, arrays: Sequence[FloatArray]) -> go.Figure:
    """Sets of bars beside each other; a gap says None."""
    figure = go.Figure()
    names = list(map(figure_text, picture.ticks or [str(i) for i in range(arrays[0].size)]))
    across = figure_text(picture.across)
    for label, array, of, colour in zip(
        map(figure_text, picture.labels), arrays, picture.arrays, _colours(picture), strict=True
    ):
        figure.add_trace(
            go.Bar(
                name=label,
                x=names,
                y=array.ravel(),
                marker_color=colour,
                opacity=PALE if of in picture.pale else 1,
                hovertemplate=f"{label}, {across} %{{x}}<br><b>%{{y:.4~g}}</b><extra></extra>",
            )
        )
    for name, value in zip(names, arrays[0].ravel(), strict=True):
        if np.isnan(value):
            figure.add_annotation(x=name, y=0, text="None", showarrow=False, yshift=10, font={"size": 12})
    _frame(figure, picture, legend=len(arrays) > 1)
    figure.update_layout(bargap=0.3)
    figure.update_xaxes(type="category")
    return figure


def _lines(picture: Picture, arrays: Sequence[FloatArray]) -> go.Figure:
    figure = go.Figure()
    across, *others = arrays
    labels = map(figure_text, picture.labels)
    for label, array, colour, dash in zip(labels, others, reversed(COLOURS), DASHES, strict=False):
        figure.add_trace(
            go.Scatter(
                name=label,
                x=across.ravel(),
                y=array.ravel(),
                mode="lines+markers",
                marker={"size": 5},
                line={"color": colour, "dash": dash, "width": 2},
                hovertemplate=f"{label} at %{{x:.4~g}}<br><b>%{{y:.4~g}}</b><extra></extra>",
            )
        )
    _frame(figure, picture, legend=True)
    return figure


def _colours(picture: Picture) -> tuple[str, ...]:
    count = len(picture.arrays)
    return count * (ACCENT,) if picture.pale or count == 1 else COLOURS[:count]


def _frame(figure: go.Figure, picture: Picture, *, legend: bool) -> None:
    figure.update_layout(
        height=260,
        margin={"l": 8, "r": 8, "t": 36 if legend else 12, "b": 8},
        dragmode=False,
        hovermode="closest",
        legend=LEGEND,
        showlegend=legend,
        plot_bgcolor="rgba(0,0,0,0)",
    )
    axis = {"fixedrange": True, "tickfont": {"size": 11}, "zeroline": True}
    figure.update_xaxes(
        axis, title={"text": figure_text(picture.across), "font": {"size": 12}, "standoff": 4}, showgrid=False
    )
    figure.update_yaxes(axis, title={"text": figure_text(picture.unit), "font": {"size": 12}})
