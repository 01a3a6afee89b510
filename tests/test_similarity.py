"""How alike two pictures are: cases worked out by hand, and the same numbers as another library gives."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from gradviz_core.types.similarity import as_drawn, spearman, ssim


def test_rank_correlation_by_hand() -> None:
    one = np.array([[1.0, 2.0], [3.0, 10.0]])
    assert spearman(one, np.exp(one)) == pytest.approx(1.0)  # only the order counts
    assert spearman(one, -one) == pytest.approx(-1.0)
    # ranks 1 2 3 4 and 2 1 4 3: 1 - 6 · (1 + 1 + 1 + 1) / (4 · 15)
    assert spearman(one, np.array([[2.0, 1.0], [4.0, 3.0]])) == pytest.approx(0.6)
    # ranks 1 2.5 2.5 4 against 1 2 3 4: covariance 4.5, variances 4.5 and 5
    assert spearman(np.array([0.0, 1.0, 1.0, 2.0]), one.ravel()) == pytest.approx(4.5 / np.sqrt(4.5 * 5))


def test_rank_correlation_where_there_is_little_to_rank() -> None:
    one = np.array([1.0, 2.0, np.nan, 3.0])
    assert spearman(one, np.array([3.0, 2.0, 9.0, 1.0])) == pytest.approx(
        -1.0
    )  # the place without a number is left out
    assert np.isnan(spearman(np.ones(4), one))
    assert np.isnan(spearman(np.full(4, np.nan), one))


def test_structural_similarity_is_that_of_another_library() -> None:
    numbers = np.random.default_rng(0)
    one = numbers.random((23, 31))
    for other in (one, 1 - one, 0.5 * one + 0.5 * numbers.random((23, 31))):
        _, each = structural_similarity(  # type: ignore[no-untyped-call]
            one, other, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0, full=True
        )
        assert ssim(one, other) == pytest.approx(each[5:-5, 5:-5].mean(), abs=1e-10)  # windows that lie within


def test_structural_similarity_where_no_window_fits() -> None:
    assert np.isnan(ssim(np.ones((10, 30)), np.ones((10, 30))))
    assert np.isnan(ssim(np.full((20, 20), np.nan), np.ones((20, 20))))


def test_magnitudes_as_a_picture_shows_them() -> None:
    field = np.linspace(-1.0, 0.0, 200).reshape(10, 20)
    drawn = as_drawn(field)
    assert (drawn.min(), drawn.max()) == (0.0, 1.0)
    assert 1 <= int((drawn == 1).sum()) <= 3  # a hundredth lies at the end of the scale
    spike = np.zeros((20, 20))
    spike[3, 4] = -2.0
    assert as_drawn(spike)[3, 4] == 1.0
    assert not as_drawn(np.zeros((20, 20))).any()
