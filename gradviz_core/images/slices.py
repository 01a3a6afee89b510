"""DICOM slices as pictures. The file says by slope, intercept and window which values are black and white; a person may
say otherwise. The picture is kept, and nothing of the names, dates and other things that a DICOM file says."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydantic import TypeAdapter, ValidationError

from gradviz_core.errors import BadImage
from gradviz_core.images.depth import Range, checked
from gradviz_core.images.formats import dicom, png
from gradviz_core.images.formats.dicom import Slice
from gradviz_core.types.cards import SliceFile

if TYPE_CHECKING:
    from pydicom import Dataset

Numbers = npt.NDArray[Any]
Levels = npt.NDArray[np.uint8]
_FILES = TypeAdapter(SliceFile)
_BROKEN = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    Warning,
)


def as_png(data: bytes, value_range: Range | None) -> tuple[bytes, tuple[str, ...]]:
    """The first frame as a PNG of 8 bits, in which it is written how the slice was read, and what was done to it, each
    a sentence.

    Grey is slope · stored number + intercept, scaled linearly from ``value_range``, else from the file's window, else
    from its darkest to its brightest value, and rounded to the nearest.

    Raises:
        BadImage: no slice that can be read, or beyond a limit.
    """
    try:
        found = dicom.read(data)
        numbers = _pixels(found)
    except BadImage:
        raise
    except (*_BROKEN, *dicom.BROKEN) as error:
        raise BadImage("The DICOM file is broken and cannot be read. Export it again, or choose another.") from error
    if numbers.ndim == 3:
        levels, file, said = _of_colours(found, numbers)
    else:
        levels, file, said = _of_grey(found, numbers, value_range)
    text = PngInfo()
    text.add_text(png.OURS.decode(), _FILES.dump_json(file).decode())
    out = io.BytesIO()
    Image.fromarray(levels).save(out, "PNG", pnginfo=text)
    return out.getvalue(), (*_frames(found), *said)


def told(text: bytes) -> SliceFile | None:
    """How the slice was read that ``as_png`` made a PNG of; None where the text in the PNG does not say so."""
    try:
        file = _FILES.validate_json(text)
    except ValidationError:
        return None
    low, high = file.value_range or (0.0, 1.0)
    sound = low < high and math.isfinite(high - low) and file.frames > 0 and 0 < file.bits <= 16
    return file if sound and (file.colours == "grey") == (file.value_range is not None) else None


# -------------------------------------------------------------------------------------------------------------- pixels


def _pixels(found: Slice) -> Numbers:
    """Stored numbers (H, W), or colours (H, W, 3), decoded by pydicom from a data set that holds what was checked and
    nothing else of the file."""
    from pydicom.pixels.processing import apply_color_lut

    slice_ = _data_set(found)
    numbers: Numbers = slice_.pixel_array
    if found.palette:
        numbers = apply_color_lut(numbers, slice_)
    if numbers.shape[:2] != (found.rows, found.columns) or numbers.shape[2:] not in ((), (3,)):
        raise ValueError("pixels of another shape")
    return numbers


def _data_set(found: Slice) -> Dataset:
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import UID

    slice_ = Dataset()
    slice_.file_meta = FileMetaDataset()
    slice_.file_meta.TransferSyntaxUID = UID(found.syntax)
    slice_.Rows, slice_.Columns = found.rows, found.columns
    slice_.SamplesPerPixel, slice_.PhotometricInterpretation = found.samples, found.photometric
    slice_.BitsAllocated, slice_.BitsStored, slice_.HighBit = found.allocated, found.stored, found.high
    slice_.PixelRepresentation, slice_.NumberOfFrames = found.signed, 1
    if found.samples > 1:
        slice_.PlanarConfiguration = found.planar
    for tag, value in zip(dicom.PALETTE, found.palette, strict=False):
        description = tag < dicom.PALETTE[3]
        slice_.add_new(tag, "US" if description else "OW", found.description(value) if description else value)
    pixels = encapsulate([found.pixels]) if found.syntax == dicom.RLE else found.pixels
    slice_.add_new(0x7FE00010, found.pixels_kind, pixels)
    slice_["PixelData"].is_undefined_length = found.syntax == dicom.RLE
    return slice_


def _of_grey(found: Slice, numbers: Numbers, value_range: Range | None) -> tuple[Levels, SliceFile, list[str]]:
    values = numbers.astype(np.float64) * found.slope + found.intercept
    low, high, said = _range(found, numbers, values, value_range)
    levels = np.rint((np.clip(values, low, high) - low) / (high - low) * 255).astype(np.uint8)
    inverted = found.photometric == "MONOCHROME1"
    if inverted:
        levels = 255 - levels
        said.append("In this file the lowest value is white.")
    if found.curved and value_range is None:
        said.append("The file asks for a curve between black and white; a straight line was used.")
    if found.window_table and value_range is None:
        said.append("The file's table of grey levels was not applied.")
    return levels, SliceFile((low, high), inverted, found.frames, "grey", min(16, found.stored)), said


def _range(
    found: Slice, numbers: Numbers, values: npt.NDArray[np.float64], value_range: Range | None
) -> tuple[float, float, list[str]]:
    """Which values become black and white, and how that was chosen, in words."""
    if value_range is not None:
        low, high = checked(value_range)
        return low, high, [f"Values from {low:g} to {high:g} were scaled to 0 to 255, as chosen here."]
    if found.window is not None:
        low, high = found.window
        return low, high, [f"Values from {low:g} to {high:g} were scaled to 0 to 255: the window in the file."]
    meant = values if found.padding is None else values[numbers != found.padding]
    low, high = (float(meant.min()), float(meant.max())) if meant.size else (0.0, 0.0)
    if low == high:
        high = low + 1
    return low, high, [f"The file has no window: its values from {low:g} to {high:g} were scaled to 0 to 255."]


def _of_colours(found: Slice, numbers: Numbers) -> tuple[Levels, SliceFile, list[str]]:
    palette = bool(found.palette)
    bits = numbers.dtype.itemsize * 8 if palette else found.stored
    said = ["Colours were read from the file's palette."] if palette else []
    if bits != 8:
        said.append(f"Scaled from {bits} bits to 8.")
        numbers = np.rint(np.clip(numbers / (2**bits - 1) * 255, 0, 255))
    file = SliceFile(None, inverted=False, frames=found.frames, colours="palette" if palette else "rgb", bits=bits)
    return np.ascontiguousarray(numbers.astype(np.uint8)), file, said


def _frames(found: Slice) -> tuple[str, ...]:
    return () if found.frames == 1 else (f"A file of {found.frames:,} frames: this is the first.",)
