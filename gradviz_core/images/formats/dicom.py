"""DICOM: what its elements say of one slice. Nothing of who is in the picture is read."""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from typing import Literal

from gradviz_core.errors import BadImage
from gradviz_core.images import next_steps
from gradviz_core.images.formats import dicom_elements as elements
from gradviz_core.images.formats import dicom_pixels
from gradviz_core.images.formats.contents import check_pixels
from gradviz_core.images.formats.dicom_elements import Element, Syntax

IMPLICIT, EXPLICIT, DEFLATED = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"
BIG_ENDIAN, RLE = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.5"
_SYNTAXES = {
    **dict.fromkeys((EXPLICIT, DEFLATED, RLE), Syntax()),
    IMPLICIT: Syntax(explicit=False),
    BIG_ENDIAN: Syntax(">"),
}
_COMPRESSED = {
    "4.50": "JPEG",
    "4.51": "JPEG",
    "4.57": "lossless JPEG",
    "4.70": "lossless JPEG",
    "4.80": "JPEG-LS",
    "4.81": "JPEG-LS",
    "4.90": "JPEG 2000",
    "4.91": "JPEG 2000",
    "4.201": "High-Throughput JPEG 2000",
    "4.202": "High-Throughput JPEG 2000",
    "4.203": "High-Throughput JPEG 2000",
}
"""By what follows 1.2.840.10008.1.2 in their number."""
_BY_PILLOW = ("JPEG", "JPEG 2000")
"""What pydicom unpacks by Pillow, which is there with it here."""
_FILMS = ("4.100", "4.101", "4.102", "4.103", "4.104", "4.105", "4.106", "4.107", "4.108")
_LARGEST_INFLATED = 200_000_000
_SYNTAX, _MODALITY_TABLE, _WINDOW_TABLE = 0x00020010, 0x00283000, 0x00283010
_SAMPLES, _PHOTOMETRIC, _PLANAR, _FRAMES, _ROWS, _COLUMNS = (0x00280000 | n for n in (2, 4, 6, 8, 0x10, 0x11))
_ALLOCATED, _STORED, _HIGH, _SIGNED, _PADDING = (0x00280000 | n for n in (0x100, 0x101, 0x102, 0x103, 0x120))
_CENTRE, _WIDTH, _INTERCEPT, _SLOPE, _CURVE = (0x00280000 | n for n in (0x1050, 0x1051, 0x1052, 0x1053, 0x1056))
PALETTE = tuple(0x00280000 | n for n in (0x1101, 0x1102, 0x1103, 0x1201, 0x1202, 0x1203))
"""Three descriptions of a table, for red, green and blue, and the three tables."""
_GROUPS = {0x52009229: "SharedFunctionalGroupsSequence", 0x52009230: "PerFrameFunctionalGroupsSequence"}
"""What files of many frames say of all of them, and of each one."""
_SCALED, _WINDOWED = 0x9145, 0x9132
"""Sequences of group 0028 in these: slope and intercept, and the window."""
_LONGEST_VALUE = 1 << 18
_GREY, _COLOURS = ("MONOCHROME1", "MONOCHROME2"), ("RGB", "YBR_FULL", "YBR_FULL_422")
_HALVED = "YBR_FULL_422"
_BY_PALETTE = "PALETTE COLOR"
_BITS = (1, 8, 16, 32)
BROKEN = (struct.error, zlib.error)
"""What is raised for a file that breaks off, besides ValueError."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What the elements say."""

    syntax: str
    """Number of the way in which the file is written."""
    order: Literal["<", ">"]
    rows: int
    columns: int
    samples: int
    """Numbers of a pixel: 1, or 3."""
    photometric: str
    planar: int
    allocated: int
    """Bits of the room for a number."""
    stored: int
    """Bits of a number."""
    high: int
    """Its highest bit."""
    signed: int
    frames: int
    slope: float
    intercept: float
    window: tuple[float, float] | None
    """The values that become black and white, or None where the file says none that can be."""
    curved: bool
    """Whether the file wants a window with a curve."""
    window_table: bool
    """Whether it has a table in place of a window, or beside it."""
    padding: int | None
    """The stored number that means no value."""
    palette: tuple[bytes, ...]
    """As under ``PALETTE``; empty for none."""
    pixels: bytes
    """Of the first frame."""
    pixels_kind: str
    """``OB`` or ``OW``."""

    def description(self, table: bytes) -> list[int]:
        """Of a table of the palette: how many entries, the first number that it is for, and bits of an entry."""
        return [*struct.unpack_from(self.order + "HHH", table)]


def is_one(data: bytes) -> bool:
    """Whether the file is a DICOM file."""
    return data[elements.SIGNATURE_AT :].startswith(elements.SIGNATURE) if len(data) > elements.SIGNATURE_AT else False


