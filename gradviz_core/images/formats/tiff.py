"""TIFF (6.0): a directory of tags for each page, which point at strips or tiles.

libtiff reads much that is rare and little tested. What goes to it is one page with the tags that are needed, in the
ways of storing pixels that people's programs write.
"""

from __future__ import annotations

import math
import struct

from gradviz_core.errors import BadImage
from gradviz_core.images import next_steps
from gradviz_core.images.formats import directory
from gradviz_core.images.formats.contents import Contents, check_pixels, unsupported
from gradviz_core.images.formats.directory import Directory

SIGNATURES = (b"II*\0", b"MM\0*")
MOST_PAGES = 10_000
MOST_STRIPS = 100_000
"""Strips or tiles."""
MOST_TAG_BYTES = 1_000_000
"""In the tags that are handed on, together."""

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_SAMPLES, _ROWS, _PLANES, _TILE_WIDTH, _TILE_HEIGHT, _SAMPLE_FORMAT, _PROFILE = 277, 278, 284, 322, 323, 339, 34675
_LARGEST = (341, 281)
"""SMaxSampleValue and MaxSampleValue."""
_DNG = 50706
_NEEDED = frozenset(
    {_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _ROWS, _PLANES, _TILE_WIDTH, _TILE_HEIGHT}
    | {_SAMPLE_FORMAT, 266, 273, 279, 317, 320, 324, 325, 338, 347, 530, 531, 532}
)
"""Besides those named above: fill order, strips, predictor, palette, tiles, extra samples, JPEG tables,
and how YCbCr is coded."""
_UNCOMPRESSED, _JPEG = 1, 7
_COMPRESSIONS = frozenset({_UNCOMPRESSED, 5, _JPEG, 8, 32773, 32946})
"""None, LZW, JPEG, Deflate, PackBits, and Deflate by its old number. Not fax: libtiff logs a line for each
broken row."""
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _YCBCR = 0, 1, 2, 6
_EXTRA, _ALPHA = 338, (1, 2)
"""What the numbers behind the colours of a pixel are, and which of these kinds is transparency."""
_COLOURS = frozenset({_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, 3, 5, _YCBCR})
"""Grey from white, grey from black, RGB, palette, CMYK, YCbCr."""
_WHOLE, _FLOAT = 1, 3


def read(data: bytes) -> Contents:
    """The first page of a TIFF.

    Raises:
        BadImage: pixels stored in a way that is not read, or a limit that is broken.
    """
    return page_at(data, None)


def page_at(data: bytes, start: int | None) -> Contents:
    """The page whose directory lies at ``start``, the first where that is None; the same as ``read`` of it.

    Raises:
        BadImage: as ``read`` does.
    """
    page = directory.read(data, start)
    if _DNG in page.entries or page.number(_SUBFILE, 0) & 1:
        raise BadImage(
            "The file is a raw photo from a camera, or starts with a small preview. Export it as JPEG or PNG."
        )
    _check_samples(page)
    width, height = page.number(_WIDTH, 0), page.number(_HEIGHT, 0)
    check_strips(page, width, height)
    bits = page.number(_BITS, 1)
    inverted = bits > 8 and page.number(_PHOTOMETRIC, _WHITE_IS_ZERO) == _WHITE_IS_ZERO
    return Contents(
        "TIFF",
        width,
        height,
        picture=_first_page(page, inverted),
        frames=len(_starts(page)),
        orientation=page.number(directory.ORIENTATION, 1),
        profile=page.value(_PROFILE),
        bits=bits,
        white_is_zero=inverted,
        stated_bits=_stated_bits(page, bits) if bits > 8 else 0,
        notes=_left_out(page),
    )


def _left_out(page: Directory) -> tuple[str, ...]:
    """A sentence where there are bands behind the colours that are no transparency, such as near infrared."""
    if page.number(_PHOTOMETRIC, _WHITE_IS_ZERO) != _RGB:
        return ()
    more = sum(kind not in _ALPHA for kind in page.numbers(_EXTRA))
    if not more:
        return ()
    return (f"Only the colours are shown. The file has {more} more band{'s' if more > 1 else ''} of each pixel.",)


