"""What a model predicts at each position -> Plotly figures: a map of classes in colours, and boxes over the image."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from gradviz_core.drawing import block_figures
from gradviz_core.drawing.captions import number_text
from gradviz_core.drawing.figures import ACCENT, frame, image
from gradviz_core.drawing.figures import LONGEST_NAME as LONGEST_SAID
from gradviz_core.drawing.outlines import BAR, Box, mark, outline
from gradviz_core.text.shown_text import figure_text
from gradviz_core.types import Blocks, FloatArray, Pixels

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
"""Okabe and Ito's colours, which can be told apart with every common kind of colour blindness (2008)."""
REST = "#9aa0a6"
"""The colour of all rarer classes."""
LONGEST_NAME, NAME_WIDTH, LINE = 14, 82, 18
"""Characters of a name in the legend, and pixels that it is wide and high."""
MOST_WRITTEN = 12
"""Most values of a box that are written out."""
Whole = npt.NDArray[np.int64]


def coloured(classes: Whole) -> tuple[int, ...]:
    """The classes of a map that get their own colour: the most frequent, in the order of their indices."""
    found, counts = np.unique(classes, return_counts=True)
    largest = np.argsort(-counts, kind="stable")[: len(COLOURS)]
    return tuple(sorted(int(found[i]) for i in largest))


def predicted_map(
    classes: Whole,
    scores: FloatArray,
    names: Mapping[int, str],
    *,
    cell: tuple[int, int] | None = None,
    box: Box | None = None,
    absent: int | None = None,
    blocks: Blocks | None = None,
    height: int = 500,
) -> go.Figure:
    """The predicted class at each position, (H, W), in one colour for each class, with a legend; the hover says the
    class by name and its score (H, W).

    ``cell`` marks one (row, column) and ``box`` outlines rows and columns. ``absent`` is the background class, in grey.
    ``blocks`` says which positions each cell stands for, if it is more than one.
    """
    shown = coloured(classes)
    codes = np.full(classes.shape, len(shown), dtype=np.uint8)
    for code, number in enumerate(shown):
        codes[classes == number] = code
    rest = bool((codes == len(shown)).any())
    colours = [REST if number == absent else colour for number, colour in zip(shown, COLOURS, strict=False)]
    colours += [REST] if rest else []
    hover, data = "row %{y}, column %{x}<br><b>%{text}</b><br>score %{customdata:.4~g}", np.asarray(scores, np.float32)
    if blocks is not None:
        data = np.concatenate([data[..., None], block_figures.picked_places(blocks)], axis=-1)
        hover = (
            f"rows %{{y}}, columns %{{x}}: largest score in magnitude of {blocks.size}<br>"
            "at row %{customdata[1]}, column %{customdata[2]}: <b>%{text}</b><br>score %{customdata[0]:.4~g}"
        )
    found = {int(number): figure_text(names[int(number)], LONGEST_SAID) for number in np.unique(classes)}
    figure = go.Figure(
        go.Heatmap(
            z=codes,
            zmin=-0.5,
            zmax=len(colours) - 0.5,
            colorscale=_steps(colours),
            showscale=False,
            zsmooth=False,
            text=np.vectorize(found.__getitem__, otypes=[object])(classes),
            customdata=data,
            hovertemplate=f"{hover}<extra></extra>",
        )
    )
    legend = [figure_text(names[number], LONGEST_NAME) for number in shown] + (["other classes"] if rest else [])
    for name, colour in zip(legend, colours, strict=True):
        figure.add_trace(
            go.Scatter(
                x=[None],
                y=[None],
                mode="markers",
                name=name,
                hoverinfo="skip",
                marker={"symbol": "square", "size": 11, "color": colour},
            )
        )
    frame(figure, (blocks.rows, blocks.columns) if blocks else classes.shape, height, below=BAR)
    if blocks is not None:
        block_figures.spread(figure.data[0], blocks)
        block_figures.name_blocks(figure, blocks)
    more = max(0, math.ceil(len(legend) / 2) * LINE + 14 - BAR)  # two names fit beside each other
    figure.update_layout(
        showlegend=True,
        height=height + more,
        margin={"b": BAR + more},
        newselection={"line": {"color": "#111111", "width": 2, "dash": "solid"}},
        legend={
            "orientation": "h",
            "x": 0.5,
            "xanchor": "center",
            "y": -0.01,
            "yanchor": "top",
            "font": {"size": 11},
            "itemclick": False,
            "itemdoubleclick": False,
            "entrywidth": NAME_WIDTH,
            "entrywidthmode": "pixels",
        },
    )
    if box is not None:
        outline(figure, box, dash="solid")
    if cell is not None:
        mark(figure, cell)
    return figure


