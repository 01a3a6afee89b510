"""Lines along a network: zeros and gaps, two networks on one scale, and ticks that can be read."""

from __future__ import annotations

import numpy as np
import pytest

from gradviz_core.drawing.flow_figures import Line, along


def test_a_zero_is_an_open_mark_at_the_bottom_and_nan_is_a_gap() -> None:
    values = np.array([1.0, 0.0, np.nan, 100.0])
    figure = along([Line("g", values, [["a"], ["b"], ["c"], ["d"]])], unit="u", places="p")
    (trace,) = figure.data
    assert trace.y[1] < 1.0
    assert np.isnan(trace.y[2])
    assert list(trace.marker.symbol) == ["circle", "circle-open", "circle", "circle"]
    low, high = figure.layout.yaxis.range
    assert low < np.log10(trace.y[1]) < 2.0 < high


def test_what_is_not_finite_is_a_cross_above_all_numbers() -> None:
    lines = [
        Line("g", np.array([1.0, np.inf]), [["a"], ["b"]]),
        Line("h", np.array([9.0, np.inf]), [["c"], ["d"]], second=True),
    ]
    figure = along(lines, unit="u", places="p")
    assert [list(trace.marker.symbol) for trace in figure.data] == [["circle", "x"], ["diamond", "x"]]
    assert figure.data[0].y[1] == figure.data[1].y[1] > 9.0
    assert np.log10(figure.data[0].y[1]) < figure.layout.yaxis.range[1]


def test_two_networks_stand_in_two_panels_on_one_scale_whatever_their_length() -> None:
    lines = [
        Line("a", np.array([1.0, 2.0, 3.0]), [["x"]] * 3),
        Line("b", np.array([50.0, 0.5]), [["y"]] * 2, second=True),
    ]
    figure = along(lines, unit="u", places="p", chosen=1)
    assert [list(trace.x) for trace in figure.data] == [[0, 0.5, 1], [0, 1]]
    assert [(trace.xaxis, trace.yaxis) for trace in figure.data] == [("x", None), ("x2", None)]
    (_, left), (right, _) = figure.layout.xaxis.domain, figure.layout.xaxis2.domain
    assert 0.4 < left < right < 0.6, "the panels do not overlap"
    low, high = figure.layout.yaxis.range
    assert low < np.log10(0.5) < np.log10(50.0) < high
    assert figure.layout.shapes[0].x0 == 0.5


def test_names_are_text_and_no_markup() -> None:
    figure = along([Line("<b>a</b>", np.array([1.0]), [["<i>x</i>", "second line"]])], unit="u", places="p")
    assert figure.data[0].name == "&lt;b&gt;a&lt;/b&gt;"
    assert figure.data[0].customdata[0] == "&lt;i&gt;x&lt;/i&gt;<br>second line"


def test_nothing_to_draw_is_no_error() -> None:
    assert along([], unit="u", places="p").data == ()
    assert along([Line("a", np.array([0.0, np.nan]), [["x"], ["y"]])], unit="u", places="p").data[0].y[0] > 0


@pytest.mark.parametrize(
    ("largest", "top"),
    [(0.004, 1), (0.03, 5), (0.05, 5), (0.12, 20), (0.6, 100), (1.0, 100), (0.0, 100), (np.nan, 100)],
)
def test_shares_are_drawn_on_a_scale_that_shows_them(largest: float, top: int) -> None:
    shares = [
        Line("d", np.array([0.0, largest, np.nan]), [["x"]] * 3),
        Line("e", np.zeros(2), [["y"]] * 2, second=True),
    ]
    lines = [Line("g", np.ones(3), [["x"]] * 3), Line("h", np.ones(2), [["y"]] * 2, second=True)]
    figure = along(lines, shares, unit="u", places="p", share_unit="%")
    assert list(figure.layout.yaxis2.range) == [0, top]
    assert list(figure.layout.yaxis2.tickvals) == [0, top / 2, top]
    assert [trace.xaxis for trace in figure.data] == ["x", "x2", "x", "x2"]
    assert {trace.yaxis for trace in figure.data[2:]} == {"y2"}
