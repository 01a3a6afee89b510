"""NumPy arrays (.npy) of slices: volumes and clips, whose numbers are kept as they are in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from jaxtyping import Float32

from gradviz_core.errors import BadImage
from gradviz_core.images import arrays
from gradviz_core.images.formats.contents import check_pixels
from gradviz_core.types.cards import ArrayFile, VolumeAxes

MOST_NUMBERS = 64_000_000
"""Of the whole array, 256 MB in 32 bits."""
MOST_FRAMES = 10_000
_ORDERS: dict[VolumeAxes, str] = {
    "CDHW": "channels × slices × height × width",
    "DCHW": "slices × channels × height × width",
    "DHWC": "slices × height × width × channels",
}
_HOW = "Save it as channels × slices × height × width, with numpy.moveaxis"

AXES = 5
"""Of the network's input, and of an array of slices at most."""


@dataclass(frozen=True, slots=True)
class Volume:
    """The numbers of a volume or clip, and how they lie in their file."""

    numbers: Float32[np.ndarray, "c d h w"]
    """Of an array of whole numbers from 0 to 255 these divided by 255, as of pictures."""
    file: ArrayFile
    words: str
    """How the array was read, a sentence."""


def has_slices(data: bytes) -> bool:
    """Whether these are the bytes of an array of slices that is no picture: with five axes, as the network's input has,
    with four, or with three that are not a picture's. Arrays of bands are among them."""
    if not data.startswith(arrays.SIGNATURE):
        return False
    try:
        whole = arrays.shape_of(data)
    except BadImage:
        return False
    shape = _bare(whole)
    return len(whole) <= AXES and all(shape) and (len(shape) == 4 or (len(shape) == 3 and not _is_picture(shape)))


def size(data: bytes) -> tuple[int, int, str]:
    """Height and width of a slice, as far as they can be told without a model, and the shape in words.

    Raises:
        BadImage: the array is broken, or beyond a limit.
    """
    array = _read(data)
    last = array.ndim == 4 and array.shape[-1] < min(array.shape[1:3])
    rows, columns = array.shape[1:3] if last else array.shape[-2:]
    return rows, columns, arrays.in_words(array.shape)


def read(data: bytes, channels: int) -> Volume:
    """The array for a model that takes slices of so many channels.

    Three axes are slices × height × width. Of four one counts the channels: the one that has as many entries as the
    model takes, among the first, the second and the last. A first axis of 1 is left out, of five and of four.

    Raises:
        BadImage: the array is broken or beyond a limit, holds NaN or infinity, or has no such axis, or several.
    """
    array = _read(data)
    shape = arrays.in_words(array.shape)
    if array.ndim == 3:
        if channels != 1:
            raise BadImage(
                f"The array has the shape {shape}, slices of one channel, and this model takes {channels} channels. "
                f"Save an array of {channels} × slices × height × width."
            )
        axes: VolumeAxes = "DHW"
        array, words = array[None], "slices × height × width"
    else:
        axes = _axes(array.shape, channels)
        array = np.moveaxis(array, axes.index("C"), 0)
        words = _ORDERS[axes]
    check_pixels(array.shape[3], array.shape[2])
    levels = array.dtype == np.uint8
    numbers = arrays.in_32_bits(array)
    if levels:
        numbers = numbers / np.float32(255)
    file = ArrayFile(
        axes, channels, batched=len(arrays.shape_of(data)) > len(axes), value_range=(0.0, 255.0) if levels else None
    )
    return Volume(numbers, file, f"The array's shape {shape} was read as {words}.")


def _axes(shape: tuple[int, ...], channels: int) -> VolumeAxes:
    if shape[:2] == (1, 1) and channels == 1:
        return "CDHW"  # one slice of one channel, in either order
    found = [axes for axes in _ORDERS if shape[axes.index("C")] == channels]
    if not found:
        raise BadImage(
            f"The array has the shape {arrays.in_words(shape)}, and this model takes {channels} "
            f"channel{'s' if channels > 1 else ''}: no axis that can count them has {channels}. {_HOW}."
        )
    if len(found) > 1:
        raise BadImage(
            f"The array has the shape {arrays.in_words(shape)}, in which more than one axis may count the {channels} "
            f"channel{'s' if channels > 1 else ''} that this model takes. Cut it so that only one has {channels}."
        )
    return found[0]


def _read(data: bytes) -> npt.NDArray[Any]:
    array = arrays.numbers_of(data)
    array = array.reshape(_bare(array.shape))
    if array.size > MOST_NUMBERS or max(array.shape) > MOST_FRAMES:
        raise BadImage(
            f"The array has the shape {arrays.in_words(array.shape)}; the limit is {MOST_NUMBERS:,} numbers, and "
            f"{MOST_FRAMES:,} along an axis. Save a smaller part of it, or every second slice: array[::2]."
        )
    return array


def _bare(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Without the axes of one in front: of five or more axes the last four stay, for that is no picture's shape."""
    if len(shape) <= 4:
        return arrays.without_ones(shape)
    while len(shape) > 4 and shape[0] == 1:
        shape = shape[1:]
    return shape


def _is_picture(shape: tuple[int, ...]) -> bool:
    return shape[-1] in (1, 3, 4) or shape[0] in (1, 3)
