"""How alike two pictures are: rank correlation, overlap of the strongest places, and structural similarity. Pure
functions of numpy arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gradviz_core.types.arrays import FloatArray

WINDOW, SIGMA = 11, 1.5
"""Side and standard deviation of the Gaussian window of SSIM, in pixels."""
K1, K2 = 0.01, 0.03
"""The two constants of SSIM; the range of the values is 1."""
QUANTILE = 0.99
"""Magnitudes are compared up to this quantile, where the colour scale of a picture ends."""


def spearman(one: FloatArray, other: FloatArray) -> float:
    """Spearman's rank correlation of two arrays of one shape, in -1..1: the correlation of their ranks, where equal
    values share the mean of their ranks.

    Counted are the places where both are finite. NaN where either has but one value there. Source: Spearman 1904, with
    mean ranks for ties as Kendall 1945 has them.
    """
    both = np.isfinite(one) & np.isfinite(other)
    x, y = (_ranks(array[both]) for array in (one, other))
    if not x.size:
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    size = np.sqrt((x @ x) * (y @ y))
    return float(np.clip((x @ y) / size, -1.0, 1.0)) if size > 0 else float("nan")


def overlap(one: FloatArray, other: FloatArray, share: float) -> float:
    """How much the strongest places of two arrays of one shape overlap, in 0..1: |A ∩ B| / |A ∪ B|, where A and B are
    the ``share`` of all places with the largest magnitudes.

    Of n places where both are finite that is m = share · n, rounded, and at least one; a place as strong as the m-th
    belongs to them too, and a place that is zero does not. NaN where either has none. Source: Jaccard 1901.

    Raises:
        ValueError: the share is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise ValueError(f"The share is {share}; it must be above 0 and at most 1.")
    both = np.isfinite(one) & np.isfinite(other)
    mine, theirs = (_strongest(np.abs(array[both]), share) for array in (one, other))
    either = np.count_nonzero(mine | theirs)
    if not (mine.any() and theirs.any()):
        return float("nan")
    return float(np.count_nonzero(mine & theirs) / either)


def ssim(one: FloatArray, other: FloatArray) -> float:
    """Structural similarity of two pictures (H, W) with values in 0..1; 1 for the same picture.

    The mean over all places of a Gaussian window of 11 x 11 pixels (standard deviation 1.5) that lies within the
    picture, of (2 m n + C1)(2 c + C2) / ((m² + n² + C1)(v + w + C2)): m, n are the weighted means in the window, v, w
    the variances, c the covariance, C1 = 0.01², C2 = 0.03². NaN where a side is under 11 pixels, or a value is not
    finite. Source: Wang et al. 2004, equation 13, with the constants of section III.C.
    """
    if min(one.shape) < WINDOW or not (np.isfinite(one).all() and np.isfinite(other).all()):
        return float("nan")
    x, y = one.astype(np.float64), other.astype(np.float64)
    m, n = _smoothed(x), _smoothed(y)
    v, w, c = _smoothed(x * x) - m * m, _smoothed(y * y) - n * n, _smoothed(x * y) - m * n
    c1, c2 = K1**2, K2**2
    found = (2 * m * n + c1) * (2 * c + c2) / ((m * m + n * n + c1) * (v + w + c2))
    return float(found.mean())


def as_drawn(field: FloatArray) -> FloatArray:
    """|field| in 0..1: divided by its 99th percentile, where a colour scale ends, or by the largest where that is zero;
    all beyond it is 1."""
    sizes: FloatArray = np.abs(field).astype(np.float64)
    if not sizes.size or not np.isfinite(sizes).all():
        return sizes
    limit = float(np.quantile(sizes, QUANTILE, method="higher")) or float(sizes.max())
    return np.minimum(sizes / limit, 1.0) if limit > 0 else sizes


def _strongest(sizes: FloatArray, share: float) -> npt.NDArray[np.bool_]:
    """Which of the magnitudes belong to the largest."""
    if not sizes.size:
        return np.zeros(0, bool)
    count = max(1, round(share * sizes.size))
    least = np.partition(sizes, sizes.size - count)[sizes.size - count]
    found: npt.NDArray[np.bool_] = (sizes >= least) & (sizes > 0)
    return found


def _ranks(values: FloatArray) -> FloatArray:
    """The rank of each value, from 1; equal ones share the mean of theirs."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    found: FloatArray = (np.cumsum(counts) - (counts - 1) / 2)[which]
    return found


def _smoothed(x: FloatArray) -> FloatArray:
    """The mean in each window that lies within, weighted by the Gaussian."""
    at = np.arange(WINDOW) - WINDOW // 2
    weights = np.exp(-0.5 * (at / SIGMA) ** 2)
    weights /= weights.sum()
    rows, columns = (side - WINDOW + 1 for side in x.shape)
    along: FloatArray = sum((weight * x[i : i + rows] for i, weight in enumerate(weights)), np.zeros(()))
    found: FloatArray = sum((weight * along[:, i : i + columns] for i, weight in enumerate(weights)), np.zeros(()))
    return found
