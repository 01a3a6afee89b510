"""Bytes -> what the network sees, and back to raw pixels. Every image that is refused is refused here.

Nothing here needs torch; the steps are those of torchvision's classification preset on Pillow images, so that
pretrained weights see what they were trained on.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from gradviz_core.errors import BadImage, UnknownImage
from gradviz_core.models.catalogue import image_file, sample_image
from gradviz_core.settings import settings
from gradviz_core.types import Pixels, Preprocessing

FORMATS = ("PNG", "JPEG", "WEBP")
"""What Pillow may try; others, PostScript among them, are never opened."""
MOST_PIXELS = 40_000_000
"""Limit on width times height, read from the header before anything is decoded."""
BACKGROUND = (255, 255, 255)
"""What shows through where an image is transparent."""
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
        file = settings().store / name
        if file.is_file():
            return decode(file.read_bytes())
        raise UnknownImage("The uploaded image behind this address is no longer here. Upload it again.")
    raise UnknownImage(f"There is no image {key[:80]!r}. Choose a sample, or upload a PNG, JPEG or WebP file.")


def add(data: bytes) -> str:
    """Check an uploaded image, keep it under the SHA-256 of its bytes, and return its key ``upload/<sha256>``.

    Raises:
        BadImage: the bytes are no image that can be read, or break a limit.
    """
    limit = settings().upload_mb
    if len(data) > limit * 1_000_000:
        raise BadImage(f"The file has {len(data) / 1e6:.1f} MB; the limit is {limit:g} MB. Choose a smaller image.")
    decode(data)
    digest = hashlib.sha256(data).hexdigest()
    folder = settings().store
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (folder / digest).is_file():
        _write(folder / digest, data)
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
            raise BadImage(
                f"The image has {width} x {height} pixels; the limit is {MOST_PIXELS / 1e6:.0f} million. "
                "Choose a smaller image."
            )
        image.load()
        return _rgb(ImageOps.exif_transpose(image))


@contextmanager
def _reading() -> Iterator[None]:
    """Pillow tells of broken files with many kinds of errors; a person needs one sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UnidentifiedImageError as error:
        raise BadImage("The file is no PNG, JPEG or WebP image. Choose one that is.") from error
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        if isinstance(error, BadImage):
            raise
        raise BadImage("The image is broken and cannot be read. Save it again, or choose another.") from error


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "I;16", "I;16B", "I;16L"):
        grey = np.asarray(image).astype(np.float64) / 257.0
        image = Image.fromarray(np.clip(np.rint(grey), 0, 255).astype(np.uint8), "L")
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        under = Image.new("RGBA", picture.size, (*BACKGROUND, 255))
        return Image.alpha_composite(under, picture).convert("RGB")
    return image.convert("RGB")


# ------------------------------------------------------------------------------------------------- what the model sees

_FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
}


def as_seen(image: Image.Image, steps: Preprocessing) -> Pixels:
    """The picture at the network's input: resized and cropped, uint8 (H, W, 3); grey where the network takes luma."""
    if len(steps.mean) == 1:
        image = image.convert("L").convert("RGB")
    height, width = steps.size
    scaling = _FILTERS[steps.interpolation]
    if steps.resize is None:
        if image.size != (width, height):
            image = image.resize((width, height), scaling)
    else:
        image = _crop(image.resize(_shorter_side(image.size, steps.resize), scaling), width, height)
    return np.asarray(image, dtype=np.uint8)


def _shorter_side(size: tuple[int, int], length: int) -> tuple[int, int]:
    width, height = size
    if width <= height:
        return length, int(length * height / width)
    return int(length * width / height), length


def _crop(image: Image.Image, width: int, height: int) -> Image.Image:
    """The centre; what lies beyond the image is black."""
    left = round((image.width - width) / 2.0)
    top = round((image.height - height) / 2.0)
    return image.crop((left, top, left + width, top + height))


def normalise(pixels: Pixels, steps: Preprocessing) -> npt.NDArray[np.float32]:
    """(pixels / 255 - mean) / std, per channel: (H, W, 3) uint8 -> (1, C, H, W) float32, in normalised-pixel units.

    One normalised-pixel unit is ``std`` of the pixel's full range 0 to 1.
    """
    channels = np.asarray(pixels, dtype=np.float32)[..., : len(steps.mean)] / np.float32(255)
    normalised = (channels - np.asarray(steps.mean, np.float32)) / np.asarray(steps.std, np.float32)
    return np.ascontiguousarray(normalised.transpose(2, 0, 1)[None])
