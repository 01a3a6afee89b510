"""The names of layers below a chart: the first and the last always, cut in the middle, as text and no markup."""

from __future__ import annotations

import plotly.graph_objects as go
import pytest

from gradviz_core.drawing import axis_names
from gradviz_core.drawing.axis_names import LONGEST, MOST, cut


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("layer1.0.relu", "layer1.0.relu"),
        ("a" * LONGEST, "a" * LONGEST),
        ("features.denseblock4.denselayer16.conv2", "features.d…6.conv2"),
    ],
)
def test_a_name_is_cut_in_its_middle(name: str, shown: str) -> None:
    assert cut(name) == shown
    assert len(cut(name)) <= LONGEST


@pytest.mark.parametrize(
    ("count", "panels", "drawn"), [(3, 1, 3), (MOST, 1, MOST), (143, 1, MOST), (143, 2, MOST // 2)]
)
def test_as_many_names_as_fit_with_the_first_and_the_last(count: int, panels: int, drawn: int) -> None:
    figure = go.Figure()
    axis_names.write(figure, [f"layer{i}" for i in range(count)], list(range(count)), panels=panels)
    axis = figure.layout.xaxis
    assert len(axis.tickvals) == len(axis.ticktext) == drawn
    assert [f"layer{i}" for i in axis.tickvals] == list(axis.ticktext)
    assert (axis.tickvals[0], axis.tickvals[-1]) == (0, count - 1)


def test_names_are_text_and_no_markup() -> None:
    figure = go.Figure()
    axis_names.write(figure, ["<b>a</b>"], [0], axis="xaxis2")
    assert figure.layout.xaxis2.ticktext == ("&lt;b&gt;a&lt;/b&gt;",)
    assert figure.layout.xaxis.ticktext is None