def read(data: bytes) -> Slice:
    """The elements of a DICOM file, checked before any pixel is decoded.

    Raises:
        BadImage: no picture, compressed in a way that is not read, or beyond a limit.
        ValueError, struct.error, zlib.error: a file that breaks off or contradicts itself.
    """
    meta, at = elements.of_meta(data)
    syntax = _text(meta.get(_SYNTAX, b""))
    _check_syntax(syntax)
    if syntax == DEFLATED:
        data, at = _inflated(data[at:]), 0
    written = _SYNTAXES[syntax]
    values, pixels = _values(data, at, written)
    if pixels is None:
        raise BadImage("The DICOM file has no picture. Choose an image file of the series.")
    if pixels.tag != elements.PIXELS:
        raise BadImage(
            "The DICOM file holds floating-point pixels, which are not supported. Save them in Python, upload "
            "slice.npy, and enter its range.",
            next_steps.numbers_of_dicom("file.pixel_array"),
        )
    return _slice(syntax, values, data, pixels)


def _check_syntax(syntax: str) -> None:
    if syntax in _SYNTAXES:
        return
    number = syntax.removeprefix("1.2.840.10008.1.2.")
    if number in _FILMS:
        raise BadImage("The DICOM file holds a film, which is not supported. Export one of its frames as PNG.")
    name = _COMPRESSED.get(number)
    if name is None:
        shown = syntax[:40] if syntax.replace(".", "").isdigit() else "unknown"
        raise BadImage(f"The DICOM file is written in a way that is not supported ({shown}). Export the slice as PNG.")
    needs = "" if name in _BY_PILLOW else "pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg"
    raise BadImage(
        f"The DICOM file is compressed as {name}, which is not supported. Unpack it in Python, and upload plain.dcm.",
        next_steps.unpacked_dicom(needs),
    )


def _inflated(data: bytes) -> bytes:
    unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
    whole = unpacking.decompress(data, _LARGEST_INFLATED)
    if unpacking.unconsumed_tail:
        raise BadImage(
            f"The DICOM file unpacks to more than {_LARGEST_INFLATED / 1e6:.0f} MB. Save one of its frames alone."
        )
    return whole


class _Values:
    """Values of the elements that are needed."""

    def __init__(self, order: Literal["<", ">"]) -> None:
        self.order = order
        self.raw: dict[int, bytes] = {}
        self.scaled_in, self.windowed_in = "", ""
        """Which group holds slope and intercept, and which the window."""

    def number(self, tag: int, otherwise: int | None = None) -> int:
        raw = self.raw.get(tag, b"")
        if not raw:
            if otherwise is None:
                raise ValueError(f"no {tag:08x}")
            return otherwise
        return int(struct.unpack_from(self.order + "H", raw)[0])

    def text(self, tag: int) -> str:
        return _text(self.raw.get(tag, b""))

    def decimal(self, tag: int, otherwise: float) -> float:
        """The first number of a text that may hold several."""
        try:
            value = float(self.text(tag).split("\\")[0])
        except ValueError:
            return otherwise
        return value if math.isfinite(value) and abs(value) < 1e12 else otherwise


def _text(raw: bytes) -> str:
    return raw[:200].decode("ascii", "replace").strip(" \0")


_NEEDED = frozenset(
    {_SAMPLES, _PHOTOMETRIC, _PLANAR, _FRAMES, _ROWS, _COLUMNS, _ALLOCATED, _STORED, _HIGH, _SIGNED, _PADDING}
    | {_CENTRE, _WIDTH, _INTERCEPT, _SLOPE, _CURVE, *PALETTE}
)
_NOTICED = frozenset({_MODALITY_TABLE, _WINDOW_TABLE})


def _values(data: bytes, at: int, written: Syntax) -> tuple[_Values, Element | None]:
    """What is needed, and the element with the pixels."""
    values, before = _Values(written.order), None
    for element in elements.of_data(data, at, written):
        if before is not None and before.tag in _GROUPS:
            _look_into(_GROUPS[before.tag], data[before.start : element.start], values)
        before = element
        if element.tag in elements.ANY_PIXELS:
            return values, element
        if element.tag in _NOTICED:
            values.raw[element.tag] = b""
        elif element.tag in _NEEDED and element.length is not None and element.length <= _LONGEST_VALUE:
            values.raw[element.tag] = data[element.start : element.start + element.length]
    return values, None


def _look_into(name: str, group: bytes, values: _Values) -> None:
    """Note what a group of frames says of its numbers, by the tags of the sequences that say it."""
    if struct.pack(values.order + "HH", 0x28, _SCALED) in group:
        values.scaled_in = name
    if struct.pack(values.order + "HH", 0x28, _WINDOWED) in group:
        values.windowed_in = name


