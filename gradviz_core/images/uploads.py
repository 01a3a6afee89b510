"""Images by their key, and what is found in one that was uploaded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from gradviz_core.errors import BadImage, UnknownImage
from gradviz_core.images import (
    arrays,
    band_files,
    bands,
    decoding,
    depth,
    formats,
    frames,
    next_steps,
    slices,
    volume_arrays,
    volumes,
)
from gradviz_core.images.decoding import decode
from gradviz_core.images.formats import dicom, png, tiff
from gradviz_core.images.preprocessing import as_seen
from gradviz_core.models.catalogue import image_file, sample_image
from gradviz_core.text.readers import reading
from gradviz_core.types import keys
from gradviz_core.types.cards import ImageFile, ImageReport, Preprocessing
from gradviz_core.types.picked_slices import picked
from gradviz_core.uploads import store


@dataclass(frozen=True, slots=True)
class Slices:
    """A volume or a clip as it was uploaded: an array, or pictures."""

    upright: tuple[int, int]
    """Rows and columns of a slice, before it is resized and cropped."""
    array: volume_arrays.Volume | None = None
    seen: tuple[UInt8[np.ndarray, "h w 3"], ...] = ()
    """Of pictures those that are picked, each as the network sees it; empty for an array."""


@reading("image", BadImage)
def load_slices(key: str, steps: Preprocessing) -> Slices:
    """The slices of the image with this key, for a model that takes a volume or a clip: those of an array, or the
    frames of a picture, one for a still image.

    Raises:
        UnknownImage: no image has this key, or it is here no longer.
        BadImage: it cannot be read, or does not fit the channels that the model takes.
    """
    data = _bytes(key)
    if volume_arrays.has_slices(data):
        array = volume_arrays.read(data, len(steps.mean))
        return Slices((array.numbers.shape[2], array.numbers.shape[3]), array)
    if band_files.has_bands(data):
        raise BadImage("The image is a TIFF of bands, and this model takes slices. Save it as an array, a .npy file.")
    volumes.check_picture(arrays.told(formats.read(data).told), steps)
    at, upright = picked(frames.count(data), steps.slices), (0, 0)
    seen: dict[int, UInt8[np.ndarray, "h w 3"]] = {}
    for number, picture in frames.read(data, frozenset(at)):
        seen[number], upright = as_seen(picture, steps), (picture.height, picture.width)
    if len(seen) < len(set(at)):
        raise BadImage("The image ends before its last frame. Save it again, or choose another.")
    return Slices(upright, seen=tuple(seen[number] for number in at))


@reading("image", BadImage)
def load(key: str) -> Image.Image:
    """The image with this key, upright, in RGB.

    Raises:
        UnknownImage: no image has this key, or it is here no longer.
        BadImage: the image cannot be read.
    """
    data = _bytes(key)
    _refuse_slices(data)
    if band_files.has_bands(data):
        count = len(band_files.read(data)[0])
        slices = " or slices" if volume_arrays.has_slices(data) else ""
        raise BadImage(
            f"The image has {count} bands{slices}, and this model takes a picture in grey or colours. Choose another, "
            "or save three of the bands as an array of 3 × height × width, such as array[[2, 1, 0]], and upload it."
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
    _refuse_slices(data)
    if not band_files.has_bands(data, count):
        raise _no_bands(data, count)
    return band_files.read(data)[0]


def _no_bands(data: bytes, count: int) -> BadImage:
    """Why a picture is refused by a network of bands. What its file calls transparency may be meant as a band; where
    the picture was made of an array, the file that was chosen is that."""
    if data.startswith(tiff.SIGNATURES) and formats.read(data).frames == count:
        return BadImage(
            f"This model takes {count} bands, and the TIFF has {count} pages of one picture each. Save the pages as a "
            "NumPy array, and upload array.npy.",
            next_steps.array_of_tiff(first_page=False),
        )
    if count != 4 or not png.has_alpha(data):
        return BadImage(
            f"This model takes {count} bands, and the image is a picture in grey or colours. Upload an image with "
            f"{count} bands, {bands.how_to_save(count)}."
        )
    if arrays.told(formats.read(data).told):
        return BadImage(
            "This model takes 4 bands, and an array of height × width × 4 is read as colours with transparency. Put "
            "the bands first, and upload bands.npy.",
            next_steps.bands_first(),
        )
    return BadImage(
        "This model takes 4 bands, and the fourth channel of a PNG is transparency. If it is a band here, save the "
        "channels as an array with the bands first, and upload bands.npy.",
        next_steps.bands_of_picture(),
    )


def _refuse_slices(data: bytes) -> None:
    """Raises BadImage for an array of slices, where the model takes one picture."""
    if volume_arrays.has_slices(data) and not band_files.has_bands(data):
        rows, columns, shape = volume_arrays.size(data)
        raise BadImage(
            f"The array has the shape {shape}: slices of {rows} × {columns}, and this model takes one picture. Save "
            "one slice of it, such as array[0], and upload that."
        )


def _bytes(key: str) -> bytes:
    kind, name = keys.split(key)
    if kind == keys.SAMPLE:
        return image_file(sample_image(name)).read_bytes()
    if digest := keys.digest(key):
        return store.here().image(digest)
    raise UnknownImage(f"Unknown image {key[:80]!r}. Choose a sample or upload an image.")


@reading("image", BadImage)
def describe(key: str, steps: Preprocessing) -> ImageFile | None:
    """How an uploaded image that can be read lies in its file, read for a model with these steps; None for a sample.
    Pixels are decoded only where it depends on them how the image is scaled, which is where it has more than 8 bits.

    Raises:
        UnknownImage: the upload is here no longer.
    """
    digest = keys.digest(key)
    if digest is None:
        return None
    data = store.here().image(digest)
    if steps.slices and volume_arrays.has_slices(data):
        volume = volume_arrays.read(data, len(steps.mean))
        return ImageFile("NPY", array=volume.file, frames=volume.numbers.shape[1])
    if band_files.has_bands(data, len(steps.mean) if steps.banded else 0):
        return band_files.read(data)[1]
    contents = formats.read(data)
    if steps.slices and (count := frames.count(data)) > 1:
        return ImageFile(contents.format, contents.bits, contents.white_is_zero, frames=count)
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
    if band_files.has_bands(data):
        return _reported_bands(data), data
    if volume_arrays.has_slices(data):
        return _reported_slices(data), data
    kind, data, done = _as_picture(data, value_range)
    if not kind and value_range is not None and decoding.bits(data) > 8:
        data = depth.restated(data, value_range)
    return _reported(data, kind, done), data


@reading("image", BadImage)
def kept(data: bytes) -> bytes:
    """The bytes that ``inspect`` keeps of a file where no range is stated. A picture is not decoded for it, so that a
    broken one shows only once it is loaded.

    Raises:
        BadImage: an array or a DICOM slice cannot be read.
    """
    if band_files.has_bands(data) or volume_arrays.has_slices(data):
        return data
    return _as_picture(data, None)[1]


def _as_picture(data: bytes, value_range: depth.Range | None) -> tuple[str, bytes, tuple[str, ...]]:
    """An array or a DICOM slice as a PNG, with its name and what was done to it; a picture as it is."""
    if data.startswith(arrays.SIGNATURE):
        return ("NPY", *arrays.as_png(data, value_range))
    if dicom.is_one(data):
        return ("DICOM", *slices.as_png(data, value_range))
    return "", data, ()


@reading("image", BadImage)
def rescale(data: bytes, value_range: depth.Range | None) -> tuple[ImageReport, bytes]:
    """The same picture of more than 8 bits scaled from another range, or from what its file or its largest number
    says; as ``inspect``.

    Raises:
        BadImage: it has 8 bits or fewer, or as ``inspect`` does.
    """
    if band_files.has_bands(data) or volume_arrays.has_slices(data):
        raise BadImage(
            "The image has bands or slices, whose numbers are used as they are, so no range can be chosen for it."
        )
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
    numbers, file, notes = band_files.read(data)
    _, height, width = numbers.shape
    return ImageReport(
        key=keys.upload(hashlib.sha256(data).hexdigest()),
        width=width,
        height=height,
        format=file.format,
        notes=notes,
    )


def _reported_slices(data: bytes) -> ImageReport:
    rows, columns, shape = volume_arrays.size(data)
    return ImageReport(
        key=keys.upload(hashlib.sha256(data).hexdigest()),
        width=columns,
        height=rows,
        format="NPY",
        notes=(f"An array of slices, of shape {shape}, for a model that takes a volume or a clip.",),
    )
