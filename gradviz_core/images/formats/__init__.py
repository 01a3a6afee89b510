"""What kind of file it is, by its first bytes alone, and what its headers say."""

from __future__ import annotations

from gradviz_core.errors import BadImage
from gradviz_core.images.formats import bmp, gif, heif, jpeg, png, tiff, webp
from gradviz_core.images.formats.contents import Contents

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "HEIC")
"""What Pillow may try, one at a time; others, PostScript among them, are never opened."""
READ = "PNG, JPEG, WebP, AVIF, BMP, TIFF, GIF or DICOM image, or a NumPy array (.npy)"
_OTHERS = (
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
    (b"SIMPLE  =", "a FITS image", "Save its numbers with numpy.save and enter their range."),
    (b"\x89HDF", "an HDF5 file", "Save one array of it with numpy.save."),
    (b"PK\x03\x04", "a zip archive", "If it is an .npz, save one of its arrays with numpy.save; else unpack it."),
    (b"\x1f\x8b", "compressed with gzip", "Unpack it."),
    (b"<!DOCTYPE html", "a web page", "Save the picture itself, not the page that shows it."),
    (b"<html", "a web page", "Save the picture itself, not the page that shows it."),
)


def read(data: bytes) -> Contents:
    """What the headers say. Struct's errors, ValueError, IndexError: a file that breaks off or contradicts itself.

    Raises:
        BadImage: empty, of another kind, or beyond a limit.
    """
    if not data:
        raise BadImage(f"The file is empty. Choose a {READ}.")
    if data.startswith(png.SIGNATURE):
        return png.read(data)
    if data.startswith(jpeg.SIGNATURE):
        return jpeg.read(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return webp.read(data)
    if data.startswith(gif.SIGNATURES):
        return gif.read(data)
    if data.startswith(tiff.SIGNATURES):
        return tiff.read(data)
    if data.startswith(b"BM"):
        return bmp.read(data)
    if data[4:8] == b"ftyp" and data[8:12] in heif.BRANDS:
        return heif.read(data)
    raise _of_another_kind(data)


def _of_another_kind(data: bytes) -> BadImage:
    if data[4:8] == b"ftyp":
        return BadImage("The file is a video or a raw photo, which is not supported. Save one picture of it as PNG.")
    for start, kind, advice in _OTHERS:
        if data[: len(start)].lower() == start.lower():
            return BadImage(f"The file is {kind}, which is not supported. {advice}")
    if b"<svg" in data[:2000]:
        return BadImage("The file is an SVG drawing, which has no pixels. Export it as PNG in the size you want.")
    return BadImage(f"The file is not an image that can be read. Choose a {READ}.")
