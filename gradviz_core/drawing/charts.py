"""Charts of a few values -> Plotly figures. Pure functions, as in ``figures.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from gradviz_core.drawing import bars
from gradviz_core.drawing.bars import Bar, ShownAs
from gradviz_core.drawing.figures import ACCENT, QUIET
from gradviz_core.text.shown_text import figure_lines, figure_text
from gradviz_core.types import ClassProbability, FloatArray, PerturbationAnswer

LONGEST_NAME = 22
BROWN = "#b5651d"
LEGEND = {"orientation": "h", "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom", "font": {"size": 12}}


def before_and_after(
    before: Sequence[ClassProbability], after: Sequence[ClassProbability], reading: ShownAs = "softmax_logits"
) -> go.Figure:
    """Two bars for each class, its probability before and after, in the order of before; of plain numbers the number
    itself (``bars.of``)."""
    later = {p.index: p for p in after}
    first, then = bars.of(before, reading), bars.of([later[p.index] for p in before], reading)
    rows = list(range(len(first)))  # and not the labels, for two classes may share one
    low, high = bars.ends([*first, *then], reading)
    said = [
        f"<b>before</b><br>{figure_lines(f.hover)}<br><b>after</b><br>{figure_lines(t.hover)}"
        for f, t in zip(first, then, strict=True)
    ]
    figure = go.Figure(
        [
            _bars("before", first, -0.35, QUIET),
            _bars("after", then, 0.0, ACCENT),
            go.Bar(  # as wide as the chart and not seen: a class of no probability can be pointed at and clicked too
                x=[high - low] * len(rows),
                base=low,
                y=rows,
                offset=-0.5,
                width=1,
                orientation="h",
                marker_color="rgba(0,0,0,0)",
                customdata=said,
                showlegend=False,
                hovertemplate="%{customdata}<extra></extra>",
            ),
        ]
    )
    figure.update_layout(
        height=40 + 44 * len(rows),
        margin={"l": 8, "r": 56, "t": 28, "b": 4},
        barmode="overlay",
        dragmode=False,
        plot_bgcolor="rgba(0,0,0,0)",
        legend=LEGEND,
    )
    figure.update_xaxes(visible=False, range=[low, high], fixedrange=True)
    figure.update_yaxes(
        tickvals=rows,
        ticktext=[figure_text(bar.name, LONGEST_NAME) for bar in first],
        autorange="reversed",
        fixedrange=True,
        showgrid=False,
        zeroline=False,
        ticklabelstandoff=6,
    )
    return figure


def _bars(name: str, shown: Sequence[Bar], offset: float, colour: str) -> go.Bar:
    return go.Bar(
        name=name,
        x=[bar.length for bar in shown],
        y=list(range(len(shown))),
        offset=offset,
        width=0.35,
        orientation="h",
        marker_color=colour,
        textposition="outside",
        cliponaxis=False,
        hoverinfo="skip",
        text=[figure_text(bar.text) for bar in shown],
    )


def predicted_and_actual(answer: PerturbationAnswer, *, unit: str, size_words: str) -> go.Figure:
    """The predicted and the actual change of the target, for one step of each size. Two marks show
    both for the picture on the page; with several steps, a line shows the actual change after each."""
    shown_unit = figure_text(unit)
    arrays, sizes = answer.arrays, answer.arrays["curve_size"]
    figure = go.Figure()
    _line(figure, "predicted, one step", sizes, arrays["curve_predicted"], {"color": QUIET, "dash": "dash"})
    _line(figure, "actual, one step", sizes, arrays["curve_actual"], {"color": ACCENT})
    if len(arrays["path_size"]) > 2:
        _line(
            figure, "actual, step by step", arrays["path_size"], arrays["path_actual"], {"color": BROWN, "dash": "dot"}
        )
    open_mark = {"size": 14, "symbol": "diamond-open", "color": BROWN, "line": {"width": 2}}
    full_mark = {"size": 12, "symbol": "diamond", "color": BROWN, "line": {"color": "white", "width": 1}}
    for name, change, mark in (
        ("predicted, this picture", answer.predicted_change, open_mark),
        ("actual, this picture", answer.score_after - answer.score, full_mark),
    ):
        figure.add_trace(
            go.Scatter(
                name=name,
                x=[answer.size],
                y=[change],
                mode="markers",
                marker=mark,
                hovertemplate=f"{name}<br>size %{{x:.4~g}}<br><b>%{{y:.4~g}} {shown_unit}</b><extra></extra>",
            )
        )
    figure.add_vline(x=answer.question.epsilon, line={"color": QUIET, "width": 1, "dash": "dot"})
    figure.update_layout(
        height=350,
        margin={"l": 8, "r": 8, "t": 72, "b": 8},
        dragmode=False,
        hovermode="closest",
        legend=LEGEND,
        plot_bgcolor="rgba(0,0,0,0)",
    )
    axis = {"fixedrange": True, "tickfont": {"size": 11}, "zeroline": True}
    figure.update_xaxes(axis, title={"text": figure_text(size_words), "font": {"size": 12}, "standoff": 4})
    figure.update_yaxes(axis, title={"text": f"change of the score, {shown_unit}", "font": {"size": 12}})
    return figure


def area(percent: FloatArray, slope: FloatArray, until: float, *, unit: str, height: int = 350) -> go.Figure:
    """A slope along a way of 100 %, and the area under it, filled as far as ``until``."""
    shown, filled = figure_text(unit), percent <= until
    hover = "%{x:.3~g} %<br><b>%{y:.4~g}</b> " + shown + "<extra></extra>"
    figure = go.Figure(
        [
            go.Scatter(
                x=percent[filled],
                y=slope[filled],
                mode="lines",
                line={"width": 0},
                fill="tozeroy",
                fillcolor="rgba(26, 143, 131, 0.4)",
                hoverinfo="skip",
            ),
            go.Scatter(x=percent, y=slope, mode="lines", line={"color": ACCENT, "width": 2}, hovertemplate=hover),
        ]
    )
    figure.add_vline(x=until, line={"color": QUIET, "width": 2, "dash": "dot"})
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 46},
        showlegend=False,
        dragmode=False,
        hovermode="x",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    axis = {"fixedrange": True, "tickfont": {"size": 11}, "zeroline": True}
    figure.update_xaxes(axis, title={"text": "brightness, %", "font": {"size": 12}, "standoff": 14}, showgrid=False)
    figure.update_xaxes(range=[-1, 101], dtick=20)
    figure.update_yaxes(axis, title={"text": f"slope, {shown}", "font": {"size": 12}})
    return figure


def _line(figure: go.Figure, name: str, x: FloatArray, y: FloatArray, line: Mapping[str, object]) -> None:
    figure.add_trace(
        go.Scatter(
            name=name,
            x=x,
            y=y,
            mode="lines+markers",
            line={**line, "width": 2},
            marker={"size": 6},
            hovertemplate=f"{name}<br>size %{{x:.4~g}}<br><b>%{{y:.4~g}}</b><extra></extra>",
        )
    )
