"""How the shape of an exported model's input is read: which axis counts channels and which slices, and the steps that a
picture first goes through to become such an input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gradviz_core.types.cards import MOST_BANDS, MOST_SLICES, Preprocessing

USUAL_SIZE, USUAL_SLICES = 224, 16
"""Of an input whose sides are left open."""
_USUAL_NUMBERS = {1: ((0.5,), (0.5,)), 3: ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))}
"""Mean and standard deviation of grey and of colours; bands are taken as they are."""
_OF_SLICES = {3: ((0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989))}
"""Of clips in colours those of Kinetics-400, which torchvision's models of videos were trained on; volumes are taken as
they are."""
_OF_PICTURES = (1, 3)

Usual = Mapping[int, tuple[tuple[float, ...], tuple[float, ...]]]
Shape = Sequence[int | None]


def proposals(shape: Shape) -> tuple[Preprocessing, ...]:
    """What a picture may go through to become an input of this ``shape``, the likeliest first; several where either of
    two axes may count the channels, and none where the shape is that of no picture, volume or clip.

    Of (1, 3, 16, H, W) and (1, 16, 3, H, W) the axis of 1 or 3 is taken for the channels; where both are or neither is,
    the first.
    """
    if len(shape) == 4:
        return (_of(shape[1], shape[2], shape[3], _USUAL_NUMBERS),) if shape[1] in range(1, MOST_BANDS + 1) else ()
    if len(shape) != 5:
        return ()
    found = [
        replace(_of(channels, shape[3], shape[4], _OF_SLICES), slices=slices or USUAL_SLICES, slices_first=slices_first)
        for channels, slices, slices_first in ((shape[1], shape[2], False), (shape[2], shape[1], True))
        if channels in range(1, MOST_BANDS + 1) and (slices is None or slices <= MOST_SLICES)
    ]
    return tuple(sorted(found, key=lambda steps: len(steps.mean) not in _OF_PICTURES))


def _of(channels: int | None, rows: int | None, columns: int | None, usual: Usual) -> Preprocessing:
    """That of one picture: the model's own size, and the usual numbers."""
    assert channels is not None, "the graph has a fixed number of channels"
    numbers = usual.get(channels, ((0.0,) * channels, (1.0,) * channels))
    return Preprocessing((rows or USUAL_SIZE, columns or USUAL_SIZE), _shorter_side(rows, columns), *numbers)


def _shorter_side(height: int | None, width: int | None) -> int | None:
    """Of the picture before its centre is cropped: a square input takes as much as there is, and one of any size what
    is usual. One that is no square was made for pictures of its own proportions, which are used whole."""
    if height is None or width is None:
        return round(max(height or USUAL_SIZE, width or USUAL_SIZE) * 256 / 224)
    return height if height == width else None
