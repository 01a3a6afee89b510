"""Boxes and crosshairs on top of a picture."""

from __future__ import annotations

import plotly.graph_objects as go

EDGE = 2
"""Pixels round a picture."""
BAR = 66
"""Pixels under a strip for its colour bar."""
NARROW = 430
"""Pixels across a strip on a narrow screen."""
OUTLINE = 4
"""Pixels across the line of a box."""

Box = tuple[int, int, int, int]
"""First row, last row, first column, last column."""


def outline(figure: go.Figure, box: Box, *, dash: str) -> None:
    """A box around whole cells, just outside them except at the edge of the picture: a dark line on a white one, so
    that it is visible on every colour."""
    top, bottom, left, right = box
    last_row, last_column = figure.layout.yaxis.range[0], figure.layout.xaxis.range[1]
    margin = figure.layout.margin
    down = (figure.layout.height - margin.t - margin.b) / (last_row + 0.5)
    across = down if figure.layout.yaxis.scaleanchor else NARROW / (last_column + 0.5)
    beside, above = (0.5 + OUTLINE / 2 / cell for cell in (across, down))
    corners = {
        "x0": max(left - beside, -0.5),
        "x1": min(right + beside, last_column),
        "y0": max(top - above, -0.5),
        "y1": min(bottom + above, last_row),
    }
    for line in ({"color": "white", "width": OUTLINE}, {"color": "#111111", "width": OUTLINE / 2, "dash": dash}):
        figure.add_shape(corners, type="rect", line=line)


def mark(figure: go.Figure, place: tuple[int, int]) -> None:
    """A crosshair through one cell, and a box around it."""
    row, column = place
    for x0, x1, y0, y1, xref, yref in ((column, column, 0, 1, "x", "y domain"), (0, 1, row, row, "x domain", "y")):
        for line in ({"color": "white", "width": 1}, {"color": "#111111", "width": 1, "dash": "dot"}):
            figure.add_shape(type="line", x0=x0, x1=x1, y0=y0, y1=y1, xref=xref, yref=yref, line=line, opacity=0.7)
    outline(figure, (row, row, column, column), dash="solid")
