"""Pictures of several frames or pages -> those that a volume or a clip is made of, one after the other.

Only the frames that are asked for are kept. A still picture has one frame.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from PIL import Image

from gradviz_core.errors import BadImage
from gradviz_core.images import decoding, formats, next_steps
from gradviz_core.images.formats import gif, tiff
from gradviz_core.images.formats.contents import Contents
from gradviz_core.images.opened import opened

MOST_FRAMES = 1_000
MOST_PIXELS = 100_000_000
"""Of all frames together: those before one that is asked for are decoded too."""
_WIDE = 8
"""Bits of a sample, at most: of pages of more bits each would be scaled by its own numbers."""


def count(data: bytes) -> int:
    """How many frames or pages the file has.

    Raises:
        BadImage: it cannot be read, or they are beyond a limit.
    """
    with decoding.as_bad_image():
        return _checked(formats.read(data)).frames


def read(data: bytes, wanted: Collection[int]) -> Iterator[tuple[int, Image.Image]]:
    """The number, from 0, of each frame in ``wanted``, and its picture, upright and in RGB, in their order.

    Raises:
        BadImage: the file cannot be read, or is beyond a limit; pages have several sizes, or more than 8 bits.
    """
    with decoding.as_bad_image():
        contents = _checked(formats.read(data))
        if contents.frames == 1:
            yield 0, decoding.decode(data)
        elif contents.format == "TIFF":
            yield from _pages(data, contents, wanted)
        else:
            whole = gif.every_frame(data) if contents.format == "GIF" else contents.picture
            yield from _frames(replace(contents, picture=whole), wanted)


def _checked(contents: Contents) -> Contents:
    if contents.format not in ("GIF", "WEBP", "TIFF"):  # of the others the readers give one picture
        return replace(contents, frames=1)
    pixels = contents.frames * contents.width * contents.height
    if contents.frames > 1 and (contents.frames > MOST_FRAMES or pixels > MOST_PIXELS):
        raise BadImage(
            f"The file has {contents.frames:,} frames of {contents.width} x {contents.height} pixels; the limit is "
            f"{MOST_FRAMES:,} frames and {MOST_PIXELS / 1e6:.0f} million pixels in all of them. Save fewer or smaller "
            "frames."
        )
    if contents.frames > 1 and contents.bits > _WIDE:
        raise BadImage(
            f"The pages of the TIFF have {contents.bits} bits per sample, and it does not say how all of them are "
            "scaled. Save them as a NumPy array (.npy) of slices × height × width.",
            next_steps.array_of_tiff(first_page=False),
        )
    return contents


def _frames(contents: Contents, wanted: Collection[int]) -> Iterator[tuple[int, Image.Image]]:
    last = max(wanted)
    with opened(contents) as stored:
        for number in range(last + 1):
            stored.seek(number)
            stored.load()
            if stored.size != (contents.width, contents.height):
                raise ValueError("the frames have another size than the file states")
            if number in wanted:
                yield number, decoding.upright(stored, contents)


def _pages(data: bytes, first: Contents, wanted: Collection[int]) -> Iterator[tuple[int, Image.Image]]:
    for number, start in enumerate(tiff.starts(data)[: max(wanted) + 1]):
        if number not in wanted:
            continue
        page = tiff.page_at(data, start)
        if (page.width, page.height) != (first.width, first.height) or page.bits > _WIDE:
            raise BadImage(
                f"Page {number + 1} of the TIFF is stored in another way than its first: {page.width} x {page.height} "
                f"pixels of {page.bits} bits. Save pages of one size, of 8 bits."
            )
        with opened(page) as stored:
            stored.load()
            if stored.size != (page.width, page.height):
                raise ValueError("the headers disagree on the size")
            yield number, decoding.upright(stored, page)
