"""Effective rank and the pictures of a Jacobian, against cases worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gradviz_core.drawing import spectra
from gradviz_core.types import INPUT, Site, SiteInfo, blocks

MAPS = SiteInfo(Site("conv"), "Conv2d", (1, 2, 3, 4), "float32", "maps")


def test_singular_values_of_a_diagonal() -> None:
    np.testing.assert_allclose(spectra.singular_values(np.diag([1.0, -3.0, 2.0])), [3, 2, 1])


@pytest.mark.parametrize(("values", "rank"), [([2, 2, 2, 2], 4.0), ([5, 0, 0], 1.0), ([0, 0], 0.0), ([3, 3, 0], 2.0)])
def test_effective_rank_counts_equal_values(values: list[float], rank: float) -> None:
    assert spectra.effective_rank(np.array(values)) == pytest.approx(rank)


def test_effective_rank_of_unequal_values() -> None:
    shares = np.array([0.8, 0.2])  # squares 4 and 1
    assert spectra.effective_rank(np.array([2.0, 1.0])) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))


@pytest.mark.parametrize("seed", range(5))
def test_the_true_effective_rank_lies_between(seed: int) -> None:
    values = np.sort(np.random.default_rng(seed).exponential(size=20))[::-1]
    low, high = spectra.effective_rank_between(values[:6], float(np.linalg.norm(values)), 20)
    assert low <= spectra.effective_rank(values) <= high
    assert spectra.effective_rank_between(values, float(np.linalg.norm(values)), 20)[0] == pytest.approx(
        spectra.effective_rank(values)
    )


def test_nothing_left_over_leaves_one_rank() -> None:
    assert spectra.effective_rank_between(np.array([2.0, 2.0]), 8**0.5 * (1 - 1e-9), 100) == (2.0, 2.0)
    assert spectra.effective_rank_between(np.zeros(3), 0.0, 10) == (0.0, 0.0)


def test_the_error_of_the_length_widens_both_bounds() -> None:
    exact = spectra.effective_rank_between(np.array([1.0, 0.01]), 1.1, 2_000)
    low, high = spectra.effective_rank_between(np.array([1.0, 0.01]), 1.1, 2_000, 0.02)
    assert low < exact[0] <= exact[1] < high


def test_outputs_are_called_by_class_or_place() -> None:
    scores = SiteInfo(Site(""), "Net", (1, 2), "float32", "vector")
    assert spectra.names(scores, ("cat", "dog"), [0, 1]) == ["cat (0)", "dog (1)"]
    assert spectra.names(scores, (), [1]) == ["feature 1"]
    assert spectra.names(MAPS, (), [13]) == ["channel 1, row 0, column 1"]


def test_a_block_is_called_by_its_first_and_last_number() -> None:
    vector = SiteInfo(Site("fc"), "Linear", (1, 5), "float32", "vector")
    assert spectra.block_names(vector, (), 0, 5, 2) == ["feature 0 to feature 1", "feature 2 to feature 3", "feature 4"]
    assert spectra.block_names(vector, (), 1, 4, 1) == ["feature 1", "feature 2", "feature 3"]
    assert spectra.block_names(vector, (), 1, 4, 3) == ["feature 1 to feature 3"]


def test_a_cell_is_the_largest_of_its_block_with_its_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectra, "MOST_ROWS", 2)
    monkeypatch.setattr(spectra, "MOST_COLUMNS", 3)
    matrix = np.array([[1.0, -1, 0, 0, 5], [1, -3, 0, -2, 5], [0, np.nan, 4, -4, -6]])
    assert spectra.block((3, 5)) == (2, 2)
    np.testing.assert_array_equal(spectra.drawn(matrix, unit="").values, [[-3, -2, 5], [np.nan, 4, -6]])
    assert [spectra.row_drawn(matrix, 0, column) for column in range(3)] == [1, 1, 0]
    assert spectra.row_drawn(matrix, 1, 2) == 2
    assert [spectra.row_drawn(matrix, *cell) for cell in ((2, 0), (0, 3), (-1, 0), (-2, -1))] == [None] * 4


def test_entries_that_cancel_out_are_seen() -> None:
    entries = np.random.default_rng(0).normal(size=(3, 27_648)).astype(np.float32)
    entries -= entries.mean(axis=1, keepdims=True)
    field, (height, width) = spectra.drawn(entries, unit=""), spectra.block(entries.shape)
    assert (height, width) == (1, 35)
    assert field.values.shape == (3, 790)
    for row, values in enumerate(field.values):
        for column, value in enumerate(values):
            block = entries[row, column * width : (column + 1) * width]
            assert value == block[np.abs(block).argmax()]
    assert field.limit <= np.abs(field.values).max()


@pytest.mark.parametrize("size", [10, 400, 500, 1_000, 2_000])
def test_the_identity_keeps_its_ones(size: int) -> None:
    identity = np.eye(size, dtype=np.float32)
    field = spectra.drawn(identity, unit="")
    height, width = field.values.shape
    assert (height <= spectra.MOST_ROWS, width <= spectra.MOST_COLUMNS) == (True, True)
    assert set(np.unique(field.values)) == {0, 1}
    rows, columns = spectra.block(identity.shape)
    np.testing.assert_array_equal(field.values[np.arange(size) // rows, np.arange(size) // columns], 1)
    assert field.limit == 1


def test_a_single_number_without_axes_has_a_name() -> None:
    info = SiteInfo(Site(""), "Model", (), "float32", "other")
    assert spectra.names(info, (), [0]) == ["the value"]
    assert spectra.names(replace(info, shape=(1,)), (), [0]) == ["0"]


def test_of_several_rows_each_number_has_its_row_in_its_name() -> None:
    rows = replace(MAPS, shape=(3, 4), layout="vector")
    assert spectra.names(rows, (), [0, 5, 11]) == ["0, 0", "1, 1", "2, 3"]
    assert spectra.names(replace(MAPS, shape=(2, 2, 3, 4)), (), [47]) == ["1, 1, 2, 3"]


def test_a_matrix_names_its_cells_and_outlines_a_row() -> None:
    field = spectra.drawn(np.arange(6.0).reshape(2, 3), unit="")
    figure = spectra.heatmap(field, ["a", "b<i>"], ["0 to 1", "2 to 3", "4"], chosen=1)
    assert list(figure.layout.xaxis.ticktext) == ["0 to 1", "2 to 3", "4"]
    assert list(figure.layout.yaxis.ticktext) == ["a", "b&lt;i&gt;"]
    assert (figure.layout.shapes[0].y0, figure.layout.shapes[0].y1) == (0.5, 1.5)
    for outside in (-1, 2, None):
        assert not spectra.heatmap(field, ["a", "b"], ["0", "1", "2"], chosen=outside).layout.shapes


def test_a_point_is_the_largest_norm_of_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    norms = np.array([1.0, 3, 0, 2, 5])
    np.testing.assert_array_equal(spectra.norms_drawn(norms), norms)
    assert [spectra.row_pointed(norms, point) for point in (-1, 0, 4, 5)] == [None, 0, 4, None]
    monkeypatch.setattr(spectra, "MOST_COLUMNS", 3)
    assert spectra.points(5) == 2
    np.testing.assert_array_equal(spectra.norms_drawn(norms), [3, 2, 5])
    assert [spectra.row_pointed(norms, point) for point in (-1, 0, 1, 2, 3)] == [None, 1, 3, 4, None]


def test_a_row_is_drawn_over_places_where_there_are_any() -> None:
    found = spectra.row(np.arange(24.0), MAPS, unit="logit")
    assert found is not None
    np.testing.assert_array_equal(found[0].values, 12 + 2 * np.arange(12).reshape(3, 4))
    assert spectra.row(np.arange(5.0), SiteInfo(INPUT, "input", (1, 5), "float32", "vector"), unit="") is None


def test_a_gap_between_slices_hides_no_number_in_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MOST_SIDE", 5)
    info = SiteInfo(Site("a"), "Conv3d", (1, 1, 4, 3, 4), "float32", "volumes")
    found = spectra.row(np.full(48, -2.0, np.float32), info, unit="")  # two slices beside two, 7 rows and 9 columns
    assert found is not None
    assert found[0].values.tolist() == [[-2.0] * 5] * 4


def test_values_that_still_grow_are_named_so() -> None:
    figure = spectra.spectrum(np.array([3.0, 2.0, 1.0]), unit="logit", settled=2)
    assert [name for name, _ in figure.data[0].customdata] == ["σ1", "σ2", "σ3, still growing"]
