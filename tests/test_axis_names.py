"""The names of layers below a chart: the first and the last always, whole on one line or two, as text and no markup."""

from __future__ import annotations

import plotly.graph_objects as go
import pytest

from gradviz_core.drawing import axis_names
from gradviz_core.drawing.axis_names import LONGEST, MOST, MOST_OF_TWO_LINES, lines


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("layer1.0.relu", ("layer1.0.relu",)),
        ("a" * LONGEST, ("a" * LONGEST,)),
        ("layer3.0.conv1.relu", ("layer3.", "0.conv1.relu")),
        ("layer2.0.relu, second call", ("layer2.0.", "relu, second call")),
        ("encoder.layers.3." + "a" * LONGEST, ("encoder.layers.3.", "a" * LONGEST)),
        ("features.denseblock4.denselayer16.conv2", ("…denseblock4.", "denselayer16.conv2")),
        ("encoder.layers.encoder_layer_3.mlp.0", ("…encoder_layer_3.", "mlp.0")),
        ("b" + "a" * LONGEST, ("b", "a" * LONGEST)),
        ("a" * 100, ("…" + "a" * (LONGEST - 1), "a" * LONGEST)),
    ],
)
def test_a_long_name_has_two_lines_that_part_at_a_dot_and_loses_its_beginning_alone(
    name: str, shown: tuple[str, ...]
) -> None:
    assert lines(name) == shown
    assert name.endswith("".join(shown).removeprefix("…"))


def test_fewer_names_of_two_lines() -> None:
    figure = go.Figure()
    axis_names.write(figure, [f"layer{i}.0.attention.projection" for i in range(30)], list(range(30)))
    assert len(figure.layout.xaxis.ticktext) == MOST_OF_TWO_LINES
    assert figure.layout.xaxis.ticktext[0] == "…0.attention.<br>projection"


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
