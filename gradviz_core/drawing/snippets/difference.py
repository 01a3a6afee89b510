"""The code of the difference of two pictures."""

from __future__ import annotations

from gradviz_core.drawing.snippets.program import comment

_MEANS = """def shares(old, new):  # of each new cell, how much of it each old one covers
    borders, cells = np.linspace(0, old, new + 1), np.arange(old)
    covered = np.minimum(borders[1:, None], cells + 1) - np.maximum(borders[:-1, None], cells)
    return np.clip(covered, 0, None) / np.diff(borders)[:, None]


def area_means(field):  # what is not finite is left out
    finite = np.isfinite(field)
    down, across = shares(len(field), ROWS), shares(field.shape[1], COLUMNS).T
    return (down @ np.where(finite, field, 0) @ across) / (down @ finite @ across)


shown = area_means(shown) - area_means(first)
"""


def difference(first: str, second: str, cells: tuple[int, int] | None = None) -> str:
    """``shown`` is what the second program shows less what the first one shows, both of one shape: as it is, or the
    means over the areas of so many rows and columns of ``cells``."""
    keep, less = comment("The first map."), comment("The second map less the first.")
    if cells is None:
        return f"{first}\n{keep}\nfirst = shown\n\n{second}\n{less}\nshown = shown - first\n"
    few = comment(
        f"The second map less the first. Both have more cells than a screen can show: of each the means over "
        f"{cells[0]} rows and {cells[1]} columns of equal areas."
    )
    means = _MEANS.replace("ROWS", str(cells[0])).replace("COLUMNS", str(cells[1]))
    return f"{first}\n{keep}\nfirst = shown\n\n{second}\nimport numpy as np\n\n{few}\n{means}"
