"""Functions of a program that say how alike two maps are, as ``types/similarity.py`` does."""

SPEARMAN = """def ranks(values):  # from 1; equal ones share the mean of theirs
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[which]


def spearman(one, other):
    both = np.isfinite(one) & np.isfinite(other)
    x, y = (values[both] for values in (one, other))
    return np.corrcoef(ranks(x), ranks(y))[0, 1] if np.ptp(x) and np.ptp(y) else np.nan"""
SSIM = """def as_drawn(field):  # magnitudes from 0 to 1; 1 is where a colour scale ends, at their 99th percentile
    sizes = np.abs(field).astype(np.float64)
    limit = np.quantile(sizes, 0.99, method="higher") or sizes.max()
    return np.minimum(sizes / limit, 1) if limit else sizes


def smoothed(x):  # means in windows of 11 x 11 pixels, weighted by a Gaussian
    weights = np.exp(-0.5 * ((np.arange(11) - 5) / 1.5) ** 2)
    weights /= weights.sum()
    rows, columns = (side - 10 for side in x.shape)
    x = sum(weight * x[i : i + rows] for i, weight in enumerate(weights))
    return sum(weight * x[:, i : i + columns] for i, weight in enumerate(weights))


def ssim(one, other):  # structural similarity, Wang et al. 2004
    if one.ndim != 2 or min(one.shape) < 11:
        return np.nan
    x, y = as_drawn(one), as_drawn(other)
    m, n = smoothed(x), smoothed(y)
    v, w, c = smoothed(x * x) - m * m, smoothed(y * y) - n * n, smoothed(x * y) - m * n
    a, b = 0.01**2, 0.03**2
    return ((2 * m * n + a) * (2 * c + b) / ((m * m + n * n + a) * (v + w + b))).mean()"""
