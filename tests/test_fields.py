"""Each reduction against numbers worked out by hand; tiles and planes against the arrays they were made of."""

from __future__ import annotations

import numpy as np
import pytest

from gradviz_core.drawing import fields
from gradviz_core.types import FloatArray, Layout

GRADIENT = np.array([[[[3.0, 0.0], [-1.0, 2.0]], [[-4.0, 0.0], [-1.0, -2.0]]]], dtype=np.float32)
"""(1, 2, 2, 2): two channels whose sums, roots and sizes are whole numbers or √2."""


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def normal(*shape: int) -> FloatArray:
    return rng().normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(
    ("reduce", "expected", "signed"),
    [
        (fields.signed_sum, [[-1, 0], [-2, 0]], True),
        (fields.magnitude_l2, [[5, 0], [2**0.5, 8**0.5]], False),
        (fields.magnitude_max, [[4, 0], [1, 2]], False),
    ],
)
def test_reductions_by_hand(reduce, expected, signed) -> None:  # type: ignore[no-untyped-def]
    field = reduce(GRADIENT, unit="logit")
    np.testing.assert_allclose(field.values, expected, rtol=1e-6)
    assert (field.signed, field.unit, field.values.dtype) == (signed, "logit", np.float32)
    np.testing.assert_array_equal(reduce(GRADIENT[0]).values, field.values)


def test_one_channel_is_its_own_sum_and_its_size_is_its_own_magnitude() -> None:
    g = normal(1, 1, 5, 7)
    np.testing.assert_array_equal(fields.signed_sum(g).values, g[0, 0])
    np.testing.assert_array_equal(fields.magnitude_max(g).values, np.abs(g[0, 0]))
    np.testing.assert_allclose(fields.magnitude_l2(g).values, np.abs(g[0, 0]), rtol=1e-6)


def test_channel_is_untouched_and_a_wrong_one_is_named() -> None:
    np.testing.assert_array_equal(fields.channel(GRADIENT, 1).values, GRADIENT[0, 1])
    with pytest.raises(IndexError, match="Channel 2 does not exist: there are channels 0 to 1"):
        fields.channel(GRADIENT, 2)


def test_limit_is_the_quantile_and_the_clipped_share_is_counted() -> None:
    values = np.arange(1, 1001, dtype=np.float32).reshape(10, 100) * -1
    field = fields.field(values, signed=True)
    assert 989 <= field.limit <= 992
    assert field.clipped == pytest.approx(np.mean(np.abs(values) > field.limit))
    assert fields.field(values, signed=True, quantile=1.0).clipped == 0.0


def test_a_lone_pixel_is_not_clipped_away() -> None:
    values = np.zeros((100, 100), np.float32)
    values[3, 4] = -2.5
    assert (fields.field(values, signed=True).limit, fields.field(values, signed=True).clipped) == (2.5, 0.0)


def test_limits_of_nothing_at_all() -> None:
    assert fields.field(np.zeros((2, 2)), signed=True).limit == 0.0
    assert fields.field(np.full((2, 2), np.nan), signed=True).limit == 0.0


def test_a_shared_scale_has_one_limit_and_refuses_to_mix() -> None:
    small, large = fields.channel(GRADIENT * 0.01, 0), fields.channel(GRADIENT, 0)
    shared = fields.share_scale([small, large])
    assert {f.limit for f in shared} == {3.0}
    with pytest.raises(ValueError, match="one unit"):
        fields.share_scale([small, fields.magnitude_l2(GRADIENT)])


def test_a_shared_limit_is_the_quantile_of_all_numbers_together() -> None:
    """Of 10 000 small numbers and 100 large ones 1 % lie beyond the largest small one: neither picture's own limit."""
    small = fields.field(np.linspace(0.1, 0.2, 10_000).reshape(100, 100), signed=True)
    large = fields.field(np.arange(1.0, 101).reshape(10, 10), signed=True)
    shared = fields.share_scale([small, large])
    assert [f.limit for f in shared] == [pytest.approx(0.2)] * 2
    assert small.limit == pytest.approx(0.199, abs=1e-4)
    assert large.limit == 100.0
    assert [f.clipped for f in shared] == [0.0, 1.0]


def test_activation_is_signed_only_where_something_is_negative() -> None:
    assert not fields.activation(np.array([[0.0, 1.0]])).signed
    assert fields.activation(np.array([[-0.1, 1.0]])).signed


def test_product_is_elementwise_and_needs_equal_shapes() -> None:
    a = normal(1, 2, 3, 3)
    np.testing.assert_array_equal(fields.product(a, np.ones_like(a)), a)
    with pytest.raises(ValueError, match="must agree"):
        fields.product(a, a[:, :1])


@pytest.mark.parametrize(
    ("layout", "shape", "drawn"),
    [
        ("maps", (1, 4, 3, 5), (4, 3, 5)),
        ("maps_last", (1, 3, 5, 4), (4, 3, 5)),
        ("tokens", (1, 17, 6), (6, 6, 4)),
        ("tokens", (1, 16, 6), (6, 4, 4)),
        ("tokens", (1, 7, 6), (6, 1, 7)),
        ("sequence", (1, 6, 7), (6, 1, 7)),
        ("volumes", (1, 2, 3, 4, 5), (2, 9, 11)),
        ("volumes_last", (1, 3, 4, 5, 2), (2, 9, 11)),
        ("volumes", (1, 2, 1, 4, 5), (2, 4, 5)),
        ("vector", (1, 9), (9, 1, 1)),
        ("other", (1, 2, 3, 4, 5), (120, 1, 1)),
    ],
)
def test_every_cell_of_a_plane_is_the_unit_that_its_index_names(
    layout: Layout, shape: tuple[int, ...], drawn: tuple[int, ...]
) -> None:
    value = normal(*shape)
    planes = fields.planes(value, layout)
    assert planes.maps.shape == drawn
    seen = 0
    for number, row, column in np.argwhere(np.isfinite(planes.maps)):
        index = planes.index(int(number), int(row), int(column))
        assert planes.maps[number, row, column] == value[0][index]
        first, last = ("maps", "sequence", "volumes"), ("maps_last", "tokens", "volumes_last")
        place = index[1:] if layout in first else index[:-1] if layout in last else ()
        assert planes.place(int(row), int(column)) == place
        assert planes.cell(place) == (row, column)
        seen += 1
    assert seen == value.size


