"""Jacobians in numbers and pictures: singular values, effective rank, the matrix, its rows. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from gradviz_core.drawing import fields, figures
from gradviz_core.drawing.captions import class_text
from gradviz_core.drawing.log_scale import log_ticks, tick_text
from gradviz_core.drawing.outlines import BAR
from gradviz_core.text.shown_text import figure_text, visible
from gradviz_core.types import Field, FloatArray, Layout, SiteInfo
from gradviz_core.types.blocks import MOST_COLUMNS as MOST_COLUMNS
from gradviz_core.types.blocks import MOST_ROWS as MOST_ROWS
from gradviz_core.types.blocks import matrix_block
from gradviz_core.types.indices import unit_place

SMALL = 40
"""Most rows of a matrix that is drawn with the names of its rows beside it."""


def singular_values(matrix: FloatArray) -> FloatArray:
    """All singular values of a (rows, columns) array, the largest first, computed in double precision."""
    return np.asarray(np.linalg.svd(np.asarray(matrix, np.float64), compute_uv=False))


def effective_rank(values: FloatArray) -> float:
    """exp(-Σ p_i log p_i) with p_i = σ_i² / Σ σ²: n equal singular values have effective rank n; 0 where all are 0.

    Source: Roy & Vetterli, The effective rank, EUSIPCO 2007, who take p_i = σ_i / Σ σ. Squares are shares of ‖J‖²_F,
    which can be had without knowing all singular values.
    """
    squares = np.square(np.asarray(values, np.float64))
    shares = squares[squares > 0] / squares.sum() if squares.sum() else np.zeros(0)
    return float(np.exp(-(shares * np.log(shares)).sum())) if shares.size else 0.0


def effective_rank_between(
    largest: FloatArray, frobenius: float, count: int, error: float = 0.0
) -> tuple[float, float]:
    """Least and greatest effective rank of ``count`` singular values of which the ``largest`` are known, and whose
    squares add up to ``frobenius``², within three standard errors ``error`` of it.

    The rest of the sum is spread least as copies of the smallest known value, and most as equal shares of all other
    values.
    """
    lengths = (max(0.0, frobenius - 3 * error), frobenius + 3 * error)
    ranks = [rank for length in lengths for rank in _ranks_between(np.asarray(largest, np.float64), length, count)]
    return min(ranks), max(ranks)


def _ranks_between(known: npt.NDArray[np.float64], frobenius: float, count: int) -> tuple[float, float]:
    rest, others = max(0.0, frobenius**2 - float(np.square(known).sum())), count - len(known)
    if not rest or not others or not known[-1]:
        rank = effective_rank(known)
        return rank, rank
    copies = min(others, int(rest // known[-1] ** 2))
    left = math.sqrt(max(0.0, rest - copies * known[-1] ** 2))
    least = effective_rank(np.concatenate([known, np.full(copies, known[-1]), [left] if copies < others else []]))
    most = effective_rank(np.concatenate([known, np.full(others, math.sqrt(rest / others))]))
    return least, max(least, most)


def names(info: SiteInfo, labels: Sequence[str], numbers: Sequence[int]) -> list[str]:
    """The names of these entries of a flattened site: classes by their labels, others by position."""
    several = len(info.shape) > 1 and info.shape[0] != 1  # rows of an output: the first axis counts, too
    shape = info.shape if several else info.shape[1:] or info.shape
    layout: Layout = "other" if several else info.layout
    if labels and info.shape == (1, len(labels)):
        return [class_text(i, labels) for i in numbers]
    if not shape:
        return ["the value"] * len(numbers)
    places = zip(*np.unravel_index(np.asarray(numbers, np.intp), shape), strict=True)
    return [unit_place(tuple(int(i) for i in place), layout).strip("()") for place in places]


def block_names(info: SiteInfo, labels: Sequence[str], first: int, end: int, size: int) -> list[str]:
    """What each ``size`` of the numbers from ``first`` to ``end`` - 1 are called: by the first and the last of them."""
    starts = range(first, end, size)
    tops = names(info, labels, starts)
    if size == 1:
        return tops
    lasts = names(info, labels, [min(start + size, end) - 1 for start in starts])
    return [top if top == last else f"{top} to {last}" for top, last in zip(tops, lasts, strict=True)]


# ------------------------------------------------------------------------------------------------------------- pictures


def block(shape: tuple[int, int]) -> tuple[int, int]:
    """How many rows and columns of a (rows, columns) matrix each cell that is drawn stands for."""
    return matrix_block(shape, MOST_ROWS, MOST_COLUMNS)


def drawn(matrix: FloatArray, *, unit: str) -> Field:
    """The matrix as a field; each cell is the entry of its ``block`` that is largest in magnitude, with its sign, and
    of two that are as large the positive one. A block that holds NaN is a gap."""
    height, width = block((matrix.shape[0], matrix.shape[1]))
    ends = [
        best.reduceat(
            best.reduceat(matrix, np.arange(0, matrix.shape[1], width), axis=1),
            np.arange(0, matrix.shape[0], height),
            axis=0,
        )
        for best in (np.maximum, np.minimum)
    ]
    return fields.field(np.where(ends[0] >= -ends[1], *ends), signed=True, unit=unit)


def row_drawn(matrix: FloatArray, row: int, column: int) -> int | None:
    """The row of the matrix whose entry is ``drawn`` in a cell; None where there is no such cell."""
    height, width = block((matrix.shape[0], matrix.shape[1]))
    sizes: FloatArray = np.abs(matrix[max(0, row) * height :, max(0, column) * width :][:height, :width])
    if min(row, column) < 0 or not sizes.size:
        return None
    return row * height + int(sizes.argmax()) // int(sizes.shape[1])


def heatmap(field: Field, rows: Sequence[str], columns: Sequence[str], *, chosen: int | None = None) -> go.Figure:
    """The matrix as ``drawn``, row 0 on top; the hover names the cell's ``rows`` and ``columns``. ``chosen`` outlines a
    row that is drawn."""
    height, width = field.values.shape
    figure = figures.heatmap(field, height=min(340, max(220, 17 * height)) + BAR)
    named = [[figure_text(text) for text in texts] for texts in (rows, columns)]
    figure.data[0].hovertemplate = "%{y}<br>with respect to %{x}<br><b>%{z:.4~g}</b><extra></extra>"
    axis = {"visible": True, "showgrid": False, "zeroline": False, "ticks": "", "constrain": None}
    figure.update_xaxes(axis, showticklabels=False, tickvals=list(range(width)), ticktext=named[1])
    figure.update_yaxes(
        axis,
        showticklabels=height <= SMALL,
        tickvals=list(range(height)),
        ticktext=named[0],
        scaleanchor=None,
        constraintoward=None,
        automargin=False,
        tickfont={"size": 11},
    )
    longest = max(len(visible(text)) for text in rows) if height <= SMALL else 0
    figure.update_layout(margin={"l": 8 + min(150, 7 * longest)}, meta=None)
    if chosen is not None and height > 1 and 0 <= chosen < height:
        figure.add_shape(
            type="rect",
            x0=-0.5,
            x1=width - 0.5,
            y0=chosen - 0.5,
            y1=chosen + 0.5,
            line={"color": figures.ACCENT, "width": 2},
        )
    return figure


def spectrum(values: FloatArray, *, unit: str, settled: int) -> go.Figure:
    """Singular values on a logarithmic scale, the largest first; those that have not settled are named so."""
    said = [f"σ{i + 1}" + ("" if i < settled else ", still growing") for i in range(len(values))]
    figure = figures.strip(said, values, unit=unit, height=240)
    return _framed(figure, values, "singular values, the largest first")


def points(count: int) -> int:
    """How many of ``count`` rows each point of the sensitivities stands for, so that there are at most
    ``MOST_COLUMNS``."""
    return max(1, math.ceil(count / MOST_COLUMNS))


def norms_drawn(norms: FloatArray) -> FloatArray:
    """The largest norm among the rows that each point stands for."""
    largest: FloatArray = np.maximum.reduceat(norms, np.arange(0, len(norms), points(len(norms))))
    return largest


def row_pointed(norms: FloatArray, point: int) -> int | None:
    """The row whose norm is a point; None where there is no such point."""
    size = points(len(norms))
    found = norms[max(0, point) * size :][:size]
    return None if point < 0 or not found.size else point * size + int(found.argmax())


def sensitivities(
    norms: FloatArray, rows: Sequence[str], *, unit: str, chosen: int | None, predicted: int | None = None
) -> go.Figure:
    """The norms as ``norms_drawn``, with the names of their ``rows``, on a logarithmic scale. The point of the
    predicted class says so."""
    figure = _framed(figures.strip(rows, norms, unit=unit, chosen=chosen, height=240), norms, "outputs")
    figure.data[0].mode = "markers" if len(rows) <= SMALL else "lines+markers"
    if len(rows) <= SMALL:
        names = [figure_text(text) for text in rows]
        ticks = {"tickvals": list(range(len(rows))), "ticktext": names, "tickfont": {"size": 11}, "tickangle": -35}
        figure.update_xaxes(ticks, showticklabels=True, automargin=True)
    if predicted is not None and np.isfinite(height := figure.data[0].y[predicted]):
        figure.add_annotation(
            x=predicted,
            y=math.log10(height),
            text="predicted",
            showarrow=False,
            yshift=14,
            font={"color": figures.ACCENT},
        )
    return figure


def _framed(figure: go.Figure, values: FloatArray, title: str) -> go.Figure:
    """An axis with room above and below the values, so that a number stands beside those that are close together."""
    positive = values[np.isfinite(values) & (values > 0)]
    if positive.size and not np.any(values == 0) and not np.any(np.isinf(values)):
        low, high = float(positive.min()) / 1.5, float(positive.max()) * 1.5
        ticks = log_ticks(low, high)
        figure.update_yaxes(
            range=[math.log10(low), math.log10(high)], tickvals=ticks, ticktext=[tick_text(t) for t in ticks]
        )
    return figure.update_xaxes(title_text=figure_text(title))


def row(values: FloatArray, info: SiteInfo, *, unit: str) -> tuple[Field, np.ndarray | None] | None:
    """A row of the Jacobian over the places of the site it is taken by, summed over channels with its sign, and the
    names of its cells where they are tokens; None for a site without places."""
    planes = fields.planes(values.reshape(info.shape), info.layout, info.axis)
    if planes.maps.shape[1:] == (1, 1):
        return None
    field = fields.for_screen(fields.field(planes.maps.sum(axis=0), signed=True, unit=unit), planes.gaps)
    return field, planes.place_names() if field.blocks is None else None
