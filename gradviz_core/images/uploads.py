"""Images by their key, and what is found in one that was uploaded."""

from __future__ import annotations

import hashlib

from PIL import Image

from gradviz_core import store
from gradviz_core.cards import ImageFile, ImageReport
from gradviz_core.errors import UnknownImage
from gradviz_core.images import arrays, decoding, formats
from gradviz_core.images.decoding import decode
from gradviz_core.models.catalogue import image_file, sample_image


def load(key: str) -> Image.Image:
    """The image with this key, upright, in RGB.

    Raises:
        UnknownImage: no image has this key, or it is here no longer.
        BadImage: the image cannot be read.
    """
    kind, _, name = key.partition("/")
    if kind == "sample":
        return decode(image_file(sample_image(name)).read_bytes())
    if digest := store.digest(key):
        return decode(store.here().image(digest))
    raise UnknownImage(f"There is no image {key[:80]!r}. Choose a sample, or upload an image.")


def describe(key: str) -> ImageFile | None:
    """How an uploaded image that can be read lies in its file, from its headers alone; None for a sample.

    Raises:
        UnknownImage: the upload is here no longer.
    """
    digest = store.digest(key)
    if digest is None:
        return None
    contents = formats.read(store.here().image(digest))
    array = arrays.told(contents.told)
    return ImageFile("NPY" if array else contents.format, contents.bits, contents.white_is_zero, array)


def inspect(data: bytes, value_range: arrays.Range | None = None) -> tuple[ImageReport, bytes]:
    """What was found in an uploaded file, and the bytes to keep: the same, or a PNG made of a NumPy array.

    The report's key names the bytes to keep. ``value_range`` is for arrays alone: the numbers that stand for 0 and for
    255.

    Raises:
        BadImage: the bytes are no image that can be read, or break a limit.
    """
    kind, done = "", tuple[str, ...]()
    if data.startswith(arrays.SIGNATURE):
        kind, (data, done) = "NPY", arrays.as_png(data, value_range)
    picture = decoding.read(data)
    report = ImageReport(
        key=f"upload/{hashlib.sha256(data).hexdigest()}",
        width=picture.image.width,
        height=picture.image.height,
        format=kind or picture.format,
        notes=(*done, *picture.notes),
    )
    return report, data