def _stated_bits(page: Directory, bits: int) -> int:
    """How many bits the largest number takes that the file says its samples reach; 0 where it says none that can be."""
    for tag in _LARGEST:
        try:
            stated = max(page.numbers(tag), default=0).bit_length()
        except (ValueError, struct.error):
            continue
        if 0 < stated <= bits:
            return stated
    return 0


def _check_samples(page: Directory) -> None:
    """Raises BadImage for numbers, colours and compressions that are not read."""
    formats, bits = set(page.numbers(_SAMPLE_FORMAT)) or {_WHOLE}, page.number(_BITS, 1)
    if formats != {_WHOLE}:
        what = "floating-point numbers" if _FLOAT in formats else "signed numbers"
        raise BadImage(
            f"The TIFF contains {what} without a stated range. Save it as a NumPy array (.npy) and enter the range, "
            "or save it with 8 bits.",
            next_steps.array_of_tiff(),
        )
    if bits > 16:
        raise BadImage(
            f"The TIFF has {bits} bits per sample; 1 to 16 are supported. Save it as a NumPy array (.npy) and enter "
            "the range, or save it with 8 bits.",
            next_steps.array_of_tiff(),
        )
    compression = page.number(_COMPRESSION, _UNCOMPRESSED)
    if compression not in _COMPRESSIONS:
        raise BadImage(
            f"The TIFF uses a compression that is not supported (number {compression}). Save it with LZW, with "
            "Deflate or without compression."
        )
    colours = page.number(_PHOTOMETRIC, _WHITE_IS_ZERO)
    if colours not in _COLOURS or (colours == _YCBCR and compression != _JPEG):
        raise unsupported(f"The TIFF uses a colour space that is not supported (number {colours}).")
    if page.number(_PLANES, 1) == 2 and bits > 8:
        raise unsupported(f"The TIFF stores colours of {bits} bits in separate planes, which is not supported.")


def check_strips(page: Directory, width: int, height: int) -> None:
    """Raises BadImage for more strips or tiles, larger tiles, or longer tags than a picture needs."""
    across, down = page.number(_TILE_WIDTH, width), page.number(_TILE_HEIGHT, page.number(_ROWS, height))
    if across < 1 or down < 1:
        raise ValueError("empty strips")
    check_pixels(width, height)
    check_pixels(across, min(down, height) if _TILE_WIDTH not in page.entries else down)
    planes = page.number(_SAMPLES, 1) if page.number(_PLANES, 1) == 2 else 1
    strips = math.ceil(width / across) * math.ceil(height / down) * planes
    tags = sum(entry.bytes for tag, entry in page.entries.items() if tag in _NEEDED)
    if strips > MOST_STRIPS or tags > MOST_TAG_BYTES:
        raise unsupported(f"The TIFF is cut into {strips:,} pieces; the limit is {MOST_STRIPS:,}.")


def starts(data: bytes) -> list[int | None]:
    """Where the directory of each page lies, None for the first, up to ``MOST_PAGES``; a link that leads nowhere or
    back is the end."""
    return _starts(directory.read(data))


def _starts(page: Directory) -> list[int | None]:
    pages: list[int | None] = [None]
    seen = {0}
    step = struct.Struct(page.order + "H"), struct.Struct(page.order + "I")
    at = page.following
    while at not in seen and len(pages) < MOST_PAGES:
        seen.add(at)
        start = at
        try:
            (count,) = step[0].unpack_from(page.data, at)
            (at,) = step[1].unpack_from(page.data, at + 2 + 12 * count)
        except struct.error:
            break
        pages.append(start)
    return pages


def _first_page(page: Directory, inverted: bool) -> bytes:
    """The same file with one directory, written anew behind it, that holds the tags that are needed. Grey of more than
    8 bits always counts from black there, because Pillow reads it so even where it counts from white."""
    needed = {tag: entry.raw for tag, entry in page.entries.items() if tag in _NEEDED}
    if inverted:
        needed[_PHOTOMETRIC] = struct.pack(page.order + "HHIHH", _PHOTOMETRIC, 3, 1, _BLACK_IS_ZERO, 0)
    kept = [needed[tag] for tag in sorted(needed)]
    start = len(page.data) + len(page.data) % 2
    parts = (
        page.data[:4] + struct.pack(page.order + "I", start),
        page.data[8:].ljust(start - 8, b"\0"),
        struct.pack(page.order + "H", len(kept)) + b"".join(kept) + bytes(4),
    )
    return b"".join(parts)
