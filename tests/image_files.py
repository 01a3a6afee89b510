"""Makers of image files, sound and broken, and what the tests of images ask of each."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pillow_heif
import pytest
import tifffile
from PIL import Image

from gradviz_core import images
from gradviz_core.errors import BadImage, GradVizError
from gradviz_core.settings import settings
from tests.advice import tells_what_to_do

ORIENTATION = 0x0112
READABLE = ("PNG", "JPEG", "WEBP", "AVIF", "BMP", "TIFF", "GIF")
LOSSLESS: Mapping[str, dict[str, object]] = {
    "PNG": {},
    "WEBP": {"lossless": True, "exact": True},
    "BMP": {},
    "TIFF": {},
}
"""Formats that give every pixel back, and the options for it."""


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Random colours in blocks of two pixels, so that a lossy format keeps them roughly."""
    blocks = np.random.default_rng(seed).integers(0, 256, ((height + 1) // 2, (width + 1) // 2, channels), np.uint8)
    return np.asarray(np.kron(blocks, np.ones((2, 2, 1), np.uint8))[:height, :width], dtype=np.uint8)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def turned(orientation: int) -> Image.Exif:
    """Camera data that says how the camera was held."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def heic(pixels: npt.NDArray[np.uint8], **options: Any) -> bytes:
    """A HEIC photo."""
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(out, quality=95, **options)
    return out.getvalue()


def tiff(array: npt.NDArray[np.generic], *, photometric: str = "rgb", **options: Any) -> bytes:
    """A TIFF as tifffile writes it, which is independent of Pillow."""
    out = io.BytesIO()
    tifffile.imwrite(out, array, photometric=photometric, **options)
    return out.getvalue()


def tiff_of_tags(tags: Mapping[int, tuple[int, int, int]], body: bytes = b"", order: str = "<") -> bytes:
    """A TIFF of one directory; each tag has a type, a count, and a value or the place of it. ``body`` starts at 8."""
    start = 8 + len(body) + len(body) % 2
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", start)
    entries = b"".join(struct.pack(order + "HHII", tag, *tags[tag]) for tag in sorted(tags))
    return head + body.ljust(start - 8, b"\0") + struct.pack(order + "H", len(tags)) + entries + bytes(4)


def nifti(*lengths: int, order: str = "<", magic: bytes = b"n+1\0") -> bytes:
    """A NIfTI volume of these lengths, by its header."""
    axes = struct.pack(order + "8h", len(lengths), *lengths, *[1] * (7 - len(lengths)))
    return (struct.pack(order + "I", 348) + bytes(36) + axes).ljust(344, b"\0") + magic + bytes(100)


def npy(array: npt.NDArray[np.generic]) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def decoded(data: bytes) -> npt.NDArray[np.uint8]:
    image = images.decode(data)
    assert image.mode == "RGB"
    return np.asarray(image)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*c) for c in (*chunks, (b"IEND", b"")))


def wide_png(
    numbers: npt.NDArray[np.integer[Any]],
    *before: tuple[bytes, bytes],
    turned: int = 1,
    after: tuple[bytes, bytes] | None = None,
) -> bytes:
    """A PNG of 16 bits: grey (H, W), or (H, W, 2 to 4) with alpha, colours, or both. Chunks before and after its
    pixels, and which way the camera was held."""
    channels = 1 if numbers.ndim == 2 else numbers.shape[2]
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", numbers.shape[1], numbers.shape[0], 16, kind, 0, 0, 0)
    exif = b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHIHH", ORIENTATION, 3, 1, turned, 0) + bytes(4)
    rows = zlib.compress(b"".join(b"\0" + row.astype(">u2").tobytes() for row in numbers))
    return png((b"IHDR", header), *before, (b"eXIf", exif), (b"IDAT", rows), *([after] if after else []))


def refusal(act: Callable[[], object], kind: type[GradVizError] = BadImage) -> str:
    """The sentence that ``act`` is refused with: short, whole, and without a folder."""
    with pytest.raises(kind) as caught:
        act()
    sentence = str(caught.value)
    assert sentence.endswith((".", "?"))
    assert "\n" not in sentence
    assert len(sentence) < 300
    assert str(settings().store) not in sentence
    assert str(Path.cwd()) not in sentence
    assert kind is not BadImage or tells_what_to_do(sentence), sentence
    return sentence
