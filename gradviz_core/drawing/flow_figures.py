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
_BARS = 0.2
"""Share of the height for the bars under the lines, if there are any."""
_APART = 0.02
"""Share of the width from the middle to each of two panels."""
_TOPS = (1, 2, 5, 10, 20, 50, 100)
"""Where the scale of the shares may end, in percent."""


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
    """Belongs to the comparison: in a panel of its own, with marks of another shape."""

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
    """Lines along one network, or along two in two panels, on one logarithmic scale; shares (0 to 1) as bars under
    them, on one scale that ends just above the largest.

    Each network fills the width of its panel, however many points it has.
    ``chosen`` marks a point of the first network. ``places`` and ``unit`` name the axes.
    """
    figure = go.Figure()
    panels = 2 if any(line.second for line in lines) else 1
    known = np.concatenate([line.values for line in lines]) if lines else np.zeros(0)
    scale = LogScale.of(known)
    for line in lines:
        figure.add_trace(_scatter(line, scale))
    for line in shares:
        figure.add_trace(_bars(line))
    _across(figure, panels, bars=bool(shares), places=places, height=height)
    _up(figure, scale, shares, unit=unit, share_unit=share_unit)
    if chosen is not None and lines:
        count = len(lines[0].values)
        figure.add_vline(x=positions(count)[chosen], line={"color": ACCENT, "width": 1, "dash": "dot"}, layer="below")
    return figure


def _scatter(line: Line, scale: LogScale) -> go.Scatter:
    values = np.asarray(line.values, dtype=np.float64)
    return go.Scatter(
        x=positions(len(values)),
        y=scale.heights(values),
        name=figure_text(line.name),
        mode="lines+markers",
        xaxis="x2" if line.second else "x",
        line={"color": line.colour, "width": 2 if line.main else 1},
        marker={
            "size": 7 if line.main else 5,
            "color": line.colour,
            "symbol": log_scale.symbols(values, "diamond" if line.second else "circle"),
        },
        customdata=[figure_lines(texts) for texts in line.hovers],
        hovertemplate="%{customdata}<extra></extra>",
    )


def _bars(line: Line) -> go.Bar:
    return go.Bar(
        x=positions(len(line.values)),
        y=100 * np.asarray(line.values, dtype=np.float64),
        width=0.7 / max(2, len(line.values)),
        name=figure_text(line.name),
        marker={"color": line.colour, "line": {"width": 0}},
        customdata=[figure_lines(texts) for texts in line.hovers],
        hovertemplate="%{customdata}<extra></extra>",
        xaxis="x2" if line.second else "x",
        yaxis="y2",
        showlegend=False,
    )


def _across(figure: go.Figure, panels: int, *, bars: bool, places: str, height: int) -> None:
    """The panels beside each other."""
    quiet = {"size": 12}
    legend = {"orientation": "h", "x": 0, "y": 1.01, "yanchor": "bottom", "font": quiet}
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        dragmode=False,
        hovermode="closest",
        plot_bgcolor="rgba(0,0,0,0)",
        bargap=0,
        barmode="overlay",
        legend={**legend, "itemclick": False, "itemdoubleclick": False},
    )
    domains = [[0.0, 1.0]] if panels == 1 else [[0.0, 0.5 - _APART], [0.5 + _APART, 1.0]]
    for name, domain in zip(("xaxis", "xaxis2"), domains, strict=False):
        figure.update_layout(
            {
                name: {
                    "title": {"text": figure_text(places), "font": quiet, "standoff": 4},
                    "domain": domain,
                    "showticklabels": False,
                    "showgrid": False,
                    "zeroline": False,
                    "fixedrange": True,
                    "range": [-0.02, 1.02],
                    "anchor": "y2" if bars else "y",
                }
            }
        )


def _up(figure: go.Figure, scale: LogScale, shares: Sequence[Line], *, unit: str, share_unit: str) -> None:
    """The scale that all panels have in common, and that of the shares."""
    ticks, small, quiet = scale.ticks, {"size": 11}, {"size": 12}
    figure.update_layout(
        yaxis={
            "type": "log",
            "tickvals": ticks,
            "ticktext": [log_scale.tick_text(t) for t in ticks],
            "fixedrange": True,
            "tickfont": small,
            "title": {"text": figure_text(unit), "font": quiet},
            "domain": [_BARS + 0.06 if shares else 0, 1],
            "range": [float(np.log10(scale.floor)) - 0.08, float(np.log10(scale.top)) + 0.12],
        }
    )
    if shares:
        top = _top(shares)
        figure.update_layout(
            yaxis2={
                "domain": [0, _BARS],
                "range": [0, top],
                "tickvals": [0, top / 2, top],
                "fixedrange": True,
                "tickfont": small,
                "title": {"text": figure_text(share_unit), "font": quiet},
                "zeroline": False,
            }
        )


def _top(shares: Sequence[Line]) -> int:
    """The end of a scale on which the largest share can be seen, in percent; 100 if all are zero."""
    largest = max((100 * float(np.nanmax(line.values, initial=0.0)) for line in shares), default=0.0)
    return next((top for top in _TOPS if 0 < largest <= top), _TOPS[-1])


def positions(count: int) -> list[float]:
    """Where the points of a network lie on its horizontal axis, from 0 to 1."""
    return [i / max(1, count - 1) for i in range(count)]
