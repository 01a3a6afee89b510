"""The enlarged part of a picture keeps the rows and columns of the whole."""

from __future__ import annotations

import numpy as np

from gradviz_core.drawing import fields
from gradviz_core.story import figures
from gradviz_core.story.regions import centre, grown


def test_an_enlarged_part_has_the_rows_and_columns_of_the_whole() -> None:
    values = np.arange(200, dtype=np.float32).reshape(10, 20)
    drawn = figures.enlarged(fields.activation(values, unit="activation"), (3, 6, 8, 15), (4, 5, 10, 11), (3, 6, 8, 9))
    (trace,) = drawn.data
    np.testing.assert_array_equal(trace.z, values[3:7, 8:16])
    assert (trace.y0, trace.dy, trace.x0, trace.dx) == (3, 1, 8, 1)
    assert tuple(drawn.layout.yaxis.range) == (6.5, 2.5)
    assert tuple(drawn.layout.xaxis.range) == (7.5, 15.5)
    lines = {shape.line.dash: shape for shape in drawn.layout.shapes if shape.line.color != "white"}
    assert set(lines) == {"solid", "dash"}
    inner = lines["solid"]
    assert 3.5 >= inner.y0 > 3
    assert 5.5 <= inner.y1 < 6
    assert 9.5 >= inner.x0 > 9
    assert 11.5 <= inner.x1 < 12


def test_a_box_grows_by_half_its_size_and_stays_in_the_picture() -> None:
    assert grown((10, 13, 20, 21), (100, 200)) == (8, 15, 19, 22)
    assert grown((0, 3, 197, 199), (100, 200)) == (0, 5, 195, 199)
    assert centre((10, 13, 20, 21)) == "11,20"
