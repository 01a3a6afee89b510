"""Images by their key, and what is found in one that was uploaded."""

from __future__ import annotations

import hashlib

import numpy as np
from jaxtyping import Float32
from PIL import Image

from gradviz_core.errors import BadImage, UnknownImage
from gradviz_core.images import arrays, band_files, bands, decoding, depth, formats, slices
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
    data = _bytes(key)
    if band_files.has_bands(data):
        count = len(band_files.read(data)[0])
        raise BadImage(
            f"The image has {count} bands, and this model takes a picture in grey or colours. Choose another image, or "
            "save three of the bands as an array of 3 × height × width, such as array[[2, 1, 0]], and upload it."
        )
    return decode(data)


@reading("image", BadImage)
def load_bands(key: str, count: int) -> Float32[np.ndarray, "c h w"]:
    """The bands of the image with this key, in the numbers of its file. ``count`` is how many the model takes, which
    is said where the image has none.

    Raises:
        UnknownImage: no image has this key, or it is here no longer.
        BadImage: the image has no bands, or cannot be read.
    """
    data = _bytes(key)
    if not band_files.has_bands(data):
        raise BadImage(
            f"This model takes {count} bands, and the image is a picture in grey or colours. Upload an image with "
            f"{count} bands, {bands.how_to_save(count)}."
        )
    return band_files.read(data)[0]


def _bytes(key: str) -> bytes:
    kind, name = keys.split(key)
    if kind == keys.SAMPLE:
        return image_file(sample_image(name)).read_bytes()
    if digest := keys.digest(key):
        return store.here().image(digest)
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
    if band_files.has_bands(data):
        return band_files.read(data)[1]
    contents = formats.read(data)
    array, slice_ = arrays.told(contents.told), slices.told(contents.told)
    kind = "NPY" if array else "DICOM" if slice_ else contents.format
    if contents.bits <= 8:
        return ImageFile(kind, contents.bits, contents.white_is_zero, array, slice=slice_)
    picture = decoding.read(data)
    return ImageFile(kind, contents.bits, contents.white_is_zero, array, picture.scaling, picture.mode)


@reading("image", BadImage)
def inspect(data: bytes, value_range: depth.Range | None = None) -> tuple[ImageReport, bytes]:
    """What was found in an uploaded file, and the bytes to keep: the same; or a PNG made of a NumPy array of grey or
    colours, or of a DICOM slice; or, where a picture of more than 8 bits is scaled from a range that a person states,
    the same with this range behind them.

    The report's key names the bytes to keep. ``value_range`` is for arrays, slices and pictures of more than 8 bits:
    the numbers that stand for 0 and for 255.

    Raises:
        BadImage: the bytes are no image that can be read, or break a limit.
    """
    kind, done = "", tuple[str, ...]()
    if band_files.has_bands(data):
        return _reported_bands(data), data
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
    if band_files.has_bands(data):
        raise BadImage("The image has bands, whose numbers are used as they are, so no range can be chosen for it.")
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


def _reported_bands(data: bytes) -> ImageReport:
    numbers, file, words = band_files.read(data)
    count, height, width = numbers.shape
    return ImageReport(
        key=keys.upload(hashlib.sha256(data).hexdigest()),
        width=width,
        height=height,
        format=file.format,
        notes=(words, f"Its {count} bands keep their numbers, as 32-bit floating point."),
    )
