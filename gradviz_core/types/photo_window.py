"""Which part of a photo the network sees, and which place of one map is which place of another."""

from __future__ import annotations

from dataclasses import dataclass

from gradviz_core.types.cards import Preprocessing

Place = tuple[float, float]
"""How far down and across a place lies in an upright photo, as shares of its height and width."""


@dataclass(frozen=True, slots=True)
class Window:
    """The part of an upright photo that a picture shows, as shares of its height and width."""

    top: float = 0.0
    bottom: float = 1.0
    left: float = 0.0
    right: float = 1.0

    def cell(self, place: Place, rows: int, columns: int) -> tuple[int, int] | None:
        """Row and column of the cell of a map of so many that lies there; None outside of the window."""
        down = (place[0] - self.top) / (self.bottom - self.top)
        across = (place[1] - self.left) / (self.right - self.left)
        if not (0 <= down < 1 and 0 <= across < 1):
            return None
        return int(down * rows), int(across * columns)

    def middle(self, cell: tuple[int, int], rows: int, columns: int) -> Place:
        """Where the middle of a cell of a map of so many rows and columns lies."""
        down, across = (cell[0] + 0.5) / rows, (cell[1] + 0.5) / columns
        return self.top + down * (self.bottom - self.top), self.left + across * (self.right - self.left)

    def common(self, other: Window) -> Window | None:
        """The part that both show; None where they share none."""
        found = Window(
            max(self.top, other.top),
            min(self.bottom, other.bottom),
            max(self.left, other.left),
            min(self.right, other.right),
        )
        return found if found.top < found.bottom and found.left < found.right else None

    def within(self, other: Window) -> Window:
        """The same part, as shares of what ``other`` shows."""
        high, wide = other.bottom - other.top, other.right - other.left
        return Window(
            (self.top - other.top) / high,
            (self.bottom - other.top) / high,
            (self.left - other.left) / wide,
            (self.right - other.left) / wide,
        )

    def part(self, inner: Window) -> Window:
        """The part that ``inner``, as shares of this one, is of the photo: what ``within`` takes back."""
        high, wide = self.bottom - self.top, self.right - self.left
        return Window(
            self.top + inner.top * high,
            self.top + inner.bottom * high,
            self.left + inner.left * wide,
            self.left + inner.right * wide,
        )


WHOLE = Window()


def seen(steps: Preprocessing, upright: tuple[int, int]) -> Window:
    """The part of an upright photo of so many rows and columns that the network sees: all of it where the size is not
    known (0, 0), or nothing is cut away."""
    if 0 in upright:
        return WHOLE
    high, wide = steps.cut_away(*upright)
    return Window(high / 2, 1 - high / 2, wide / 2, 1 - wide / 2)
