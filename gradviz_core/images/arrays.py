"""NumPy arrays (.npy) as pictures. The file states shape and type; the person states the range of its numbers."""

from __future__ import annotations

import io
import math
import tokenize
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from jaxtyping import Float32
from numpy.lib import format as npy
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydantic import TypeAdapter, ValidationError

from gradviz_core.errors import BadImage
from gradviz_core.images import next_steps
from gradviz_core.images.depth import Range, checked
from gradviz_core.images.formats import png
from gradviz_core.images.formats.contents import check_pixels
from gradviz_core.types.cards import MOST_BANDS, ArrayFile

SIGNATURE = b"\x93NUMPY"
_LONGEST_HEADER = 10_000
_MOST_AXES = 16
_BANDS = range(2, MOST_BANDS + 1)
_MOST_IN_BANDS = 64_000_000
"""Numbers of all bands together, 256 MB in 32 bits."""
_MOST_NUMBERS = 10**17
_LARGEST_SCALED = 1 << 20
"""Numbers scaled at once, in double precision."""
_SHAPES = (
    "height × width, height × width × 1, 3 or 4, 1 or 3 × height × width, or for a model that takes bands "
    f"2 to {MOST_BANDS} × height × width, or for a model that takes a volume or a clip slices × height × width"
)
_BROKEN_HEADER = (ValueError, TypeError, SyntaxError, LookupError, RecursionError, MemoryError, OverflowError)

Array = npt.NDArray[Any]
Axes = Literal["HW", "HWC", "CHW"]
_FILES = TypeAdapter(ArrayFile)


def as_png(data: bytes, value_range: Range | None) -> tuple[bytes, tuple[str, ...]]:
    """The array as a PNG of 8 bits, in which it is written how the array was read, and what was done to it, each a
    sentence.

    What lies between the ends of ``value_range`` is scaled linearly and rounded to the nearest, what lies outside is
    cut. Whole numbers of 8 bits without a sign need no range.

    Raises:
        BadImage: no array of a picture, or no range where one is needed.
    """
    stored = numbers_of(data)
    array, axes, shape_words = _as_picture(stored)
    pixels, used, range_words = _in_8_bits(array, value_range)
    said = PngInfo()
    file = ArrayFile(axes, array.shape[2], batched=stored.ndim > len(axes), value_range=used)
    said.add_text(png.OURS.decode(), _FILES.dump_json(file).decode())
    out = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(out, "PNG", pnginfo=said)
    return out.getvalue(), (shape_words, *range_words)


def told(text: bytes) -> ArrayFile | None:
    """How the array was read that ``as_png`` made a PNG of; None where the text in the PNG does not say so."""
    try:
        file = _FILES.validate_json(text)
    except ValidationError:
        return None
    low, high = file.value_range or (0.0, 1.0)
    sound = low < high and math.isfinite(high - low) and file.channels in (1, 3, 4)
    return file if sound else None


def has_bands(data: bytes) -> bool:
    """Whether these are the bytes of an array of bands: 2 to 16 of them, neither grey nor colours. Those of a picture,
    and broken ones, are not."""
    if not data.startswith(SIGNATURE):
        return False
    try:
        shape = _header(data)[0]
    except BadImage:
        return False
    return _band_axes(shape) is not None


def bands(data: bytes) -> tuple[Float32[np.ndarray, "c h w"], ArrayFile, str]:
    """The bands in 32-bit floating point, how their array lies in the file, and how its shape was read in words.

    Raises:
        BadImage: the array is broken or too large, or holds NaN or infinity.
    """
    stored = numbers_of(data)
    axes = _band_axes(stored.shape)
    assert axes is not None, "has_bands was asked"
    array: Array = stored.reshape(stored.shape[-3:])
    words = "bands × height × width" if axes == "CHW" else "height × width × bands"
    if axes == "HWC":
        array = np.moveaxis(array, -1, 0)
    _, rows, columns = array.shape
    check_pixels(columns, rows)
    if array.size > _MOST_IN_BANDS:
        rows_and_columns = next_steps.thinned(array.size, _MOST_IN_BANDS) + (", :" if axes == "HWC" else "")
        raise BadImage(
            f"The array has {array.size:,} numbers in {len(array)} bands; the limit is {_MOST_IN_BANDS:,}. Save a "
            f"smaller part of it, or fewer rows and columns: array[{rows_and_columns}]."
        )
    numbers = in_32_bits(array)
    file = ArrayFile(axes, len(numbers), batched=stored.ndim > 3, value_range=None)
    return numbers, file, f"The array's shape {in_words(stored.shape)} was read as {words}."


def in_32_bits(array: Array) -> Float32[np.ndarray, "*shape"]:
    """The numbers in 32-bit floating point.

    Raises:
        BadImage: some are NaN, infinite or too large for it.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # beyond the largest they become infinity, which is refused
        numbers = np.ascontiguousarray(array, dtype=np.float32)
    if wrong := int((~np.isfinite(numbers)).sum()):
        raise BadImage(
            f"{wrong:,} numbers of the array are NaN, infinite or too large for 32-bit floating point. Replace them, "
            "for example with numpy.nan_to_num(array, nan=0), and save it again."
        )
    return numbers


def _band_axes(shape: tuple[int, ...]) -> Literal["HWC", "CHW"] | None:
    """How an array of bands lies: its bands first, else last; None for that of a picture in grey or colours."""
    shape = without_ones(shape)
    if len(shape) != 3 or not all(shape):
        return None
    first, last = shape[0], shape[-1]
    if last in (1, 3, 4) or first in (1, 3):
        return None
    return "CHW" if first in _BANDS else "HWC" if last in _BANDS else None


def without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The last three axes, and those before them from the first on that is longer than one."""
    while len(shape) > 3 and shape[0] == 1:
        shape = shape[1:]
    return shape


