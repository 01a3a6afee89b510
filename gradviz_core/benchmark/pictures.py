"""The pictures of the benchmark: scenes that no preset was trained on, and grids of four of them. No torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradviz_core.benchmark.scoring import Mask
from gradviz_core.scenes import scenes
from gradviz_core.types import Pixels

STREAM = 13
"""Of the scenes; the presets were trained on stream 0 and their accuracy measured on stream 1."""
SIDE = 2
"""Rows and columns of cells in a grid."""
CELLS = SIDE * SIDE


@dataclass(frozen=True, slots=True)
class Case:
    """A picture, the class that is asked about, and where it is."""

    pixels: Pixels
    label: int
    mask: Mask
    """The pixels of the shape or of the tag; in a grid those of the cell."""
    cell: int = 0
    """Which cell of a grid, row by row."""


def scene(number: int) -> Case:
    """A scene of one shape, asked about its class. Any ten in a row hold each class once."""
    drawn = scenes.scene(STREAM, number)
    return Case(drawn.image, drawn.label, drawn.mask)


def tagged(number: int) -> Case:
    """A scene of another class with the tag of ``shapes-shortcut``, asked about the class that carried it in training:
    the mask is that of the tag."""
    label = next(c for c in range(number, number + 2) if c % len(scenes.LABELS) != scenes.TAGGED) % len(scenes.LABELS)
    drawn = scenes.with_tag(scenes.draw(scenes.recipe(STREAM, number), label))
    mask = np.zeros(drawn.mask.shape, np.bool_)
    mask[scenes.tag_place(STREAM, number)] = True
    return Case(drawn.image, scenes.TAGGED, mask)


def grid(number: int) -> Case:
    """Four scenes of different classes, side by side and one above the other; asked about the class of one of them,
    whose cell is the mask. The cells take turns."""
    four = [scenes.scene(STREAM, CELLS * number + each) for each in range(CELLS)]
    rows = [np.concatenate([one.image for one in four[SIDE * row : SIDE * (row + 1)]], axis=1) for row in range(SIDE)]
    cell = number % CELLS
    top, left = (scenes.SIZE * place for place in divmod(cell, SIDE))
    mask = np.zeros((SIDE * scenes.SIZE, SIDE * scenes.SIZE), np.bool_)
    mask[top : top + scenes.SIZE, left : left + scenes.SIZE] = True
    return Case(np.concatenate(rows, axis=0), four[cell].label, mask, cell)
