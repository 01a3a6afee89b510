"""The scale of a picture's colours: an upright bar beside it, or one below a strip. Both show the real limits."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from gradviz_core.drawing.captions import number_text
from gradviz_core.text.shown_text import figure_text
from gradviz_core.types import Field

BESIDE, FURTHER_BESIDE = 88, 108
"""Pixels beside a picture for its colour bar, and for one with long numbers."""
LONGEST_TICK, LONGEST_BESIDE = 7, 9
"""Longest number, in characters, that fits under a bar beside four others, and in the smaller room beside a picture."""
LONGEST_UNIT = 48
"""Characters of the unit beside a bar; the caption says it whole."""


def beside(field: Field) -> dict[str, Any]:
    """The scale as an upright bar, right beside the picture."""
    return {
        "thickness": 12,
        "lenmode": "fraction",
        "len": 0.92,
        "x": 1,
        "xanchor": "left",
        "xpad": 8,
        "y": 0.5,
        "outlinewidth": 0,
        "tickfont": {"size": 11},
        "ticklen": 3,
        "ticks": "outside",
        **_ticks(field),
    }


def say_unit(figure: go.Figure, field: Field) -> None:
    """The unit of the upright bar, along it. As its title Plotly would lay it over long numbers."""
    if field.unit and figure.data[-1].showscale is not False:
        figure.add_annotation(
            name="unit",
            text=figure_text(field.unit, LONGEST_UNIT),
            textangle=-90,
            x=1,
            xref="paper",
            xanchor="center",
            xshift=room(field) - 9,
            y=0.5,
            yref="paper",
            yanchor="middle",
            showarrow=False,
            font={"size": 11},
        )


def give_room(figure: go.Figure, pixels: int) -> None:
    """So many pixels for the upright bar and its unit: pictures side by side that have the same are of one size."""
    if figure.layout.margin.r < BESIDE:  # the bar lies below
        return
    figure.layout.margin.r = pixels
    figure.update_annotations({"xshift": pixels - 9}, selector={"name": "unit"})


def below(field: Field) -> dict[str, Any]:
    """The scale as a bar below a strip."""
    marks = _ticks(field)
    if max(map(len, marks["ticktext"])) > LONGEST_TICK:  # they would be turned to fit
        marks = {name: values[::2] for name, values in marks.items()}
    return {
        "orientation": "h",
        "thickness": 12,
        "lenmode": "pixels",
        "len": 230,
        "x": 0.5,
        "xanchor": "center",
        "y": 0,
        "yanchor": "top",
        "ypad": 8,
        "outlinewidth": 0,
        "tickfont": {"size": 12},
        "ticklen": 3,
        "ticks": "outside",
        "title": {"text": figure_text(field.unit), "side": "bottom", "font": {"size": 12}},
        **marks,
    }


def _ticks(field: Field) -> dict[str, Any]:
    """Where the scale has its marks, and what they say."""
    limit = field.limit or 1.0
    ticks = [-limit, -limit / 2, 0.0, limit / 2, limit] if field.signed else [0.0, limit / 2, limit]
    words = [number_text(t) for t in ticks]
    if field.clipped:
        words[-1] = f"≥ {words[-1]}"
        words[0] = f"≤ {words[0]}" if field.signed else words[0]
    return {"tickvals": ticks, "ticktext": words}


def room(field: Field) -> int:
    """Pixels for the upright bar: one of two widths, so that a picture keeps its size while its numbers change."""
    return BESIDE if max(map(len, _ticks(field)["ticktext"])) <= LONGEST_BESIDE else FURTHER_BESIDE
