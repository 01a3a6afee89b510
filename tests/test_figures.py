"""Figures carry the field's exact values, honest limits and their unit, and say in words that there is nothing."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from gradviz_core.drawing import fields, figures, outlines
from gradviz_core.types import ClassProbability, FloatArray, blocks

PIXELS = np.random.default_rng(1).integers(0, 256, (6, 8, 3), dtype=np.uint8)


def gradient() -> FloatArray:
    return np.random.default_rng(0).normal(size=(1, 3, 6, 8)).astype(np.float32)


def test_a_signed_heatmap_is_symmetric_round_zero_and_exact() -> None:
    field = fields.signed_sum(gradient(), unit="logit per normalised-pixel unit")
    figure = figures.heatmap(field)
    trace = figure.data[0]
    assert trace.zmin == -trace.zmax == -field.limit
    np.testing.assert_array_equal(trace.z, field.values)
    assert trace.z.dtype == np.float32
    assert [note.text for note in figure.layout.annotations] == [field.unit]
    assert tuple(trace.colorbar.tickvals)[2] == 0.0


@pytest.mark.parametrize(("columns", "below"), [(40, False), (64, False), (100, True)])
def test_the_unit_of_a_low_wide_picture_stands_below(columns: int, below: bool) -> None:
    """Beside a line of text of 32 x 100 pixels it would be longer than the picture is high."""
    field = fields.field(
        np.ones((32, columns)) * np.arange(columns), signed=True, unit="logit per normalised-pixel unit"
    )
    figure = figures.heatmap(field, pixels=np.zeros((32, columns, 3), np.uint8))
    assert (figure.data[0].colorbar.orientation == "h") == below
    assert [note.text for note in figure.layout.annotations] == ([] if below else [field.unit])
    assert figure.data[0].colorbar.title.text == (field.unit if below else None)


def test_an_unsigned_heatmap_starts_at_zero() -> None:
    trace = figures.heatmap(fields.magnitude_l2(gradient())).data[0]
    assert trace.zmin == 0.0
    assert trace.colorscale != figures.heatmap(fields.signed_sum(gradient())).data[0].colorscale


def test_a_clipped_scale_says_so_at_its_ends() -> None:
    values = np.ones((20, 20), np.float32)
    values[0, 0] = 100.0
    ticks = figures.heatmap(fields.field(values, signed=True, quantile=0.9)).data[0].colorbar.ticktext
    assert (ticks[0], ticks[-1]) == ("≤ −1", "≥ 1")


def test_the_ticks_of_a_colour_bar_stand_at_the_ends_the_halves_and_zero() -> None:
    signed = figures.heatmap(fields.field(np.array([[-2.0, 1.0]]), signed=True)).data[0].colorbar
    assert (signed.tickvals, signed.ticktext) == ((-2, -1, 0, 1, 2), ("−2", "−1", "0", "1", "2"))
    plain = figures.heatmap(fields.field(np.array([[2.0, 1.0]]), signed=False)).data[0].colorbar
    assert (plain.tickvals, plain.ticktext) == ((0, 1, 2), ("0", "1", "2"))


def test_cells_that_stand_for_blocks_lie_over_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 5 x 7 places in blocks of 2 x 2, the last ones with fewer."""
    monkeypatch.setattr(blocks, "MOST_SIDE", 4)
    values = np.arange(35, dtype=np.float32).reshape(5, 7)
    figure = figures.heatmap(fields.for_screen(fields.field(values, signed=True)))
    trace = figure.data[0]
    assert (trace.x0, trace.dx, trace.y0, trace.dy) == (0.5, 2, 0.5, 2)
    np.testing.assert_array_equal(trace.z[:, 3], [13, 27, 34])
    np.testing.assert_array_equal(trace.customdata[:, 3], [[1, 6], [3, 6], [4, 6]])
    assert figure.layout.xaxis.ticktext == ("0–1", "2–3", "4–5", "6–6")
    assert figure.layout.yaxis.ticktext == ("0–1", "2–3", "4–4")
    assert figure.layout.xaxis.tickvals == (0.5, 2.5, 4.5, 6.5)
    assert (figure.layout.xaxis.range, figure.layout.yaxis.range) == ((-0.5, 6.5), (4.5, -0.5))


def test_row_zero_is_on_top_and_pixels_are_square() -> None:
    layout = figures.heatmap(fields.signed_sum(gradient())).layout
    assert tuple(layout.yaxis.range) == (5.5, -0.5)
    assert layout.yaxis.scaleanchor == "x"


@pytest.mark.parametrize(("value", "words"), [(0.0, "exactly zero"), (2.5, "2.5"), (np.nan, "no finite value")])
def test_a_constant_field_is_said_in_words(value: float, words: str) -> None:
    figure = figures.heatmap(fields.field(np.full((4, 4), value), signed=True))
    assert words in figure.layout.annotations[0].text
    assert not figure.data[0].showscale


