"""What kind of file it is, by its first bytes alone, and what its headers say."""

from __future__ import annotations

from gradviz_core.errors import BadImage
from gradviz_core.images.formats import bmp, gif, heif, jpeg, others, png, tiff, webp
from gradviz_core.images.formats.contents import Contents

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "HEIC")
"""What Pillow may try, one at a time; others, PostScript among them, are never opened."""
READ = "PNG, JPEG, WebP, AVIF, BMP, TIFF, GIF or DICOM image, or a NumPy array (.npy)"


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
    raise others.refusal(data, READ)
