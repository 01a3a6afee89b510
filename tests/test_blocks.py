"""Arrays made coarse: each cell that is drawn is the entry of its block that is largest in magnitude, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gradviz_core.drawing import fields, screen
from gradviz_core.drawing.screen import over_input, site_maps
from gradviz_core.types import FloatArray, Site, blocks
from gradviz_core.types.blocks import of_largest
from gradviz_core.types.looks import Look
from gradviz_core.types.views import VIEWS


def drawn_by_hand(view: FloatArray, block: int) -> list[list[float]]:
    """The entry of largest magnitude in each block, the positive of two; NaN where a block has one."""
    return [
        [
            max((float(v) for v in view[top : top + block, left : left + block].ravel()), key=lambda v: (abs(v), v))
            if not np.isnan(view[top : top + block, left : left + block]).any()
            else float("nan")
            for left in range(0, view.shape[1], block)
        ]
        for top in range(0, view.shape[0], block)
    ]


def some(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    """Few different numbers, so that many are equal or opposite."""
    return rng.integers(-4, 5, size=shape).astype(np.float32)


@pytest.mark.parametrize("reduction", [view.name for view in VIEWS])
@pytest.mark.parametrize("seed", range(6))
def test_each_cell_is_the_largest_number_of_the_view_in_its_block(
    reduction: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    shape = (1, int(rng.choice([1, 3])), *(int(n) for n in rng.integers(9, 40, 2)))
    whole = some(rng, shape) if seed % 2 else rng.standard_normal(shape).astype(np.float32)
    monkeypatch.setattr(blocks, "MOST_SIDE", 8)
    block = blocks.side(shape[2], shape[3])
    assert block > 1
    found = over_input.over_input(over_input.fit(whole, "g", Look(reduction=reduction)), "g")
    views = list(whole[0]) if reduction == "channel" else [fields.reduced(whole, reduction).values]
    shown = list(found.numbers[0]) if reduction == "channel" else [found.field(reduction, unit="").values]
    assert found.blocks is not None
    assert found.size == shape[2:]
    for channel, (view, cells) in enumerate(zip(views, shown, strict=True)):
        np.testing.assert_array_equal(cells, drawn_by_hand(view, block))
        for row in range(cells.shape[0]):
            for column in range(cells.shape[1]):
                at = found.blocks.place(row, column, channel)
                assert view[at] == cells[row, column]
                top, bottom, left, right = found.blocks.within(row, column)
                assert top <= at[0] <= bottom < top + block
                assert left <= at[1] <= right < left + block
    if reduction != "channel":  # the channels beside each other come from one pixel, whatever is made of them
        picked = found.blocks.picked
        assert picked is not None
        np.testing.assert_array_equal(found.numbers[0], whole[0].reshape(shape[1], -1)[:, picked])


@pytest.mark.parametrize("reduction", [view.name for view in VIEWS])
def test_scale_length_peak_and_box_are_those_of_the_whole_array(
    reduction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = np.random.default_rng(1).standard_normal((1, 3, 50, 70)).astype(np.float32) ** 3
    expected = over_input.OverInput(whole)
    monkeypatch.setattr(blocks, "MOST_SIDE", 10)
    found = over_input.over_input(over_input.fit(whole, "g", Look(reduction=reduction, pixel=(49, 3))), "g")
    if reduction == "channel":
        scales = [one.tiles(3, unit="").field for one in (found, expected)]
    else:
        scales = [one.field(reduction, unit="") for one in (found, expected)]
    assert scales[0].limit == scales[1].limit
    assert scales[0].clipped == pytest.approx(scales[1].clipped)
    assert (found.length, found.is_zero, found.effective_box) == (
        expected.length,
        expected.is_zero,
        expected.effective_box,
    )
    assert found.peak(reduction) == expected.peak(reduction)
    assert found.near is not None
    assert (found.near.corner, found.near.numbers.shape) == ((2, 0), (1, 3, 48, 48)), "as much as there is room for"
    np.testing.assert_array_equal(found.at((49, 3)), whole[0, :, 49, 3])
    np.testing.assert_array_equal(found.at((40, 20)), whole[0, :, 40, 20])


def test_nan_and_infinity_in_a_block_are_not_lost() -> None:
    values = np.ones((4, 6), np.float32)
    values[0, 1], values[1, 0] = np.inf, np.nan
    values[1, 3], values[2, 4], values[3, 5] = -np.inf, -9.0, 9.0
    found = of_largest(values, 2, 2)
    assert found.picked is not None
    assert found.picked.tolist() == [[6, 9, 4], [12, 14, 23]]
    np.testing.assert_array_equal(blocks.taken(values, found.picked), [[np.nan, -np.inf, 1], [1, 1, 9]])


def test_what_is_absent_stands_for_nothing_unless_there_is_nothing_else() -> None:
    values = np.array([[np.nan, 0, np.nan, np.nan], [np.nan, -2, np.nan, np.nan]], np.float32)
    found = of_largest(values, 2, 2, np.isnan(values))
    assert found.picked is not None
    np.testing.assert_array_equal(blocks.taken(values, found.picked), [[-2, np.nan]])
    zero = of_largest(np.array([[np.nan, 0]], np.float32), 2, 2, np.array([[True, False]]))
    assert zero.place(0, 0) == (0, 1)


def test_pictures_of_pixels_are_means_of_what_there_is() -> None:
    pixels = np.arange(3 * 5 * 3).reshape(3, 5, 3).astype(np.uint8)
    small = blocks.means(pixels, 2)
    assert small.shape == (2, 3, 3)
    for row in range(2):
        for column in range(3):
            part = pixels[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].reshape(-1, 3)
            np.testing.assert_array_equal(small[row, column], np.rint(part.mean(axis=0)))


def test_what_fits_a_screen_has_blocks_of_one() -> None:
    assert [blocks.side(*size) for size in ((640, 640), (64, 600), (1, 640))] == [1, 1, 1]
    assert [blocks.side(*size) for size in ((641, 5), (4096, 4096), (1, 10**6))] == [2, 7, 1563]


def test_a_block_is_no_larger_than_the_array() -> None:
    row = fields.for_screen(fields.field(np.arange(blocks.MOST_SIDE * 3, dtype=np.float32)[None], signed=True))
    assert row.blocks is not None
    assert row.blocks.size == "1×3"
    assert row.values[0, :2].tolist() == [2.0, 5.0]


def test_pictures_side_by_side_have_larger_blocks_together_as_many_cells() -> None:
    assert [blocks.side(640, 640, share) for share in (1, 2, 3, 10**4)] == [1, 2, 4, 640]
    assert blocks.matrix_block((500, 800)) == (1, 1)
    assert blocks.matrix_block((501, 1601)) == (2, 3)


def test_a_cell_that_is_a_mean_stands_in_the_middle_of_its_block() -> None:
    found = blocks.Blocks(4, 3, 10, 8)
    assert [found.place(*cell) for cell in ((0, 0), (1, 2), (2, 2))] == [(1, 1), (5, 6), (8, 6)]
    assert [found.cell(*place) for place in ((3, 2), (4, 3), (9, 7))] == [(0, 0), (1, 1), (2, 2)]
    with pytest.raises(IndexError, match="Row 3, column 0 is outside 3×3"):
        found.place(3, 0)


def test_small_pictures_of_several_units_share_one_scale() -> None:
    rng = np.random.default_rng(3)
    whole = (
        rng.standard_normal((3, 2, 30, 20)).astype(np.float32) * np.array([1, 10, 100], np.float32)[:, None, None, None]
    )
    look = Look(part=(5, 24, 2, 11))
    made = over_input.fit_gallery(whole, "gradients", look)
    sums = whole[:, :, 5:25, 2:12].sum(axis=1)
    limit = np.quantile(np.abs(sums), fields.QUANTILE, method="higher")
    np.testing.assert_allclose(made["scale/gradients"], [limit, np.mean(np.abs(sums) > limit)], rtol=1e-6)
    assert made["corner/gradients"].tolist() == [5, 2]
    np.testing.assert_array_equal(made["gradients"][:, 0], sums)


def test_a_whole_array_is_zero_only_where_every_number_is() -> None:
    numbers = np.zeros((1, 2, 3, 4), np.float32)
    assert over_input.OverInput(numbers).is_zero
    numbers[0, 1, 2, 3] = 1
    assert not over_input.OverInput(numbers).is_zero


def test_the_largest_number_is_found_in_its_channel_row_and_column() -> None:
    numbers = np.zeros((1, 3, 6, 4), np.float32)
    numbers[0, 2, 4, 1], numbers[0, 1, 5, 3] = -5, 4
    found = over_input.OverInput(numbers)
    assert [found.peak(reduction) for reduction in [view.name for view in VIEWS]] == [
        (2 if reduction == "channel" else 0, 4, 1) for reduction in [view.name for view in VIEWS]
    ]
    assert over_input.OverInput(0 * numbers).peak("channel") is None


def test_a_site_has_the_scale_of_all_its_channels_and_a_channel_its_own() -> None:
    value = np.zeros((1, 3, 10, 10), np.float32)
    value[0, 0] = np.linspace(0, 1, 100).reshape(10, 10)
    value[0, 1] = 10 + np.linspace(0, 1, 100).reshape(10, 10)
    found = site_maps.site_maps({"activation/a": value}, Site("a"), Look(maps="activation", channel=1), value.shape)
    limit = float(np.quantile(value, fields.QUANTILE, method="higher"))
    assert found.scale.limit == limit
    assert found.scale.clipped == pytest.approx(np.mean(value > limit))
    assert found.beyond == pytest.approx(np.mean(value[0, 1] > limit))
    assert found.one.limit == np.quantile(value[0, 1], fields.QUANTILE, method="higher") > limit
    assert (found.strongest, found.channel, found.signed, found.block) == (1, 1, False, 1)
    ordered = site_maps.made(value, None, Look(maps="activation", strongest_first=True))
    assert ordered["maps/numbers"].tolist() == [1, 0, 2]
    np.testing.assert_array_equal(ordered["maps/sheet"], value[0][[1, 0, 2]])


def test_as_many_units_are_asked_for_as_an_answer_may_hold() -> None:
    assert [screen.units_within(side, side) for side in (96, 2000, 4096, 20_000)] == [6, 6, 2, 1]
    assert screen.units_within(8192, 2048) == screen.units_within(2048, 8192) == 2