def _steps(colours: Sequence[str]) -> list[tuple[float, str]]:
    """A colour scale of as many equal steps."""
    count = len(colours)
    return [(end / count, colour) for i, colour in enumerate(colours) for end in (i, i + 1)]


# --------------------------------------------------------------------------------------------------------------- boxes


@dataclass(frozen=True, slots=True)
class Placed:
    """Boxes over a picture."""

    edges: FloatArray
    """First row, last row, first column, last column of each, in pixels, which may lie between two. Shape (M, 4)."""

    def at(self, row: float, column: float) -> int | None:
        """Which of them is the smallest that holds a pixel; the stronger of two; None where none does."""
        top, bottom, left, right = self.edges.T
        holds = np.flatnonzero((top <= row) & (row <= bottom) & (left <= column) & (column <= right))
        sizes = ((bottom - top) * (right - left))[holds]
        return int(holds[np.argmin(sizes)]) if len(holds) else None


def placed(places: FloatArray, height: int, width: int) -> Placed | None:
    """The boxes, if their first four values look like centre column, centre row, width and height, in pixels or as
    shares of the image: shape (M, 4 or more). None if they look like anything else."""
    if places.ndim != 2 or places.shape[1] < 4 or not len(places) or not np.isfinite(places[:, :4]).all():
        return None
    column, row, wide, high = np.asarray(places[:, :4], dtype=np.float64).T
    if max(abs(places[:, :4]).max(), 0.0) <= 1.5:
        column, row, wide, high = column * width, row * height, wide * width, high * height
    inside = (column >= 0) & (column <= width) & (row >= 0) & (row <= height)
    sized = (wide > 0) & (high > 0) & (wide <= 2 * width) & (high <= 2 * height)
    if not (inside & sized).all() or _like_corners(column, row, wide, high, height, width):
        return None
    edges = [row - high / 2 - 0.5, row + high / 2 - 0.5, column - wide / 2 - 0.5, column + wide / 2 - 0.5]
    return Placed(np.stack(edges, axis=1))


def _like_corners(
    column: FloatArray, row: FloatArray, wide: FloatArray, high: FloatArray, height: int, width: int
) -> bool:
    """Whether the four values fit better as two corners: left, top, right and bottom."""
    as_corners = (column < wide) & (row < high) & (wide <= width) & (high <= height)
    as_middle = (column - wide / 2 > -width / 8) & (column + wide / 2 < width * 9 / 8)
    as_middle &= (row - high / 2 > -height / 8) & (row + high / 2 < height * 9 / 8)
    return bool(as_corners.all() and not as_middle.all())


def boxes_over(
    pixels: Pixels,
    boxes: Placed,
    names: Sequence[str],
    *,
    chosen: int | None = None,
    cell: tuple[int, int] | None = None,
    blocks: Blocks | None = None,
    height: int = 500,
) -> go.Figure:
    """The picture with boxes over it, strongest first, each with its name; the ``chosen`` one is drawn last and thick.

    ``cell`` marks one pixel; ``blocks`` is as for ``figures.image``.
    """
    figure = image(pixels, blocks=blocks, cross=cell, height=height)
    rows = blocks.rows if blocks else pixels.shape[0]
    order = [i for i in reversed(range(len(boxes.edges))) if i != chosen] + ([] if chosen is None else [chosen])
    for number in order:
        top, bottom, left, right = (float(v) for v in boxes.edges[number])
        corners = {"x0": left, "x1": right, "y0": top, "y1": bottom}
        lines = [("white", 4.0), (ACCENT, 2.5)] if number == chosen else [("white", 2.0), ("#111111", 1.0)]
        for colour, width in lines:
            figure.add_shape(corners, type="rect", line={"color": colour, "width": width})
        if number == chosen:
            figure.add_annotation(
                x=max(left, -0.5),
                y=max(top, -0.5),
                text=figure_text(names[number], LONGEST_SAID),
                showarrow=False,
                xanchor="left",
                yanchor="bottom" if top > rows / 8 else "top",
                bgcolor=ACCENT,
                font={"color": "white", "size": 12},
                borderpad=2,
            )
    return figure


def place_text(places: FloatArray) -> str:
    """The values before the class scores of one box: ``41.2, 30, 12.5, 9``; only the first if there are many."""
    said = ", ".join(number_text(float(value), 3) for value in places[:MOST_WRITTEN])
    return said if len(places) <= MOST_WRITTEN else f"{said} …"
