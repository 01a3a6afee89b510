"""Effective rank and the pictures of a Jacobian, against cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gradviz_core import spectra
from gradviz_core.types import INPUT, Site, SiteInfo

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
    assert spectra.names(scores, ("cat", "dog"), 0, 2) == ["cat (0)", "dog (1)"]
    assert spectra.names(scores, (), 1, 2) == ["feature 1"]
    assert spectra.names(MAPS, (), 13, 14) == ["channel 1, row 0, column 1"]


def test_a_large_matrix_is_averaged_along_its_longer_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spectra, "MOST_CELLS", 6)
    field, block = spectra.drawn(np.arange(10.0).reshape(2, 5), unit=""), spectra.block((2, 5))
    assert block == (1, 2)
    np.testing.assert_array_equal(field.values, [[0.5, 2.5, 4], [5.5, 7.5, 9]])
    figure = spectra.heatmap(field, block, ["a", "b<i>"], [str(i) for i in range(5)], chosen=1)
    assert list(figure.layout.xaxis.ticktext) == ["0 to 1", "2 to 3", "4 to 4"]
    assert list(figure.layout.yaxis.ticktext) == ["a", "b&lt;i>"]
    assert (figure.layout.shapes[0].y0, figure.layout.shapes[0].y1) == (0.5, 1.5)


def test_a_row_is_drawn_over_places_where_there_are_any() -> None:
    found = spectra.row(np.arange(24.0), MAPS, unit="logit")
    assert found is not None
    np.testing.assert_array_equal(found[0].values, 12 + 2 * np.arange(12).reshape(3, 4))
    assert spectra.row(np.arange(5.0), SiteInfo(INPUT, "input", (1, 5), "float32", "vector"), unit="") is None
