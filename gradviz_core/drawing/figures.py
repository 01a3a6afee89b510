"""Fields -> Plotly figures. Pure functions; each takes what it draws and returns a figure, also for a notebook.

Signed fields use one diverging colour scale, unsigned ones one sequential scale from zero up
(``types/colour_scales.py``). Row 0 is at the top, pixels are square, a gap (NaN) is transparent. No figure sets a
background colour, so light and dark themes both read well.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from gradviz_core.drawing import bars, block_figures, colour_bars, log_scale
from gradviz_core.drawing.bars import ShownAs
from gradviz_core.drawing.captions import number_text
from gradviz_core.drawing.fields import STRETCHED, Tiles
from gradviz_core.drawing.image_traces import grey, image_trace
from gradviz_core.drawing.image_traces import png_address as png_address
from gradviz_core.drawing.log_scale import LogScale
from gradviz_core.drawing.outlines import BAR, EDGE, Box, mark, outline
from gradviz_core.text.shown_text import bold, figure_lines, figure_text
from gradviz_core.types import Blocks, ClassProbability, Field, FloatArray, Pixels, colour_scales

ACCENT = "#1a8f83"
QUIET = "#8b96a0"
STRIP, STRIP_OF_MANY = 60, 14
"""Height in pixels of a single strip, and of one among many."""
LOW, LOW_OF_PIXELS = 6, 2
"""A picture with a larger ratio of width to height has its colour bar below, as its numbers do not fit beside it; over
the pixels of an image, which has no names below, already where the unit does not."""
LONGEST_NAME = 28
"""Characters of a name beside a bar or over a picture."""


# ------------------------------------------------------------------------------------------------------------- pictures


def heatmap(
    field: Field,
    *,
    pixels: Pixels | None = None,
    opacity: float = 1.0,
    cross: tuple[int, int] | None = None,
    solid: Box | None = None,
    dashed: Box | None = None,
    places: npt.NDArray[np.str_] | None = None,
    height: int = 500,
) -> go.Figure:
    """The field as a heatmap with its colour bar.

    ``pixels`` (H, W, 3) of the same size adds each pixel's colour to the hover and, below ``opacity`` 1, lies in grey
    under the map. ``cross`` marks one (row, column); ``solid`` and ``dashed`` are boxes to draw, the solid one on top,
    and alone where they are the same.
    ``places`` (H, W) names the cells in the hover where they are no rows and columns; then a picture that is very wide
    is drawn as a strip. Where cells stand for blocks, the hover names the block and the place whose number is drawn.
    A field that is zero, or the same everywhere, says so in words.
    """
    figure, (rows, columns) = go.Figure(), block_figures.size(field)
    if pixels is not None and opacity < 1:
        figure.add_trace(image_trace(grey(pixels), field.blocks, hover=False))
    strip, low = (
        places is not None and columns > STRETCHED * rows,
        columns > (LOW if pixels is None else LOW_OF_PIXELS) * rows,
    )
    figure.add_trace(_heat(field, opacity=opacity, pixels=pixels, places=places, bar_below=low))
    height = min(height, BAR + STRIP * rows) if strip else height
    room = {"below": BAR} if low else {"beside": colour_bars.room(field)}
    frame(figure, (rows, columns), height, stretched=strip, **room)
    if field.blocks is not None:
        block_figures.name_blocks(figure, field.blocks)
    _say_if_constant(figure, field)
    if not low:
        colour_bars.say_unit(figure, field)
    for box, dash in ((None if dashed == solid else dashed, "dash"), (solid, "solid")):
        if box is not None:
            outline(figure, box, dash=dash)
    if cross is not None:
        mark(figure, cross)
    return figure


def image(
    pixels: Pixels, *, blocks: Blocks | None = None, cross: tuple[int, int] | None = None, height: int = 500
) -> go.Figure:
    """The image as the network sees it; the hover says row, column and colour. ``blocks`` says which pixels each entry
    of ``pixels`` is the mean of, if they are means."""
    figure = go.Figure(image_trace(pixels, blocks, hover=True))
    frame(figure, (blocks.rows, blocks.columns) if blocks else pixels.shape[:2], height)
    if blocks is not None:
        block_figures.name_blocks(figure, blocks)
    if cross is not None:
        mark(figure, cross)
    return figure


def tiles(
    sheet: Tiles,
    *,
    chosen: int | None = None,
    cell: tuple[int, int] | None = None,
    titles: Sequence[str] = (),
    width: int = 640,
    origin: tuple[int, int] = (0, 0),
    each: str = "channel",
) -> go.Figure:
    """Many small maps as one heatmap on one scale, each with its channel's number above it.

    ``chosen`` outlines the tile of that channel, ``cell`` one (row, column) in it, or in every tile where none is
    chosen; ``titles`` replace the numbers. The hover says channel, row, column
    and value. Numbers are left out where tiles are too small to carry them. ``width`` is how wide, in pixels, it is
    likely to be shown: the height follows from it. ``origin`` is the row and column of each tile's first cell, where
    tiles were cut out of larger maps. ``each`` is what a tile is of.
    """
    strips = sheet.width > STRETCHED * sheet.height
    figure = go.Figure(_heat(sheet.field, customdata=block_figures.tile_places(sheet, origin), bar_below=strips))
    figure.data[0].hovertemplate = block_figures.tile_hover(sheet, each)
    rows, columns = sheet.field.values.shape
    height = min(rows * (STRIP_OF_MANY if strips else width / columns), 1.5 * width)
    below = BAR if strips else 2 * EDGE
    frame(figure, (rows, columns), round(height) + below, stretched=strips, beside=colour_bars.room(sheet.field))
    _say_if_constant(figure, sheet.field)
    if not strips:
        colour_bars.say_unit(figure, sheet.field)
    names = tuple(titles) or tuple(str(n) for n in sheet.numbers)
    size = _label_size(names, sheet, width, height / rows)
    if size >= 7:
        corners = [sheet.corner(i) for i in range(len(names))]
        figure.add_trace(
            go.Scatter(
                x=[c + (sheet.width - 1) / 2 for _, c in corners],
                y=[r - 0.5 - sheet.gap[0] / 2 for r, _ in corners],
                text=[figure_text(n) for n in names],
                mode="text",
                textfont={"size": size},
                hoverinfo="skip",
                showlegend=False,
            )
        )
    if chosen in sheet.numbers:
        row, column = sheet.corner(sheet.numbers.index(chosen))
        outline(figure, (row, row + sheet.height - 1, column, column + sheet.width - 1), dash="solid")
    if cell is not None:
        cell = sheet.blocks.cell(*cell) if sheet.blocks else cell
        for position, number in enumerate(sheet.numbers):
            row, column = (a + b for a, b in zip(sheet.corner(position), cell, strict=True))
            if chosen in (None, number):
                room = sheet.height // 40  # a box round one cell of many would be a dot
                outline(figure, (row - room, row + room, column - room, column + room), dash="solid")
    return figure


def never_smaller(figure: go.Figure, across: int) -> None:
    """Where there is less room than for a sheet of so many pixels across, it scrolls sideways."""
    layout = figure.layout
    layout.meta = layout.meta | {"least_across": across + layout.margin.l + layout.margin.r}


# --------------------------------------------------------------------------------------------------------------- charts


def class_bars(
    prediction: Sequence[ClassProbability],
    *,
    chosen: int | None = None,
    reading: ShownAs = "softmax_logits",
    against: bool = False,
) -> go.Figure:
    """The most likely classes as bars, the most likely on top; the chosen one in the accent colour.

    The bars depend on the kind of output (``bars.of``): probabilities of classes, of independent labels, of a single
    label and its complement, or plain numbers with their sign. ``against`` chooses the complement.
    """
    drawn = bars.of(prediction, reading)
    low, high = bars.ends(drawn, reading)
    rows = list(range(len(drawn)))  # and not the labels, for two classes may share one
    is_chosen = [bar.index == chosen and bar.against == (against and bars.paired(drawn)) for bar in drawn]
    names = [figure_text(bar.name, LONGEST_NAME) for bar in drawn]
    figure = go.Figure(
        [
            go.Bar(
                x=[bar.length for bar in drawn],
                y=rows,
                orientation="h",
                marker_color=[ACCENT if one else QUIET for one in is_chosen],
                text=[figure_text(bar.text) for bar in drawn],
                textposition="outside",
                cliponaxis=False,
                hoverinfo="skip",
            ),
            go.Bar(  # as wide as the chart and not seen: a class of no probability can be pointed at and clicked too
                x=[high - low] * len(drawn),
                base=low,
                y=rows,
                orientation="h",
                marker_color="rgba(0,0,0,0)",
                customdata=[[bar.index, figure_lines(bar.hover)] for bar in drawn],
                hovertemplate="%{customdata[1]}<extra></extra>",
            ),
        ]
    )
    figure.update_layout(
        height=10 + 27 * len(drawn),
        margin={"l": 8, "r": 56, "t": 4, "b": 4},
        bargap=0.45,
        barmode="overlay",
        showlegend=False,
        dragmode=False,
        plot_bgcolor="rgba(0,0,0,0)",
    )
    figure.update_xaxes(visible=False, range=[low, high], fixedrange=True)
    figure.update_yaxes(
        tickvals=rows,
        ticktext=[bold(n) if one else n for n, one in zip(names, is_chosen, strict=True)],
        autorange="reversed",
        fixedrange=True,
        showgrid=False,
        zeroline=False,
        ticklabelstandoff=6,
    )
    return figure


def strip(
    names: Sequence[str],
    norms: FloatArray,
    *,
    unit: str,
    chosen: int | None = None,
    height: int = 190,
    along: str = "layer outputs in order of execution",
) -> go.Figure:
    """One value for each site, in order of execution, on a logarithmic scale (``log_scale``); a gap where no gradient
    reaches the site. Or one for each of what ``along`` says."""
    values = np.asarray(norms, dtype=np.float64)
    scale = LogScale.of(values)
    ticks = scale.ticks_in_sight(values)
    said = [log_scale.norm_text(v) for v in values]
    figure = go.Figure(
        go.Scatter(
            x=list(range(len(values))),
            y=scale.heights(values),
            mode="lines+markers",
            line={"color": QUIET, "width": 1},
            marker={
                "size": [13 if i == chosen else 8 for i in range(len(values))],
                "color": [ACCENT if i == chosen else QUIET for i in range(len(values))],
                "symbol": log_scale.symbols(values),
            },
            customdata=list(zip(map(figure_text, names), said, strict=True)),
            hovertemplate="%{customdata[0]}<br><b>%{customdata[1]}</b><extra></extra>",
        )
    )
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        showlegend=False,
        dragmode=False,
        hovermode="closest",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    figure.update_xaxes(
        title={"text": figure_text(along), "font": {"size": 12}, "standoff": 4},
        showticklabels=False,
        showgrid=False,
        zeroline=False,
        fixedrange=True,
        range=[-0.7, len(values) - 0.3],
    )
    figure.update_yaxes(
        type="log",
        tickvals=ticks,
        ticktext=[log_scale.tick_text(t) for t in ticks],
        fixedrange=True,
        tickfont={"size": 11},
        title={"text": figure_text(unit), "font": {"size": 12}},
    )
    return figure


# --------------------------------------------------------------------------------------------------------------- pieces


def _heat(
    field: Field,
    *,
    opacity: float = 1.0,
    pixels: Pixels | None = None,
    customdata: np.ndarray | None = None,
    places: npt.NDArray[np.str_] | None = None,
    bar_below: bool = False,
) -> go.Heatmap:
    limit = field.limit or 1.0
    scale = colour_scales.DIVERGING if field.signed else colour_scales.SEQUENTIAL
    hover = "row %{y}, column %{x}<br><b>%{z:.4~g}</b>"
    if places is not None:
        customdata, hover = _shown_places(places), "%{customdata}<br><b>%{z:.4~g}</b>"
    elif field.blocks is not None:
        customdata, hover = block_figures.picked_places(field.blocks), block_figures.hover(field.blocks)
    elif pixels is not None and pixels.shape[:2] == field.values.shape:
        customdata = pixels
        hover += "<br>pixel rgb(%{customdata[0]}, %{customdata[1]}, %{customdata[2]})"
    trace = go.Heatmap(
        z=field.values.astype(np.float32, copy=False),
        zmin=-limit if field.signed else 0.0,
        zmax=limit,
        colorscale=scale.name,
        zsmooth=False,
        opacity=opacity,
        hoverongaps=False,
        customdata=customdata,
        hovertemplate=f"{hover}<extra></extra>",
        colorbar=colour_bars.below(field) if bar_below else colour_bars.beside(field),
    )
    if field.blocks is not None:
        block_figures.spread(trace, field.blocks)
    return trace


def _shown_places(places: npt.NDArray[np.str_]) -> np.ndarray:
    """The names of the cells, for Plotly."""
    names, at = np.unique(places, return_inverse=True)
    shown: np.ndarray = np.array([figure_text(name) for name in names.tolist()])[at].reshape(places.shape)
    return shown


def frame(
    figure: go.Figure,
    shape: tuple[int, ...],
    height: int,
    *,
    beside: int = EDGE,
    below: int = EDGE,
    stretched: bool = False,
) -> None:
    """Row 0 on top, square pixels, no ticks. ``beside`` and ``below`` are pixels for what stands next to the picture.
    ``meta`` says how many rows it has for each column: so high it is at any width. One that is ``stretched`` fills
    width and height, whatever shape its cells get, and has its colour bar below."""
    rows, columns = shape
    if stretched:
        beside, below = EDGE, BAR
    figure.update_layout(
        height=height,
        margin={"l": EDGE, "r": beside, "t": EDGE, "b": below, "autoexpand": False},
        dragmode=False,
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        meta={} if stretched else {"rows_per_column": rows / columns},
    )
    axis = {"visible": False, "constrain": "domain"}
    figure.update_xaxes(axis, range=[-0.5, columns - 0.5], constraintoward="right")
    figure.update_yaxes(axis, range=[rows - 0.5, -0.5], scaleanchor=None if stretched else "x", constraintoward="top")


def _say_if_constant(figure: go.Figure, field: Field) -> None:
    finite = field.values[np.isfinite(field.values)]
    if not finite.size:
        text = "There is no finite value to draw."
    elif finite.max() == finite.min():
        value = float(finite.max())
        text = "Every value is exactly zero." if value == 0 else f"Every value is {number_text(value, 4)}."
    else:
        return
    figure.data[-1].showscale = False
    figure.data[-1].opacity = 0.25
    figure.add_annotation(
        text=text,
        x=0.5,
        y=0.5,
        xref="x domain",
        yref="y domain",
        showarrow=False,
        font={"size": 15},
    )


def _label_size(names: Sequence[str], sheet: Tiles, width: int, row: float) -> int:
    """The largest size, up to 11 pixels, at which every name fits above its tile. A ``row`` is so many pixels high."""
    cell = width / sheet.field.values.shape[1]
    across = cell * (sheet.width + sheet.gap[1]) / (0.6 * max(map(len, names)))
    return int(min(11.0, across, row * sheet.gap[0]))
