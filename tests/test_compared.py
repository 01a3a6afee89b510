"""Maps side by side: which share a scale, which have a difference, how alike they are; all worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gradviz_core.drawing import compared, fields
from gradviz_core.drawing.compared import Compared, Quantity
from gradviz_core.drawing.screen import over_input
from gradviz_core.types import Blocks, FloatArray
from gradviz_core.types.area_means import area_means, cells_of
from gradviz_core.types.cards import Preprocessing
from gradviz_core.types.looks import Look
from gradviz_core.types.photo_window import WHOLE, Window, seen
from gradviz_core.types.similarity import overlap, spearman

SLOPE = Quantity("logit per normalised-pixel unit", True, "the input")


def one(letter: str, values: FloatArray, quantity: Quantity = SLOPE, window: Window = WHOLE) -> Compared:
    field = fields.field(values, signed=quantity.signed, unit=quantity.unit)
    return Compared(letter, field, quantity, window)


RAMP = np.arange(12.0).reshape(3, 4)


# ---------------------------------------------------------------------------------------------------- a coarser grid


def test_the_mean_over_the_area_of_each_cell() -> None:
    np.testing.assert_allclose(area_means(RAMP, 1, 2), [[(0 + 1 + 4 + 5 + 8 + 9) / 6, (2 + 3 + 6 + 7 + 10 + 11) / 6]])
    # two rows of three: the middle one counts half for each
    np.testing.assert_allclose(area_means(RAMP, 2, 4), [(RAMP[0] + RAMP[1] / 2) / 1.5, (RAMP[1] / 2 + RAMP[2]) / 1.5])
    assert area_means(RAMP, 3, 4) is RAMP, "on its own grid nothing is computed"
    for rows, columns in ((1, 1), (2, 3), (3, 2)):
        assert area_means(RAMP, rows, columns).mean() == pytest.approx(RAMP.mean())


def test_what_is_not_finite_counts_in_no_mean() -> None:
    for odd in (np.nan, np.inf):
        holed = RAMP.copy()
        holed[0, 0] = odd
        np.testing.assert_allclose(area_means(holed, 3, 2)[0], [RAMP[0, 1], RAMP[0, 2:].mean()])
    empty = np.full((2, 2), np.nan)
    assert np.isnan(area_means(empty, 1, 1)).all()


def test_maps_in_blocks_are_compared_as_the_means_that_came_with_them() -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.normal(size=(1, 3, 700, 1300)).astype(np.float32) for _ in range(2))
    name = "attribution/.input"

    def coarse(letter: str, whole: FloatArray) -> Compared:
        came = over_input.fit(whole, name, Look(means=True))
        assert over_input.fit(whole, name, Look()).keys() == came.keys() - {f"means/{name}"}, "sent where it is needed"
        field = over_input.over_input(came, name).field("signed_sum", unit="")
        return Compared(letter, field, SLOPE, WHOLE, means=came[f"means/{name}"])

    a, b = coarse("A", first), coarse("B", second)
    summed = [each[0].sum(axis=0, dtype=np.float64) for each in (first, second)]
    values, sizes = ([area_means(of(each), 234, 434) for each in summed] for of in (np.asarray, np.abs))
    (pair,) = compared.pairs((a, b), 0.1)
    assert (pair.rows, pair.columns) == (234, 434)
    assert pair.values == pytest.approx(spearman(*values), abs=1e-4)
    assert pair.magnitudes == pytest.approx(spearman(*sizes), abs=1e-4)
    assert pair.overlap == pytest.approx(overlap(sizes[0], sizes[1], 0.1), abs=1e-3)
    assert compared.have_a_difference(a, b)
    np.testing.assert_allclose(compared.difference(a, b).values, values[1] - values[0], atol=1e-5)
    assert not compared.have_a_difference(a, replace(b, means=None)), "blocks of the largest alone say nothing"


def test_a_part_of_a_map_on_a_grid_of_its_own() -> None:
    part = Window(1 / 3, 1, 0.25, 0.75)
    np.testing.assert_allclose(area_means(RAMP, 2, 2, part), RAMP[1:, 1:3])
    assert cells_of(part, 3, 4) == (2, 2)
    assert cells_of(Window(0, 0.01), 3, 4) == (1, 4)


# ------------------------------------------------------------------------------------------------------ places


def test_a_place_of_the_photo_is_the_same_in_every_crop() -> None:
    cropped = Preprocessing(size=(100, 100), resize=100, mean=(0.0,), std=(1.0,))
    window = seen(cropped, (100, 200))
    assert window == Window(0, 1, 0.25, 0.75)
    assert seen(cropped, (0, 0)) == WHOLE
    place = window.middle((10, 0), 100, 100)
    assert place == pytest.approx((0.105, 0.2525 + 0.0025 - 0.0025))
    assert window.cell(place, 100, 100) == (10, 0)
    assert WHOLE.cell(place, 100, 200) == (10, 50)
    assert window.cell((0.5, 0.2), 100, 100) is None, "cut away"
    for row, column in np.ndindex(7, 13):
        assert window.cell(window.middle((row, column), 7, 13), 7, 13) == (row, column)


# ------------------------------------------------------------------------------------------------------------- scales


def test_one_quantity_has_one_scale_and_others_their_own() -> None:
    other = Quantity("logit", False, "layer outputs")
    maps = compared.on_one_scale([one("A", RAMP), one("B", 10 * RAMP), one("C", 100 * RAMP, other)])
    limits = [each.field.limit for each in maps]
    pooled = np.concatenate([RAMP.ravel(), 10 * RAMP.ravel()])
    assert limits[0] == limits[1] == pytest.approx(np.quantile(pooled, 0.99, method="higher"))
    assert limits[2] == 1100
    assert compared.together(maps) == ((0, 1), (2,))


@pytest.mark.parametrize("change", [{"unit": "logit"}, {"signed": False}, {"at": "layer outputs"}])
def test_another_unit_sign_or_kind_of_place_is_another_quantity(change: dict[str, object]) -> None:
    maps = [one("A", RAMP), one("B", 10 * RAMP, replace(SLOPE, **change))]  # type: ignore[arg-type]
    assert compared.on_one_scale(maps) == tuple(maps)
    assert not compared.have_a_difference(*maps)


def test_the_difference_is_the_second_less_the_first_on_a_scale_of_its_own() -> None:
    first, second = one("A", RAMP), one("B", 3 * RAMP)
    found = compared.difference(first, second)
    np.testing.assert_array_equal(found.values, 2 * RAMP)
    assert found.signed
    assert found.limit == 22
    assert found.unit == SLOPE.unit


def test_there_is_no_difference_of_other_cells_or_parts() -> None:
    first = one("A", RAMP)
    blocks = Blocks(2, 2, 6, 8, np.zeros((3, 4), np.int64))
    coarse = replace(first, field=replace(first.field, blocks=blocks))
    for second in (one("B", RAMP.T), one("B", RAMP, window=Window(left=0.1)), coarse):
        assert not compared.have_a_difference(first, second)
        with pytest.raises(ValueError, match="no difference of one quantity on the same cells"):
            compared.difference(first, second)


# ------------------------------------------------------------------------------------------------------------ likeness


def test_the_overlap_of_the_strongest_places_by_hand() -> None:
    x = np.array([[9.0, -8.0, 1.0, 0.0, 0.0]])
    y = np.array([[-9.0, 0.0, 8.0, 0.0, 0.0]])
    assert overlap(x, y, 0.4) == pytest.approx(1 / 3), "{0, 1} and {0, 2}"
    assert overlap(x, -x, 0.4) == 1, "magnitudes count"
    assert overlap(x, y, 0.2) == 1
    assert overlap(x, y, 0.8) == pytest.approx(2 / 3), "a place that is zero is not among the strongest"
    assert np.isnan(overlap(x, np.zeros_like(x), 0.4))
    assert np.isnan(overlap(np.full((1, 5), np.nan), x, 0.4))
    equal = np.array([[1.0, 1.0, 1.0, 0.0, 0.0]])
    assert overlap(equal, x, 0.4) == pytest.approx(2 / 3), "as strong as the second: all three belong"
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        overlap(x, y, 0)


def test_each_two_maps_on_the_coarser_grid() -> None:
    fine = np.kron(RAMP, np.ones((2, 3))) * np.tile([[0.5, 1.0, 1.5], [1.5, 1.0, 0.5]], (3, 4))
    found = compared.pairs([one("A", RAMP), one("B", -RAMP), one("C", fine)], 0.25)
    assert [(pair.first, pair.second) for pair in found] == [("A", "B"), ("A", "C"), ("B", "C")]
    assert [(pair.rows, pair.columns) for pair in found] == [(3, 4)] * 3
    assert [pair.values for pair in found] == pytest.approx([-1, 1, -1]), "the mean of each cell is that of the ramp"
    assert [pair.magnitudes for pair in found] == pytest.approx([1, 1, 1])
    assert [pair.overlap for pair in found] == pytest.approx([1, 1, 1])


def test_fine_cells_of_both_signs_do_not_cancel_as_magnitudes() -> None:
    """A quadrant of ±9 is the strongest of the gradient, although its mean is 0, as it is of the coarse map."""
    fine = np.full((4, 4), 0.1)
    fine[:2, :2] = [[9, -9], [-9, 9]]
    (pair,) = compared.pairs([one("A", fine), one("B", np.array([[5.0, 1.0], [1.0, 0.5]]))], 0.25)
    # ranks 4 2 2 2 against 4 2.5 2.5 1: covariance 3, variances 3 and 4.5
    assert pair.magnitudes == pytest.approx(3 / np.sqrt(3 * 4.5))
    assert pair.overlap == 1
    assert pair.values == pytest.approx(-3 / np.sqrt(3 * 4.5)), "the values are means with their signs"


def test_two_crops_are_compared_where_both_see_the_photo() -> None:
    left, right = Window(right=0.75), Window(left=0.25)
    wide = np.arange(24.0).reshape(3, 8)
    (pair,) = compared.pairs([one("A", wide[:, :6], window=left), one("B", wide[:, 2:], window=right)], 0.5)
    assert (pair.rows, pair.columns) == (3, 4)
    assert (pair.values, pair.overlap) == pytest.approx((1, 1))
    apart = compared.pairs([one("A", RAMP, window=Window(right=0.5)), one("B", RAMP, window=Window(left=0.5))], 0.5)
    assert apart[0].rows == 0
    assert np.isnan(apart[0].values)


def test_a_map_in_blocks_is_not_compared() -> None:
    coarse = replace(one("A", RAMP).field, blocks=Blocks(2, 2, 6, 8, np.zeros((3, 4), np.int64)))
    (pair,) = compared.pairs([replace(one("A", RAMP), field=coarse), one("B", RAMP)], 0.5)
    assert pair.rows == 0
    assert np.isnan(pair.overlap)