def _check_groups(values: _Values, frames: int) -> None:
    """Raises for slope, intercept or window in a group of frames: without them the picture would be another."""
    found = "file.pixel_array" + ("[0]" if frames > 1 else "")
    if values.scaled_in:
        said = f"file.{values.scaled_in}[0].PixelValueTransformationSequence[0]"
        found = f"pydicom.pixels.apply_rescale({found}, {said})"
    if values.scaled_in or values.windowed_in:
        what = "its slope and intercept" if values.scaled_in else "its window"
        raise BadImage(
            f"The DICOM file has {what} in its functional groups, which are not supported. Save its values in Python, "
            "upload slice.npy, and enter its range.",
            next_steps.numbers_of_dicom(found),
        )


def _slice(syntax: str, values: _Values, data: bytes, pixels: Element) -> Slice:
    rows, columns = values.number(_ROWS), values.number(_COLUMNS)
    samples, allocated = values.number(_SAMPLES, 1), values.number(_ALLOCATED)
    photometric = values.text(_PHOTOMETRIC)
    if rows < 1 or columns < 1:
        raise BadImage(f"The DICOM file has {columns} x {rows} pixels, so there is nothing to show. Choose another.")
    check_pixels(columns, rows)
    _check_colours(photometric, samples, allocated)
    if _MODALITY_TABLE in values.raw:
        raise BadImage(
            "The DICOM file has a table in place of slope and intercept, which is not supported. Apply it in Python, "
            "upload slice.npy, and enter its range.",
            next_steps.numbers_of_dicom("pydicom.pixels.apply_modality_lut(file.pixel_array, file)"),
        )
    frames = max(1, int(values.decimal(_FRAMES, 1.0)))
    _check_groups(values, frames)
    per_pixel = 2 if photometric == _HALVED else samples
    length = -(-rows * columns * per_pixel * allocated // 8)
    slope = values.decimal(_SLOPE, 1.0)
    window, curved = _window(values)
    return Slice(
        syntax=syntax,
        order=values.order,
        rows=rows,
        columns=columns,
        samples=samples,
        photometric=photometric,
        planar=values.number(_PLANAR, 0) & 1,
        allocated=allocated,
        stored=min(allocated, max(1, values.number(_STORED, allocated))),
        high=values.number(_HIGH, values.number(_STORED, allocated) - 1),
        signed=values.number(_SIGNED, 0) & 1,
        frames=frames,
        slope=slope or 1.0,
        intercept=values.decimal(_INTERCEPT, 0.0),
        window=window,
        curved=curved,
        window_table=_WINDOW_TABLE in values.raw,
        padding=_padding(values),
        palette=tuple(values.raw.get(tag, b"") for tag in PALETTE) if photometric == _BY_PALETTE else (),
        pixels=dicom_pixels.of_first_frame(data, pixels, length, compressed=syntax == RLE),
        pixels_kind=pixels.kind.decode() if pixels.kind in (b"OB", b"OW") else "OW",
    )


def _check_colours(photometric: str, samples: int, allocated: int) -> None:
    wanted = 3 if photometric in _COLOURS else 1
    if photometric not in (*_GREY, *_COLOURS, _BY_PALETTE) or samples != wanted:
        shown = photometric[:20] if photometric.replace("_", "").replace(" ", "").isalnum() else "unknown"
        raise BadImage(
            f"The DICOM file stores its colours in a way that is not supported ({shown}, {samples} numbers a pixel). "
            "Export the slice as PNG."
        )
    if allocated not in _BITS or (allocated == 32 and wanted == 3) or (allocated == 1 and photometric not in _GREY):
        raise BadImage(
            f"The DICOM file has {allocated} bits a number, which is not supported for its colours ({photometric}). "
            "Export the slice as PNG."
        )


def _window(values: _Values) -> tuple[tuple[float, float] | None, bool]:
    """The values that become black and white (PS3.3, C.11.2.1.2), and whether a curve is wanted between them."""
    centre, width = values.decimal(_CENTRE, math.nan), values.decimal(_WIDTH, math.nan)
    curve = values.text(_CURVE) or "LINEAR"
    if curve == "LINEAR":
        centre, width = centre - 0.5, width - 1
    if math.isnan(centre) or not width > 0:
        return None, False
    return (centre - width / 2, centre + width / 2), curve == "SIGMOID"


def _padding(values: _Values) -> int | None:
    raw = values.raw.get(_PADDING, b"")
    if len(raw) < 2:
        return None
    return int(struct.unpack_from(values.order + ("h" if values.number(_SIGNED, 0) & 1 else "H"), raw)[0])