def test_the_overlay_lies_over_the_image_in_grey() -> None:
    figure = figures.heatmap(fields.signed_sum(gradient()), pixels=PIXELS, opacity=0.5)
    under = _decoded(figure.data[0].source)
    assert (under[..., 0] == under[..., 2]).all()
    assert figure.data[1].opacity == 0.5
    assert len(figures.heatmap(fields.signed_sum(gradient()), pixels=PIXELS).data) == 1


def test_the_image_is_shown_without_loss() -> None:
    np.testing.assert_array_equal(_decoded(figures.image(PIXELS).data[0].source), PIXELS)


def test_boxes_are_drawn_beside_their_cells_as_far_as_the_picture_goes() -> None:
    figure = figures.heatmap(
        fields.signed_sum(gradient()), solid=(0, 5, 0, 7), dashed=(1, 2, 3, 4), height=60 * 6 + 2 * outlines.EDGE
    )
    *dashed, _, solid = ((s.x0, s.x1, s.y0, s.y1, s.line.dash) for s in figure.layout.shapes)
    assert solid == (-0.5, 7.5, -0.5, 5.5, "solid")
    line = outlines.OUTLINE / 60
    for x0, x1, y0, y1, _ in dashed:
        assert (x0 + line / 2, y0 + line / 2) == pytest.approx((2.5, 0.5))
        assert (x1 - line / 2, y1 - line / 2) == pytest.approx((4.5, 2.5))
    assert dashed[-1][-1] == "dash"


def test_of_two_boxes_that_are_the_same_the_solid_one_is_drawn() -> None:
    figure = figures.heatmap(fields.signed_sum(gradient()), solid=(1, 2, 3, 4), dashed=(1, 2, 3, 4))
    assert [s.line.dash for s in figure.layout.shapes] == [None, "solid"]


def test_tiles_are_one_trace_with_a_number_above_each() -> None:
    sheet = fields.tile(np.random.default_rng(0).normal(size=(10, 4, 4)), range(20, 30))
    figure = figures.tiles(sheet, chosen=23)
    assert [t.type for t in figure.data] == ["heatmap", "scatter"]
    assert list(figure.data[1].text) == [str(n) for n in range(20, 30)]
    row, column = sheet.corner(3)
    assert tuple(figure.data[0].customdata[row + 2, column + 1]) == (23, 2, 1)


def test_the_cell_that_is_outlined_is_the_one_that_stands_for_the_place() -> None:
    sheet = fields.tile(np.random.default_rng(0).normal(size=(3, 4, 4)))
    coarse = replace(sheet, blocks=blocks.Blocks(2, 2, 8, 8))
    assert (
        figures.tiles(coarse, chosen=1, cell=(5, 7)).layout.shapes
        == figures.tiles(sheet, cell=(2, 3), chosen=1).layout.shapes
    )
    row, column = sheet.corner(1)
    outlined = figures.tiles(sheet, cell=(2, 3), chosen=1).layout.shapes[-1]
    assert (outlined.x0 + outlined.x1) / 2 == pytest.approx(column + 3, abs=0.1)
    assert (outlined.y0 + outlined.y1) / 2 == pytest.approx(row + 2, abs=0.1)


def test_a_cell_of_many_has_a_square_round_it_that_can_be_seen() -> None:
    sheet = fields.tile(np.random.default_rng(0).normal(size=(2, 80, 80)))
    row, column = sheet.corner(1)
    box = figures.tiles(sheet, cell=(30, 50), chosen=1).layout.shapes[-1]
    assert (box.x0 + box.x1) / 2 == pytest.approx(column + 50)
    assert (box.y0 + box.y1) / 2 == pytest.approx(row + 30)
    assert box.x1 - box.x0 == pytest.approx(box.y1 - box.y0)
    assert box.x1 - box.x0 > 80 / 40 * 2 + 1


def test_labels_of_classes_are_text_and_never_markup() -> None:
    figure = figures.class_bars([ClassProbability(0, "<script>x</script>", 1.0, 0.75)], chosen=0)
    assert figure.layout.yaxis.ticktext[0] == "<b>&lt;script&gt;x&lt;/script&gt;</b>"
    assert figure.data[0].marker.color[0] == figures.ACCENT


def test_two_classes_of_one_name_stay_two_bars() -> None:
    figure = figures.class_bars([ClassProbability(134, "crane", 2.0, 0.6), ClassProbability(517, "crane", 1.0, 0.4)])
    assert list(figure.data[0].y) == [0, 1]
    assert [said[0] for said in figure.data[1].customdata] == [134, 517]


def test_the_strip_keeps_zeros_gaps_and_what_is_not_finite_apart() -> None:
    figure = figures.strip(["a", "b", "c", "d"], np.array([0.0, np.nan, 2.0, np.inf]), unit="logit", chosen=2)
    trace = figure.data[0]
    assert 0 < trace.y[0] < 2.0 == trace.y[2] < trace.y[3] < np.inf
    assert np.isnan(trace.y[1])
    assert list(trace.marker.symbol) == ["circle-open", "circle", "circle", "x"]
    assert [said for _, said in trace.customdata] == ["zero", "no gradient", "2", "contains NaN or infinity"]


def _decoded(address: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.split(",", 1)[1]))))
