"""Which slices of a file stand in those that a network takes."""

from __future__ import annotations


def picked(count: int, wanted: int) -> list[int]:
    """Which of ``count`` slices stand in each of the ``wanted`` ones: of equal parts of the whole the middle one,
    ⌊(2i + 1) · count / (2 · wanted)⌋. Of fewer than are wanted some come several times; a single one stands in all."""
    return [(2 * i + 1) * count // (2 * wanted) for i in range(wanted)]
