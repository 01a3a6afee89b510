"""The picture that a network sees, as it came to the page: whole, or with blocks of pixels averaged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradviz_core.drawing.screen.arrays import Made, Window, blocks_of, put_blocks, put_window, window_of
from gradviz_core.types import Arrays, Pixels
from gradviz_core.types.blocks import Blocks, means, side
from gradviz_core.types.looks import Look


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture (H, W, 3), or what a screen can show of it."""

    pixels: Pixels
    """Of a picture that was made coarse the means of blocks, rounded to whole levels."""
    blocks: Blocks | None = None
    near: Window | None = None
    """The pixels round the one that was asked for, exact."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the whole picture."""
        rows, columns = self.pixels.shape[:2]
        return (self.blocks.rows, self.blocks.columns) if self.blocks else (rows, columns)

    def colour(self, pixel: tuple[int, int]) -> tuple[int, ...]:
        """Red, green and blue of one pixel of the whole picture. Raises IndexError where it is not here."""
        if self.blocks is None:
            return tuple(int(n) for n in self.pixels[pixel])
        if self.near is None:
            raise IndexError(f"This answer does not hold the colour of pixel {pixel}.")
        return tuple(int(n) for n in self.near.at(pixel))


def seen(arrays: Arrays, name: str = "pixels") -> Seen:
    """The picture of this name in an answer."""
    return Seen(arrays[name], blocks_of(arrays, name), window_of(arrays, name))


def fit(pixels: Pixels, name: str, look: Look) -> Made:
    """The picture with at most ``blocks.MOST_SIDE`` cells along a side; and, where it has more pixels, those round the
    one that is looked at."""
    rows, columns = pixels.shape[:2]
    block = side(rows, columns)
    if block == 1:
        return {name: pixels}
    made: Made = {name: means(pixels, block)}
    put_blocks(made, name, Blocks(block, block, rows, columns))
    put_window(made, name, np.moveaxis(pixels, 2, 0), look.pixel)
    return made