def test_the_gap_under_the_class_token_is_no_unit() -> None:
    planes = fields.planes(normal(1, 17, 6), "tokens")
    with pytest.raises(IndexError, match="gap"):
        planes.index(0, 1, 0)
    with pytest.raises(IndexError, match="outside"):
        planes.index(6, 0, 0)


@pytest.mark.parametrize("count", [1, 3, 10, 64, 512])
def test_tiles_hold_every_map_once_and_know_where(count: int) -> None:
    maps, numbers = normal(count, 5, 6), tuple(range(count))[::-1]
    sheet = fields.tile(maps, numbers)
    for position in range(count):
        row, column = sheet.corner(position)
        np.testing.assert_array_equal(sheet.field.values[row : row + 5, column : column + 6], maps[position])
        assert sheet.at(row, column) == sheet.at(row + 4, column + 5) == sheet.at(row - 1, column) == position
    assert np.isfinite(sheet.field.values).sum() == maps.size
    assert sheet.at(-1, 0) is None
    assert sheet.at(0, 6) is None  # in a gutter, or right of the only tile


def test_coarser_keeps_small_sheets_and_averages_large_ones() -> None:
    maps = normal(4, 7, 10)
    same, side = fields.coarser(maps, 280)
    assert side == 1
    assert same is maps
    small, side = fields.coarser(maps, 80)
    assert side == 2
    assert small.shape == (4, 4, 5)
    np.testing.assert_allclose(small[2, 1, 3], maps[2, 2:4, 6:8].mean(), rtol=1e-5)
    np.testing.assert_allclose(small[2, 3, 0], maps[2, 6, 0:2].mean(), rtol=1e-5)


def test_strength_leaves_gaps_out() -> None:
    np.testing.assert_allclose(fields.strength(np.array([[[3.0, np.nan]], [[4.0, 3.0]]])), [3.0, 5.0])


def test_effective_box_by_hand() -> None:
    g = np.zeros((1, 3, 10, 12), np.float32)
    g[0, :, 4, 7] = -1.0
    assert fields.effective_box(g) == (4, 4, 7, 7)
    g[0, 0, 2, 9] = 3.0
    assert fields.effective_box(g) == (2, 4, 7, 9)
    assert fields.effective_box(g * 0) is None


def test_effective_box_holds_what_it_promises_and_no_row_or_column_too_many() -> None:
    g = normal(1, 3, 30, 40) * np.exp(-((np.arange(40) - 15.0) ** 2) / 30).astype(np.float32)
    size = np.abs(g[0]).sum(axis=0)
    top, bottom, left, right = fields.effective_box(g) or (0, 0, 0, 0)
    assert size[top : bottom + 1, left : right + 1].sum() >= 0.95 * size.sum()
    rows = size.sum(axis=1)
    shorter = [rows[i : i + bottom - top].sum() for i in range(30)]
    assert max(shorter) < 0.975 * size.sum()


def test_a_class_token_survives_a_coarser_sheet() -> None:
    maps = fields.planes(normal(1, 17, 6), "tokens").maps
    small, side = fields.coarser(maps, 6 * 4)
    assert side == 2
    assert small.shape == (6, 4, 2)
    np.testing.assert_array_equal(small[:, 0, 0], maps[:, 0, 0])
    np.testing.assert_allclose(small[3, 2, 1], maps[3, 2:4, 2:4].mean(), rtol=1e-5)


@pytest.mark.parametrize(("count", "middle"), [(197, 106), (16, 10), (7, 3), (1, 0)])
def test_the_middle_token_lies_in_the_middle(count: int, middle: int) -> None:
    assert fields.middle_place("tokens", (count,)) == (middle,)


def test_length_and_peak() -> None:
    assert fields.length(np.array([[3.0, 4.0]])) == 5.0
    assert fields.peak(fields.field(np.array([[0.0, 1.0], [-2.0, np.nan]]), signed=True)) == (1, 0)
    assert fields.peak(fields.field(np.zeros((2, 2)), signed=True)) is None
    assert fields.peak(fields.field(np.array([[np.inf, 1.0], [-np.inf, -3.0]]), signed=True)) == (1, 1)


def test_a_place_of_the_image_finds_the_cell_over_it() -> None:
    maps = fields.planes(normal(1, 4, 6, 8), "maps")
    assert maps.under(0.0, 0.0) == (0, 0)
    assert maps.under(0.99, 0.5) == (5, 4)
    tokens = fields.planes(normal(1, 17, 6), "tokens")
    assert tokens.under(0.0, 0.99) == (2, 3)
    assert tokens.under(0.99, 0.0) == (5, 0)


def test_on_scale_counts_what_lies_beyond() -> None:
    field = fields.on_scale(fields.field(np.array([[1.0, 2.0, 3.0, np.nan]]), signed=True), 2.5)
    assert field.limit == 2.5
    assert field.clipped == pytest.approx(1 / 3)
