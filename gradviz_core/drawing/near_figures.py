"""The exact values around one position, enlarged: shown beside a picture whose cells stand for blocks."""

from __future__ import annotations

import plotly.graph_objects as go

from gradviz_core.drawing import figures, outlines
from gradviz_core.types import Field


def near(field: Field, corner: tuple[int, int], place: tuple[int, int], *, height: int = 320) -> go.Figure:
    """The field, whose first cell is at ``corner`` of a larger picture, in that picture's rows and columns, with a mark
    on ``place``."""
    figure = figures.heatmap(field, height=height)
    (top, left), (rows, columns) = corner, field.values.shape
    figure.data[0].update(x0=left, y0=top, dx=1, dy=1)
    figure.update_xaxes(range=[left - 0.5, left + columns - 0.5])
    figure.update_yaxes(range=[top + rows - 0.5, top - 0.5])
    outlines.mark(figure, place)
    return figure
