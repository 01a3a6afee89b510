"""Pictures of 9 to 16 bits -> 8: which of their numbers become 0 and 255, and how many levels that leaves.

A camera or a scanner of 12 bits writes numbers up to 4095 into a file that could hold 65535. Such a picture is scaled
by what it uses: as a person states; else as the file states, where no number is larger; else by the fewest bits that
hold its largest number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from gradviz_core.errors import BadImage
from gradviz_core.images.formats.contents import Contents
from gradviz_core.images.opened import lower_bytes
from gradviz_core.types.cards import Choice, Scaling

_BAND = 1 << 22
"""Numbers that are put together at once."""
_STATED = re.compile(rb"\nGradViz scales from (\S{1,24}) to (\S{1,24})\n\Z")
_LONGEST_STATED = 80

Range = tuple[float | int, float | int]
"""The number that becomes 0, and the one that becomes 255."""
Wide = npt.NDArray[Any]
"""Numbers of 16 bits: (H, W), or (H, W, bands)."""
Table = npt.NDArray[np.uint8]
"""For each number of 16 bits, the one of 8 bits."""


# ------------------------------------------------------------------------------------------------- stated by a person


def stated(data: bytes) -> Range | None:
    """The range that ``restated`` wrote behind the picture; None where there is none."""
    found = _STATED.search(data[-_LONGEST_STATED:])
    try:
        return checked((float(found[1]), float(found[2]))) if found else None
    except (ValueError, BadImage):
        return None


def restated(data: bytes, value_range: Range | None) -> bytes:
    """The same file with this range written behind its picture, where no reader of images looks, or with none. So the
    address of the picture, which is made of its bytes, says how it is scaled, and nothing of it is lost.

    Raises:
        BadImage: the range is none.
    """
    found = _STATED.search(data[-_LONGEST_STATED:])
    if found:
        data = data[: len(data) - len(found[0])]
    if value_range is None:
        return data
    low, high = checked(value_range)
    return data + f"\nGradViz scales from {low!r} to {high!r}\n".encode()


def checked(value_range: Range) -> tuple[float, float]:
    """The range in floating-point numbers. Raises ``BadImage`` where it is none."""
    low, high = map(float, value_range)
    if not (low < high and math.isfinite(high - low)):
        raise BadImage(
            f"{low:g} to {high:g} is not a valid range: both ends must be finite, and the first must be smaller than "
            "the second. Enter the values of black and white."
        )
    return low, high


# ------------------------------------------------------------------------------------------------------------- scaling


def grey_in_8_bits(image: Image.Image, contents: Contents, asked: Range | None) -> tuple[Image.Image, Scaling]:
    """Grey of 9 to 16 bits, and how it was scaled: (number - low) / (high - low) * 255, cut and rounded to nearest.
    Pillow's own conversion cuts everything above 255 to white."""
    wide = np.asarray(image)
    counts = np.bincount(wide.reshape(-1), minlength=1 << 16)
    scaling, table = _scaling(counts, contents, asked)
    grey = table[wide]
    scaled = Image.fromarray(255 - grey if contents.white_is_zero else grey)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):  # the one grey that the file declares transparent
        scaled.putalpha(Image.fromarray(np.where(wide == transparent, 0, 255).astype(np.uint8)))
    return scaled, scaling


def colours_in_8_bits(upper: Image.Image, contents: Contents, asked: Range | None) -> tuple[Image.Image, Scaling]:
    """Colours, inks, or grey with alpha, of 16 bits, and how they were scaled. ``upper`` holds the upper byte of each
    number, which is what is kept where they use all 16 bits. Alpha is scaled from the same range where it stays within
    it, else from 16 bits."""
    bands = len(upper.getbands()) - (upper.mode == "RGBA")
    levels = np.array(upper.histogram()).reshape(-1, 256)[:bands].sum(axis=0)
    by_upper = Scaling(16, 0.0, 65535.0, "all", int((levels > 0).sum()))
    if asked is None and (levels[128:].any() or contents.stated_bits == 16):
        return upper, by_upper
    lower = lower_bytes(contents)
    if lower is None:
        if asked is not None:
            raise BadImage(
                "The colours of this TIFF are premultiplied by alpha, so a range cannot be set. Save it with "
                "ordinary alpha, or as PNG."
            )
        return upper, by_upper
    counts, alpha = np.zeros(1 << 16, np.int64), 0
    for _, wide in _wide(upper, lower):
        counts += np.bincount(wide[..., :bands].reshape(-1), minlength=1 << 16)
        alpha = max(alpha, int(wide[..., bands:].max(initial=0)))
    scaling, table = _scaling(counts, contents, asked)
    if scaling.chosen == "all":
        return upper, by_upper
    pixels = np.empty((upper.height, upper.width, len(upper.getbands())), np.uint8)
    clear = table if alpha <= scaling.high else (np.arange(1 << 16) >> 8).astype(np.uint8)
    for top, wide in _wide(upper, lower):
        band = pixels[top : top + len(wide)]
        band[..., :bands], band[..., bands:] = table[wide[..., :bands]], clear[wide[..., bands:]]
    return Image.frombytes(upper.mode, upper.size, pixels.tobytes()), scaling


def _wide(upper: Image.Image, lower: Image.Image) -> Iterator[tuple[int, Wide]]:
    """The numbers of 16 bits, some rows at a time, each with the first of its rows."""
    rows = max(1, _BAND // upper.width)
    for top in range(0, upper.height, rows):
        box = (0, top, upper.width, min(top + rows, upper.height))
        yield top, (np.asarray(upper.crop(box)).astype(np.uint16) << 8) | np.asarray(lower.crop(box))


def _scaling(counts: npt.NDArray[np.int64], contents: Contents, asked: Range | None) -> tuple[Scaling, Table]:
    """How a picture is scaled whose numbers occur this often."""
    numbers = np.flatnonzero(counts)
    low, high, chosen = _range(int(numbers[-1]), contents, asked)
    values = np.arange(1 << 16, dtype=np.float64)
    table = np.rint((np.clip(values, low, high) - low) / (high - low) * 255).astype(np.uint8)
    outside = int(counts[(values < low) | (values > high)].sum())
    return Scaling(contents.bits, low, high, chosen, len(np.unique(table[numbers])), outside), table


def _range(largest: int, contents: Contents, asked: Range | None) -> tuple[float, float, Choice]:
    if asked is not None:
        return (*checked(asked), "person")
    chosen: Choice
    if contents.stated_bits and largest < 2**contents.stated_bits:
        bits, chosen = contents.stated_bits, "file"
    elif contents.bits < 16:
        bits, chosen = contents.bits, "file"
    else:
        bits, chosen = max(1, largest.bit_length()), "largest"
    return *Scaling.range_of(bits), "all" if bits == contents.bits else chosen
