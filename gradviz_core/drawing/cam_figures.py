"""Figures of class activation maps: one over the image, those of all layers small, and what regions do to the score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from gradviz_core.drawing import colour_bars, fields, figures
from gradviz_core.drawing.captions import number_text
from gradviz_core.drawing.fields import Tiles
from gradviz_core.drawing.figures import ACCENT, QUIET
from gradviz_core.drawing.image_traces import grey, image_trace
from gradviz_core.drawing.outlines import outline
from gradviz_core.drawing.screen.seen import Seen
from gradviz_core.text.shown_text import figure_text
from gradviz_core.types import Blocks, Field, FloatArray
from gradviz_core.types.layouts import Grid
from gradviz_core.types.patches import Centres, spread

CELLS = 24
"""Cells along each side of a small map."""
COLUMNS = 16
"""Small maps side by side."""
LEAST = 40
"""Pixels across each of them, at least."""
Doubles = npt.NDArray[np.float64]


def rows_and_columns(array: FloatArray, grid: Grid) -> FloatArray:
    """The map of a site as rows and columns, from its array of one channel."""
    return np.asarray(array, np.float32).reshape(-1)[grid.positions].reshape(grid.rows, grid.columns)


def over_image(
    field: Field,
    seen: Seen,
    *,
    opacity: float,
    chosen: tuple[int, int] | None = None,
    blocks: Blocks | None = None,
    centres: Centres | None = None,
    smooth: bool = True,
    height: int = 500,
) -> go.Figure:
    """The map over the image in grey, enlarged smoothly in the drawing alone, or ``smooth`` False as cells: the hover
    says row, column and value of the position that is nearest. ``chosen`` is outlined. ``blocks`` says which position
    each cell stands for, where they are fewer; ``centres`` where the cells lie, unless they share the image evenly."""
    rows, columns = seen.size
    at = centres or spread(field.values.shape[0], field.values.shape[1], seen.size)
    drawn = figures.heatmap(field, height=height)
    heat = drawn.data[-1]
    heat.update(x0=at.column, dx=at.across, y0=at.row, dy=at.down, opacity=opacity)
    heat.zsmooth = "best" if smooth else False
    positions = np.indices(field.values.shape)
    if blocks is not None and blocks.picked is not None:
        positions = np.stack(np.divmod(blocks.picked, blocks.columns))
    heat.customdata = np.moveaxis(positions, 0, -1).astype(np.int32)
    heat.hovertemplate = "row %{customdata[0]}, column %{customdata[1]}<br><b>%{z:.4~g}</b><extra></extra>"
    figure = go.Figure([image_trace(grey(seen.pixels), seen.blocks, hover=False), heat], drawn.layout)
    figures.frame(figure, (rows, columns), height, beside=colour_bars.room(field))
    if chosen is not None:
        middle = at.row + chosen[0] * at.down, at.column + chosen[1] * at.across
        top, left = middle[0] - (at.down - 1) / 2, middle[1] - (at.across - 1) / 2
        box = (round(top), round(top + at.down - 1), round(left), round(left + at.across - 1))
        outline(figure, box, dash="solid")
    return figure


def small(over: FloatArray) -> FloatArray:
    """The map with so many cells that all are of one size: the nearest position for each."""
    down, across = (((np.arange(CELLS) + 0.5) * n / CELLS).astype(int) for n in over.shape)
    found: FloatArray = over[down][:, across]
    return found


def scaled(maps: Sequence[FloatArray], *, each: bool) -> FloatArray:
    """Small maps, ``each`` divided by its largest magnitude, or as they are."""
    return np.stack([small(one / (np.abs(one).max() or 1.0)) if each else small(one) for one in maps])


def strip(
    maps: FloatArray, names: Sequence[str], *, signed: bool, unit: str, chosen: int | None, each: bool
) -> tuple[go.Figure, Tiles]:
    """Small maps in reading order, which is that of execution, on one scale; the hover names the layer. The scale of
    maps that are ``each`` divided by their own largest magnitude ends at 1."""
    sheet = fields.tile(maps, columns=min(COLUMNS, len(maps)), label=0.022, signed=signed, unit=unit)
    if each:
        sheet = fields.tiles_on_scale(sheet, 1.0)
    figure = figures.tiles(sheet, chosen=chosen, width=1000)
    figures.never_smaller(figure, LEAST * sheet.columns)
    said = np.full(sheet.field.values.shape, "", dtype=object)
    for position, name in enumerate(names):
        row, column = sheet.corner(position)
        said[row : row + sheet.height, column : column + sheet.width] = figure_text(f"{position}: {name}")
    figure.data[0].update(customdata=said, hovertemplate="%{customdata}<br><b>%{z:.4~g}</b><extra></extra>")
    return figure, sheet


def changes(
    names: Sequence[str],
    kept: Sequence[float] | Doubles,
    dropped: Sequence[float] | Doubles,
    *,
    unit: str,
    chosen: int | None,
) -> go.Figure:
    """By how much the score changes at each layer with the region kept alone, and with the region dropped."""
    figure = go.Figure()
    for word, values, symbol in (("kept alone", kept, "circle"), ("dropped", dropped, "x")):
        colour = ACCENT if word == "dropped" else QUIET
        said = [[figure_text(name), number_text(value, 4)] for name, value in zip(names, values, strict=True)]
        figure.add_trace(
            go.Scatter(
                x=list(range(len(names))),
                y=values,
                mode="lines+markers",
                name=f"region {word}",
                line={"color": colour, "width": 1},
                marker={
                    "symbol": symbol,
                    "color": colour,
                    "size": [13 if number == chosen else 8 for number in range(len(names))],
                },
                customdata=said,
                hovertemplate=f"%{{customdata[0]}}<br>region {word}: <b>%{{customdata[1]}}</b><extra></extra>",
            )
        )
    figure.update_layout(
        height=280,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        dragmode=False,
        hovermode="closest",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    title = {"text": "layer outputs in order of execution", "font": {"size": 12}, "standoff": 4}
    figure.update_xaxes(title=title, showgrid=False, zeroline=False, fixedrange=True, range=[-0.7, len(names) - 0.3])
    unit_title = {"text": figure_text(f"change of the score, {unit}"), "font": {"size": 12}}
    figure.update_yaxes(title=unit_title, fixedrange=True, tickfont={"size": 11}, zeroline=True)
    return figure
