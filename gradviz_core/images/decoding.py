"""The bytes of an image file -> an upright RGB image, with a sentence for each thing that was done on the way."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import Image

from gradviz_core.errors import BadImage
from gradviz_core.images import formats
from gradviz_core.images.colours import BACKGROUND, in_rgb
from gradviz_core.images.depth import stated
from gradviz_core.images.formats.contents import Contents
from gradviz_core.images.opened import opened
from gradviz_core.types.cards import Scaling

__all__ = ["BACKGROUND", "Picture", "bits", "decode", "read"]


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded image."""

    image: Image.Image
    """Upright, RGB."""
    format: str
    """As Pillow names it."""
    notes: tuple[str, ...]
    """What was done to it, each a sentence."""
    scaling: Scaling | None = None
    """Of a picture of 9 to 16 bits."""
    mode: str = ""
    """Pillow's name for how the file stores its colours."""


def decode(data: bytes) -> Image.Image:
    """Image bytes as an upright RGB image; transparency is laid over white, 16-bit values are scaled to 8.

    Raises:
        BadImage: empty, of another format, broken, or beyond a limit.
    """
    return read(data).image


def read(data: bytes) -> Picture:
    """The same, with what was done to it.

    Raises:
        BadImage: as ``decode`` does.
    """
    with as_bad_image():
        contents = formats.read(data)
        with opened(contents) as stored:
            stored.load()
            if stored.size != _decoded_size(contents):
                raise ValueError("the headers disagree on the size")
            found = in_rgb(stored, contents, stated(data) if contents.bits > 8 else None)
            mode = stored.mode
        turned, words = _upright(found.image, contents)
        notes = (*_frames(contents), *words, *found.notes, *_profile(contents, mode), *contents.notes)
        return Picture(turned, contents.format, notes, found.scaling, mode)


def upright(stored: Image.Image, contents: Contents) -> Image.Image:
    """A frame of 8 bits that is decoded already, upright, in RGB.

    Raises:
        BadImage: its pixels are stored in a way that is not read.
    """
    return _upright(in_rgb(stored, contents, None).image, contents)[0]


def bits(data: bytes) -> int:
    """Bits of one number of the picture, from the headers alone.

    Raises:
        BadImage: as ``decode`` does.
    """
    with as_bad_image():
        return formats.read(data).bits


_BROKEN = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError),
    *(struct.error, zlib.error, AssertionError, AttributeError, NotImplementedError, Warning),
)
"""Pillow tells of broken files with many kinds of errors, and, where warnings are errors, with warnings."""


@contextmanager
def as_bad_image() -> Iterator[None]:
    """A person needs one sentence."""
    try:
        yield
    except BadImage:
        raise
    except MemoryError as error:
        raise BadImage("The image needs more memory than is available. Choose a smaller one.") from error
    except (Image.DecompressionBombError, *_BROKEN) as error:
        raise BadImage("The image is broken and cannot be read. Save it again, or choose another.") from error


def _frames(contents: Contents) -> tuple[str, ...]:
    if contents.frames == 1:
        return ()
    if contents.format == "TIFF":
        return (f"A file of {contents.frames:,} pages: this is the first.",)
    return (f"An animation of {contents.frames:,} frames: this is the first.",)


_TURNS = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT, "mirroring was applied: left and right swapped"),
    3: (Image.Transpose.ROTATE_180, "rotation was applied: 180 degrees"),
    4: (Image.Transpose.FLIP_TOP_BOTTOM, "mirroring was applied: top and bottom swapped"),
    5: (Image.Transpose.TRANSPOSE, "mirroring was applied: rows and columns swapped"),
    6: (Image.Transpose.ROTATE_270, "rotation was applied: 90 degrees clockwise"),
    7: (Image.Transpose.TRANSVERSE, "mirroring was applied: rows and columns swapped, then turned by 180 degrees"),
    8: (Image.Transpose.ROTATE_90, "rotation was applied: 90 degrees counter-clockwise"),
}


_SIDEWAYS = (5, 6, 7, 8)


def _decoded_size(contents: Contents) -> tuple[int, int]:
    size = contents.width, contents.height
    return size[::-1] if contents.turned and contents.orientation in _SIDEWAYS else size


def _upright(image: Image.Image, contents: Contents) -> tuple[Image.Image, tuple[str, ...]]:
    """The image turned as the camera's orientation says."""
    if contents.orientation not in _TURNS:
        return image, ()
    turn, words = _TURNS[contents.orientation]
    return image if contents.turned else image.transpose(turn), (f"The camera's {words}.",)


def _profile(contents: Contents, mode: str) -> tuple[str, ...]:
    """A sentence where the file has a colour profile other than sRGB; CMYK has one of its own."""
    names = ("sRGB".encode(coding) for coding in ("ascii", "utf-16-be"))
    if not contents.profile or mode == "CMYK" or any(name in contents.profile for name in names):
        return ()
    return ("The file's colour profile was not applied, so colours may differ slightly from those in other programs.",)
