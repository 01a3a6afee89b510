"""Images by their key, and what is found in one that was uploaded."""

from __future__ import annotations

import hashlib

from PIL import Image

from gradviz_core.errors import BadImage, UnknownImage
from gradviz_core.images import arrays, decoding, depth, formats, slices
from gradviz_core.images.decoding import decode
from gradviz_core.images.formats import dicom
from gradviz_core.models.catalogue import image_file, sample_image
from gradviz_core.text.readers import reading
from gradviz_core.types import keys
from gradviz_core.types.cards import ImageFile, ImageReport
from gradviz_core.uploads import store


@reading("image", BadImage)
def load(key: str) -> Image.Image:
    """The image with this key, upright, in RGB.

    Raises:
        UnknownImage: no image has this key, or it is here no longer.
        BadImage: the image cannot be read.
    """
    kind, name = keys.split(key)
    if kind == keys.SAMPLE:
        return decode(image_file(sample_image(name)).read_bytes())
    if digest := keys.digest(key):
        return decode(store.here().image(digest))
    raise UnknownImage(f"Unknown image {key[:80]!r}. Choose a sample or upload an image.")


@reading("image", BadImage)
def describe(key: str) -> ImageFile | None:
    """How an uploaded image that can be read lies in its file; None for a sample. Pixels are decoded only where it
    depends on them how the image is scaled, which is where it has more than 8 bits.

    Raises:
        UnknownImage: the upload is here no longer.
    """
    digest = keys.digest(key)
    if digest is None:
        return None
    data = store.here().image(digest)
    contents = formats.read(data)
    array, slice_ = arrays.told(contents.told), slices.told(contents.told)
    kind = "NPY" if array else "DICOM" if slice_ else contents.format
    if contents.bits <= 8:
        return ImageFile(kind, contents.bits, contents.white_is_zero, array, slice=slice_)
    picture = decoding.read(data)
    return ImageFile(kind, contents.bits, contents.white_is_zero, array, picture.scaling, picture.mode)


@reading("image", BadImage)
def inspect(data: bytes, value_range: depth.Range | None = None) -> tuple[ImageReport, bytes]:
    """What was found in an uploaded file, and the bytes to keep: the same; or a PNG made of a NumPy array or of a DICOM
    slice; or, where a picture of more than 8 bits is scaled from a range that a person states, the same with this range
    behind them.

    The report's key names the bytes to keep. ``value_range`` is for arrays, slices and pictures of more than 8 bits:
    the numbers that stand for 0 and for 255.

    Raises:
        BadImage: the bytes are no image that can be read, or break a limit.
    """
    kind, done = "", tuple[str, ...]()
    if data.startswith(arrays.SIGNATURE):
        kind, (data, done) = "NPY", arrays.as_png(data, value_range)
    elif dicom.is_one(data):
        kind, (data, done) = "DICOM", slices.as_png(data, value_range)
    elif value_range is not None and decoding.bits(data) > 8:
        data = depth.restated(data, value_range)
    return _reported(data, kind, done), data


@reading("image", BadImage)
def rescale(data: bytes, value_range: depth.Range | None) -> tuple[ImageReport, bytes]:
    """The same picture of more than 8 bits scaled from another range, or from what its file or its largest number
    says; as ``inspect``.

    Raises:
        BadImage: it has 8 bits or fewer, or as ``inspect`` does.
    """
    if (bits := decoding.bits(data)) <= 8:
        raise BadImage(f"The image has {bits} bits; a range can be chosen only for images of 9 to 16 bits.")
    data = depth.restated(data, value_range)
    return _reported(data), data


def _reported(data: bytes, kind: str = "", done: tuple[str, ...] = ()) -> ImageReport:
    picture = decoding.read(data)
    return ImageReport(
        key=keys.upload(hashlib.sha256(data).hexdigest()),
        width=picture.image.width,
        height=picture.image.height,
        format=kind or picture.format,
        notes=(*done, *picture.notes),
    )
