"""Bytes -> what the network sees, and back to raw pixels. Every image that is refused is refused here.

Nothing here needs torch; the steps are those of torchvision's classification preset on Pillow images, so that
pretrained weights see what they were trained on.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import tempfile
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import ExifTags, Image, UnidentifiedImageError

from gradviz_core.errors import BadImage, ComputeError, UnknownImage
from gradviz_core.models.catalogue import image_file, sample_image
from gradviz_core.settings import settings
from gradviz_core.types import Preprocessing

FORMATS = ("PNG", "JPEG", "WEBP")
"""What Pillow may try; others, PostScript among them, are never opened."""
MOST_PIXELS = 40_000_000
"""Limit on width times height, read from the header before anything is decoded."""
BACKGROUND = (255, 255, 255)
"""What shows through where an image is transparent."""
MOST_STRETCHED = 100
"""A strip longer than this many times its width is cut to its middle before it is enlarged, or a picture of a few
bytes would become one of gigabytes; the network sees only the middle anyway."""
_HEX = frozenset("0123456789abcdef")


def load(key: str) -> Image.Image:
    """The image with this key, upright, in RGB.

    Raises:
        UnknownImage: no image has this key.
        BadImage: the image cannot be read.
    """
    kind, _, name = key.partition("/")
    if kind == "sample":
        return decode(image_file(sample_image(name)).read_bytes())
    if kind == "upload" and len(name) == 64 and set(name) <= _HEX:
        try:
            data = (settings().store / name).read_bytes()
        except OSError as error:
            raise UnknownImage("The uploaded image behind this address is no longer here. Upload it again.") from error
        return decode(data)
    raise UnknownImage(f"There is no image {key[:80]!r}. Choose a sample, or upload a PNG, JPEG or WebP file.")


def add(data: bytes) -> str:
    """Check an uploaded image, keep it under the SHA-256 of its bytes, and return its key ``upload/<sha256>``.

    Raises:
        BadImage: the bytes are no image that can be read, or break a limit.
        ComputeError: the image is sound, but the folder for uploads takes no more.
    """
    limit = settings().upload_mb
    if len(data) > limit * 1_000_000:
        raise BadImage(f"The file has {len(data) / 1e6:.1f} MB; the limit is {limit:g} MB. Choose a smaller image.")
    decode(data)
    digest = hashlib.sha256(data).hexdigest()
    folder = settings().store
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (folder / digest).is_file():
            _write(folder / digest, data)
    except OSError as error:
        raise ComputeError(
            "The image could not be kept: the folder for uploads is full or cannot be written. Use a sample image, or "
            "ask whoever runs GradViz to make room."
        ) from error
    return f"upload/{digest}"


def _write(file: Path, data: bytes) -> None:
    """Write next to the file and rename, so that nobody ever reads half of it."""
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        Path(temporary).replace(file)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def decode(data: bytes) -> Image.Image:
    """Image bytes as an upright RGB image; transparency is laid over white, 16-bit values are scaled to 8.

    Raises:
        BadImage: empty, of another format, broken, or above ``MOST_PIXELS``.
    """
    if not data:
        raise BadImage("The file is empty. Choose a PNG, JPEG or WebP image.")
    with _reading(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
        width, height = image.size
        if width * height > MOST_PIXELS:
            raise _too_large(f"{width} x {height}")
        image.load()
        return _upright(_rgb(image), image.getexif().get(ExifTags.Base.Orientation))


def _too_large(size: str) -> BadImage:
    limit = f"{MOST_PIXELS / 1e6:.0f} million"
    return BadImage(f"The image has {size} pixels; the limit is {limit}. Choose a smaller image.")


_BROKEN = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, RuntimeError),
    *(struct.error, zlib.error),
)


@contextmanager
def _reading() -> Iterator[None]:
    """Pillow tells of broken files with many kinds of errors; a person needs one sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UnidentifiedImageError as error:
        raise BadImage("The file is no PNG, JPEG or WebP image. Choose one that is.") from error
    except BadImage:
        raise
    except Image.DecompressionBombError as error:
        raise _too_large("too many") from error
    except _BROKEN as error:
        raise BadImage("The image is broken and cannot be read. Save it again, or choose another.") from error


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _upright(image: Image.Image, orientation: object) -> Image.Image:
    """The image turned as a camera's EXIF orientation says. Pillow's own ``exif_transpose`` also writes the rest of the
    EXIF data anew, and fails where that is odd."""
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        image = _grey_of_8_bits(image)
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        under = Image.new("RGBA", picture.size, (*BACKGROUND, 255))
        return Image.alpha_composite(under, picture).convert("RGB")
    return image.convert("RGB")


def _grey_of_8_bits(image: Image.Image) -> Image.Image:
    """16-bit grey scaled to 8 bits; Pillow's own conversion cuts everything above 255 to white."""
    wide = np.asarray(image).astype(np.uint32)
    grey = np.minimum((wide + 128) // 257, 255).astype(np.uint8)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        grey[wide == transparent] = 255  # the one grey that the file declares transparent
    return Image.fromarray(grey)


# ------------------------------------------------------------------------------------------------- what the model sees

_FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
}


def as_seen(image: Image.Image, steps: Preprocessing) -> UInt8[np.ndarray, "h w 3"]:
    """The picture at the network's input: resized and cropped, uint8 (H, W, 3); grey where the network takes luma.

    The same pixels as torchvision's classification preset gives, save for strips beyond ``MOST_STRETCHED``.
    """
    if len(steps.mean) == 1:
        image = image.convert("L").convert("RGB")
    height, width = steps.size
    scaling = _FILTERS[steps.interpolation]
    if steps.resize is None:
        if image.size != (width, height):
            image = image.resize((width, height), scaling)
    else:
        image = _middle(image)
        image = _crop(image.resize(_shorter_side(image.size, steps.resize), scaling), width, height)
    return np.asarray(image, dtype=np.uint8)


def _middle(image: Image.Image) -> Image.Image:
    """The image, or the middle of a very long strip."""
    most = MOST_STRETCHED * min(image.size)
    across, down = (max(0, length - most) // 2 for length in image.size)
    return image.crop((across, down, image.width - across, image.height - down)) if across or down else image


def _shorter_side(size: tuple[int, int], length: int) -> tuple[int, int]:
    width, height = size
    if width <= height:
        return length, int(length * height / width)
    return int(length * width / height), length


def _crop(image: Image.Image, width: int, height: int) -> Image.Image:
    """The centre; what lies beyond the image is black."""
    left, top = _offset(image.width, width), _offset(image.height, height)
    return image.crop((left, top, left + width, top + height))


def _offset(length: int, wanted: int) -> int:
    """Where the middle ``wanted`` of ``length`` pixels start, rounded as torchvision does it: halves to even when
    cropping, the smaller border first when padding."""
    return round((length - wanted) / 2.0) if length >= wanted else -((wanted - length) // 2)


def normalise(pixels: UInt8[np.ndarray, "h w 3"], steps: Preprocessing) -> Float32[np.ndarray, "1 c h w"]:
    """(pixels / 255 - mean) / std, per channel: (H, W, 3) uint8 -> (1, C, H, W) float32, in normalised-pixel units.

    One normalised-pixel unit is ``std`` of the pixel's full range 0 to 1.
    """
    planes = np.ascontiguousarray(pixels[..., : len(steps.mean)].transpose(2, 0, 1)).astype(np.float32)
    planes /= np.float32(255)
    planes -= np.asarray(steps.mean, np.float32)[:, None, None]
    planes /= np.asarray(steps.std, np.float32)[:, None, None]
    return planes[None]
