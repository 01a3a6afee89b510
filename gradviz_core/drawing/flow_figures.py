"""Values along a network -> Plotly figures: lines over sites or parameters, in order of execution. Pure functions, as
in ``figures.py``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from gradviz_core.drawing import log_scale
from gradviz_core.drawing.figures import ACCENT, QUIET
from gradviz_core.drawing.log_scale import LogScale
from gradviz_core.text.shown_text import figure_lines, figure_text
from gradviz_core.types import FloatArray

SECOND = "#c2571a"
"""The colour of the gradient in the model or image that is compared with."""
SECOND_QUIET = "#c9a58c"
_BARS = 0.16
"""Share of the height for the bars under the lines, if there are any."""


@dataclass(frozen=True, slots=True)
class Line:
    """One value for each site or parameter along a network."""

    name: str
    values: FloatArray
    """Shape (N,), drawn as ``log_scale`` says: NaN is a gap."""
    hovers: Sequence[Sequence[str]]
    """The hover of each point, one line for each fact."""
    main: bool = True
    """Drawn in a strong colour; else pale."""
    second: bool = False
    """Belongs to the comparison: dotted, with marks of another shape."""

    @property
    def colour(self) -> str:
        """Of line and marks."""
        if self.second:
            return SECOND if self.main else SECOND_QUIET
        return ACCENT if self.main else QUIET


def along(
    lines: Sequence[Line],
    shares: Sequence[Line] = (),
    *,
    unit: str,
    places: str,
    share_unit: str = "",
    chosen: int | None = None,
    height: int = 430,
) -> go.Figure:
    """Lines along one network or two, on one logarithmic scale; shares (0 to 1) as bars under them.

    Each network fills the width, whatever its number of points: the first is on the left, the last on the right.
    ``chosen`` marks a point of the first network. ``places`` and ``unit`` name the axes.
    """
    figure = go.Figure()
    known = np.concatenate([line.values for line in lines]) if lines else np.zeros(0)
    scale = LogScale.of(known)
    for line in lines:
        figure.add_trace(_scatter(line, scale))
    for number, line in enumerate(shares):
        figure.add_trace(_bars(line, number, len(shares)))
    _axes(figure, scale, bars=bool(shares), unit=unit, places=places, share_unit=share_unit, height=height)
    if chosen is not None and lines:
        count = len(lines[0].values)
        figure.add_vline(x=_positions(count)[chosen], line={"color": ACCENT, "width": 1, "dash": "dot"}, layer="below")
    return figure


def _scatter(line: Line, scale: LogScale) -> go.Scatter:
    values = np.asarray(line.values, dtype=np.float64)
    return go.Scatter(
        x=_positions(len(values)),
        y=scale.heights(values),
        name=figure_text(line.name),
        mode="lines+markers",
        line={"color": line.colour, "width": 2 if line.main else 1, "dash": "dot" if line.second else "solid"},
        marker={
            "size": 7 if line.main else 5,
            "color": line.colour,
            "symbol": log_scale.symbols(values, "diamond" if line.second else "circle"),
        },
        customdata=[figure_lines(texts) for texts in line.hovers],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _bars(line: Line, number: int, count: int) -> go.Bar:
    positions = np.array(_positions(len(line.values)))
    width = 0.7 / max(2, len(positions)) / count
    return go.Bar(
        x=positions + (number - (count - 1) / 2) * width,
        y=100 * np.asarray(line.values, dtype=np.float64),
        width=width,
        name=figure_text(line.name),
        marker={"color": line.colour, "line": {"width": 0}},
        customdata=[figure_lines(texts) for texts in line.hovers],
        hovertemplate="%{customdata}<extra></extra>",
        yaxis="y2",
        showlegend=False,
    )


def _axes(
    figure: go.Figure, scale: LogScale, *, bars: bool, unit: str, places: str, share_unit: str, height: int
) -> None:
    ticks = scale.ticks
    across, up, share = map(figure_text, (places, unit, share_unit))
    small, quiet = {"size": 11}, {"size": 12}
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        dragmode=False,
        hovermode="closest",
        plot_bgcolor="rgba(0,0,0,0)",
        bargap=0,
        barmode="overlay",
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.01,
            "yanchor": "bottom",
            "font": quiet,
            "itemclick": False,
            "itemdoubleclick": False,
        },
    )
    figure.update_xaxes(
        title={"text": across, "font": quiet, "standoff": 4},
        showticklabels=False,
        showgrid=False,
        zeroline=False,
        fixedrange=True,
        range=[-0.02, 1.02],
        anchor="y2" if bars else "y",
    )
    figure.update_layout(
        yaxis={
            "type": "log",
            "tickvals": ticks,
            "ticktext": [log_scale.tick_text(t) for t in ticks],
            "fixedrange": True,
            "tickfont": small,
            "title": {"text": up, "font": quiet},
            "domain": [_BARS + 0.06 if bars else 0, 1],
            "range": [float(np.log10(scale.floor)) - 0.08, float(np.log10(scale.top)) + 0.12],
        }
    )
    if bars:
        figure.update_layout(
            yaxis2={
                "domain": [0, _BARS],
                "range": [0, 100],
                "tickvals": [0, 100],
                "fixedrange": True,
                "tickfont": small,
                "title": {"text": share, "font": quiet},
                "zeroline": False,
            }
        )


def _positions(count: int) -> list[float]:
    return [i / max(1, count - 1) for i in range(count)]
