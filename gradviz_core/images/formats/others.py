"""Files that are no picture that is read: what they are, and what to do with them."""

from __future__ import annotations

import struct
import zlib

from gradviz_core.errors import BadImage
from gradviz_core.images import next_steps

_OTHERS = (
    (
        b"version https://git-lfs",
        "a pointer of Git LFS, and the file itself is elsewhere",
        "Run git lfs pull, and choose it again.",
    ),
    (b"%PDF", "a PDF", "Export the page as PNG."),
    (b"%!PS", "PostScript", "Export it as PNG."),
    (b"\xc5\xd0\xd3\xc6", "PostScript", "Export it as PNG."),
    (b"8BPS", "a Photoshop document", "Export it as PNG."),
    (b"II+\0", "a BigTIFF", "Save it as an ordinary TIFF or as PNG."),
    (b"MM\0+", "a BigTIFF", "Save it as an ordinary TIFF or as PNG."),
    (b"\xff\x0a", "a JPEG XL image", "Save it as JPEG or PNG."),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image", "Save it as JPEG or PNG."),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image", "Save it as JPEG or PNG."),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image", "Save it as JPEG or PNG."),
    (b"\0\0\x01\0", "an icon", "Save it as PNG."),
    (b"NRRD000", "an NRRD volume", "Save one slice of it in Python, upload slice.npy, and enter its range."),
    (b"MATLAB 5.0", "a MATLAB file", "Save one of its arrays in Python, upload that, and enter its range."),
    (b"v/1\x01", "an OpenEXR image", "Save it as PNG, or its numbers with numpy.save."),
    (b"#?RADIANCE", "a Radiance image", "Save it as PNG, or its numbers with numpy.save."),
    *((b"P%d" % i, "a PNM image", "Save it as PNG.") for i in range(1, 8)),
    (b"SIMPLE  =", "a FITS image", "Save its numbers with numpy.save and enter their range."),
    (b"\x89HDF", "an HDF5 file", "Save one array of it with numpy.save."),
    (b"PK\x03\x04", "a zip archive", "If it is an .npz, save one of its arrays; else unpack it."),
    (b"\x1f\x8b", "compressed with gzip", "Unpack it."),
    (b"<!DOCTYPE html", "a web page", "Save the picture itself, not the page that shows it."),
    (b"<html", "a web page", "Save the picture itself, not the page that shows it."),
)
_PROGRAMS = {
    b"NRRD000": next_steps.slice_of_nrrd,
    b"MATLAB 5.0": next_steps.array_of_matlab,
    b"SIMPLE  =": next_steps.array_of_fits,
    b"\x89HDF": next_steps.array_of_hdf5,
    b"PK\x03\x04": next_steps.array_of_npz,
}
_GZIP = b"\x1f\x8b"
_HEADER = 348
"""Bytes of the header of NIfTI-1, which it starts with as a number."""


def refusal(data: bytes, read: str) -> BadImage:
    """The sentence for a file that is none of the formats that are read, which ``read`` lists."""
    if data[4:8] == b"ftyp":
        return BadImage("The file is a video or a raw photo, which is not supported. Save one picture of it as PNG.")
    if volume := _volume(data):
        return volume
    for start, kind, advice in _OTHERS:
        if data[: len(start)].lower() == start.lower():
            code = _PROGRAMS[start]() if start in _PROGRAMS else ""
            return BadImage(f"The file is {kind}, which is not supported. {advice}", code)
    if b"<svg" in data[:2000]:
        return BadImage("The file is an SVG drawing, which has no pixels. Export it as PNG in the size you want.")
    return BadImage(f"The file is not an image that can be read. Choose a {read}.")


def _volume(data: bytes) -> BadImage | None:
    """The refusal of a NIfTI volume, compressed or not, with the lines that save its middle slice; None for others."""
    if data.startswith(_GZIP):
        try:
            data = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, _HEADER)
        except zlib.error:
            return None
    if len(data) < _HEADER or data[344:348] not in (b"n+1\0", b"ni1\0"):
        return None
    order = "<" if data[:4] == struct.pack("<I", _HEADER) else ">"
    axes, *lengths = struct.unpack_from(order + "8h", data, 40)
    if not 3 <= axes <= 7 or min(lengths[:axes]) < 1:
        return BadImage("The file is a broken NIfTI volume: its axes are none that can be. Save it again.")
    shape = " × ".join(map(str, lengths[:axes]))
    places = ", ".join([":", ":", str(lengths[2] // 2), *["0"] * (axes - 3)])
    return BadImage(
        f"The file is a NIfTI volume of {shape}; a picture is one slice of it. Save one in Python, upload slice.npy, "
        "and enter its range.",
        next_steps.slice_of_nifti(places),
    )