def shape_of(data: bytes) -> tuple[int, ...]:
    """The shape that the file states.

    Raises:
        BadImage: its header is broken.
    """
    return _header(data)[0]


def numbers_of(data: bytes) -> Array:
    """The array as it lies in the file, which is not copied. Nothing is unpickled.

    Raises:
        BadImage: it is broken, or holds something else than real numbers.
    """
    shape, columns_first, kind, start = _header(data)
    if kind.kind not in "buif" or kind.itemsize > 8:
        advice = {"c": "Save its magnitude: numpy.abs(array).", "V": "Save one of its fields alone."}
        raise BadImage(
            f"The array holds {str(kind)[:40]}; only real numbers of up to 64 bits are supported. "
            + advice.get(kind.kind, "Convert it with array.astype('float32') and save it again.")
        )
    count = math.prod(shape)
    if len(data) - start != count * kind.itemsize:
        wanted = f"{count * kind.itemsize:,}" if count < _MOST_NUMBERS else "more than 10^18"
        raise BadImage(
            f"The array should have {wanted} bytes and has {len(data) - start:,}. Save it again with numpy.save."
        )
    return np.frombuffer(data, kind, count, start).reshape(shape, order="F" if columns_first else "C")


def _header(data: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, whether columns come first, type, and where the numbers start."""
    file = io.BytesIO(data)
    try:
        version = npy.read_magic(file)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, columns_first, kind = read(file, max_header_size=_LONGEST_HEADER)
    except (*_BROKEN_HEADER, tokenize.TokenError, Warning) as error:
        raise BadImage("The header of the array is broken. Save it again with numpy.save.") from error
    if len(shape) > _MOST_AXES:
        raise BadImage(f"The array has {len(shape):,} axes; an image must be {_SHAPES}. Reshape it and save it again.")
    if any(type(length) is not int for length in shape):  # True is a length for Python
        raise BadImage("The header of the array is broken: a length is not a whole number. Save it with numpy.save.")
    if any(length < 0 for length in shape):
        raise BadImage(f"The array has the impossible shape {in_words(shape)}. Save it again with numpy.save.")
    return shape, columns_first, kind, file.tell()


def _as_picture(array: Array) -> tuple[Array, Axes, str]:
    """The array as height × width × channels, which axes it had, and how its shape was read in words."""
    shape = array.shape
    while array.ndim > 3 and array.shape[0] == 1:
        array = array[0]
    last = array.ndim == 3 and array.shape[2] in (1, 3, 4)
    first = array.ndim == 3 and array.shape[0] in (1, 3)
    if not (last or first or array.ndim == 2) or not array.size:
        raise BadImage(
            f"The array has the shape {in_words(shape)}; an image must be {_SHAPES}. Reshape it and save it again."
        )
    axes: Axes = "HW" if array.ndim == 2 else "HWC" if last else "CHW"
    if axes == "HW":
        array, words = array[..., None], "height × width"
    elif axes == "HWC":
        words = "height × width × channels" + (", although channels × height × width fits as well" if first else "")
    else:
        array, words = np.moveaxis(array, 0, -1), "channels × height × width"
    check_pixels(array.shape[1], array.shape[0])
    return array, axes, f"The array's shape {in_words(shape)} was read as {words}."


def in_words(shape: tuple[int, ...]) -> str:
    """``12 × 64 × 64``."""
    return " × ".join(str(length) if abs(length) < _MOST_NUMBERS else "a huge number" for length in shape)[:60] or "()"


def _in_8_bits(
    array: Array, value_range: Range | None
) -> tuple[npt.NDArray[np.uint8], tuple[float, float] | None, tuple[str, ...]]:
    """The numbers scaled to 0 to 255, from which range, and how in words."""
    if value_range is None:
        if array.dtype == np.uint8:
            return np.ascontiguousarray(array), None, ()
        if array.dtype != np.bool_:
            raise BadImage(
                f"The array holds {array.dtype} numbers, so it is not known which value is black and which is white. "
                "Enter the range, such as 0 to 1. For a model that takes a volume or a clip, save it as 1 × 1 × slices "
                "× height × width: its numbers are kept."
            )
        value_range = (0, 1)
    low, high = checked(value_range)
    pixels, outside = _scaled(array, low, high)
    words = [f"Its numbers from {low:g} to {high:g} were scaled to 0 to 255 and rounded."]
    if outside:
        words.append(f"{outside:,} of its {array.size:,} numbers lie outside this range and were clipped.")
    return pixels, (low, high), tuple(words)


def _scaled(array: Array, low: float, high: float) -> tuple[npt.NDArray[np.uint8], int]:
    """255 (x - low) / (high - low), cut and rounded, and how many numbers were cut; a few rows at a time."""
    pixels, outside = np.empty(array.shape, np.uint8), 0
    rows = max(1, _LARGEST_SCALED // (array.shape[1] * array.shape[2]))
    for top in range(0, len(array), rows):
        with np.errstate(invalid="ignore"):  # a NaN of the kind that signals
            values = array[top : top + rows].astype(np.float64)
        if missing := int(np.isnan(values).sum()):
            raise BadImage(
                f"The array contains at least {missing:,} NaN values. Replace them, for example with "
                "numpy.nan_to_num, and save it again."
            )
        outside += int(((values < low) | (values > high)).sum())
        pixels[top : top + rows] = np.rint((np.clip(values, low, high) - low) / (high - low) * 255)
    return pixels, outside
