"""Sums over the draws or steps of a method, in parts: what each part gives, and what all of them make together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Gathered = Literal["sum", "mean", "variance"]
"""What becomes of the terms: their sum, their mean, or the mean of their squares less the square of their mean."""
Doubles = npt.NDArray[np.float64]
GRID = 8
"""A part of a long sum begins at a multiple of it, so that the same terms are computed together in every part."""


@dataclass(frozen=True, slots=True)
class Sums:
    """The terms from ``first`` to ``last`` - 1, added one after the other in float64."""

    first: int
    last: int
    terms: Doubles
    squares: Doubles | None = None
    """The sum of their squares, where the variance is wanted."""

    def then(self, after: Sums) -> Sums:
        """The sums of two parts, of which ``after`` follows.

        Raises:
            ValueError: it does not begin where this one ends.
        """
        if after.first != self.last:
            raise ValueError(f"A part that begins at {after.first} does not follow one that ends at {self.last}.")
        squares = None if self.squares is None or after.squares is None else self.squares + after.squares
        return Sums(self.first, after.last, self.terms + after.terms, squares)

    def gathered(self, how: Gathered) -> Doubles:
        """What the terms make together."""
        count = self.last - self.first
        match how:
            case "sum":
                return self.terms
            case "mean":
                return self.terms / count
            case "variance":
                assert self.squares is not None
                mean: Doubles = self.terms / count
                spread: Doubles = np.maximum(self.squares / count - mean * mean, 0.0)
                return spread


def summed(terms: Iterable[npt.NDArray[np.floating]], which: range, *, squares: bool) -> Sums:
    """The sum of the terms with the numbers ``which``, one after the other, and of their squares."""
    total: Doubles | None = None
    of_squares: Doubles | None = None
    for term in terms:
        double = term.astype(np.float64)
        total = double if total is None else total + double
        if squares:
            of_squares = double * double if of_squares is None else of_squares + double * double
    assert total is not None, "a series has at least one term"
    return Sums(which.start, which.stop, total, of_squares)
