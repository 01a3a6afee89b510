"""The code of the difference of two pictures."""

from __future__ import annotations

from gradviz_core.drawing.snippets.program import comment


def difference(first: str, second: str) -> str:
    """``shown`` is what the second program shows less what the first one shows, both of one shape."""
    keep, less = comment("The first map."), comment("The second map less the first.")
    return f"{first}\n{keep}\nfirst = shown\n\n{second}\n{less}\nshown = shown - first\n"
