"""WebP (RFC 9649): chunks in a RIFF file. The size is read here because Pillow's decoder makes room for the whole
picture when the file is opened."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from gradviz_core.images.formats.contents import Contents
from gradviz_core.images.formats.directory import orientation


def read(data: bytes) -> Contents:
    """The headers of a WebP. Pillow gets all of the file, and decodes its first frame."""
    size: tuple[int, int] | None = None
    frames, found = 0, {b"EXIF": b"", b"ICCP": b""}
    for kind, start, length in _chunks(data):
        size = size or _size(data, kind, start)
        frames += kind == b"ANMF"
        if kind in found:
            found[kind] = data[start : start + length]
    if size is None:
        raise ValueError("a WebP without a picture")
    return Contents(
        "WEBP",
        *size,
        picture=data,
        frames=max(1, frames),
        orientation=orientation(found[b"EXIF"]),
        profile=found[b"ICCP"],
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and length of each chunk."""
    at = 12
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        yield kind, at + 8, length
        at += 8 + length + length % 2


def _size(data: bytes, kind: bytes, start: int) -> tuple[int, int] | None:
    """Width and height, if this chunk has them."""
    if kind == b"VP8X":
        return _one_more(data[start + 4 : start + 7]), _one_more(data[start + 7 : start + 10])
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, start + 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (packed,) = struct.unpack_from("<I", data, start + 1)
        return 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
    return None


def _one_more(three: bytes) -> int:
    return 1 + int.from_bytes(three, "little")
