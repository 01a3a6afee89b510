"""The bytes of an image file -> an upright RGB image, with a sentence for each thing that was done on the way."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from gradviz_core.errors import BadImage
from gradviz_core.images import formats
from gradviz_core.images.colours import BACKGROUND, in_rgb
from gradviz_core.images.formats.contents import Contents, unsupported

__all__ = ["BACKGROUND", "Picture", "decode", "read"]

_READERS: dict[str, Callable[[io.BytesIO], Image.Image]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "GIF": GifImagePlugin.GifImageFile,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded image."""

    image: Image.Image
    """Upright, RGB."""
    format: str
    """As Pillow names it."""
    notes: tuple[str, ...]
    """What was done to it, each a sentence."""


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
    with _as_bad_image():
        contents = formats.read(data)
        with _opened(contents) as stored:
            stored.load()
            if stored.size != (contents.width, contents.height):
                raise ValueError("the headers disagree on the size")
            image, done = in_rgb(stored, contents)
            mode = stored.mode
        turned, words = _upright(image, contents.orientation)
        notes = (*_frames(contents), *words, *done, *_profile(contents, mode), *contents.notes)
        return Picture(turned, contents.format, notes)


def _opened(contents: Contents) -> Image.Image:
    """The file opened by the one reader of its kind; ``Image.open`` would warn of sizes, and try further readers."""
    try:
        return _READERS[contents.format](io.BytesIO(contents.picture))
    except SyntaxError as error:
        if contents.format != "TIFF":
            raise
        raise unsupported("The TIFF is broken, or stores its pixels in a way that is not read.") from error


_BROKEN = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError),
    *(struct.error, zlib.error, AssertionError, AttributeError, NotImplementedError, Warning),
)
"""Pillow tells of broken files with many kinds of errors, and, where warnings are errors, with warnings."""


@contextmanager
def _as_bad_image() -> Iterator[None]:
    """A person needs one sentence."""
    try:
        yield
    except BadImage:
        raise
    except MemoryError as error:
        raise BadImage("The image needs more memory than there is. Choose a smaller one.") from error
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


def _upright(image: Image.Image, orientation: int) -> tuple[Image.Image, tuple[str, ...]]:
    """The image turned as a camera's EXIF orientation says."""
    if orientation not in _TURNS:
        return image, ()
    turn, words = _TURNS[orientation]
    return image.transpose(turn), (f"The camera's {words}.",)


def _profile(contents: Contents, mode: str) -> tuple[str, ...]:
    """A sentence where the file has a colour profile other than sRGB; CMYK has one of its own."""
    names = ("sRGB".encode(coding) for coding in ("ascii", "utf-16-be"))
    if not contents.profile or mode == "CMYK" or any(name in contents.profile for name in names):
        return ()
    return ("The file's colour profile was not applied: colours may differ a little from what other programs show.",)
