"""JPEG (ITU T.81): a list of marked segments, then entropy-coded scans."""

from __future__ import annotations

import re
import struct

from gradviz_core.errors import BadImage
from gradviz_core.images.formats.contents import Contents, unsupported
from gradviz_core.images.formats.directory import orientation

SIGNATURE = b"\xff\xd8\xff"
MOST_SCANS = 100
"""A progressive file has about ten. Each costs a pass over the whole picture, however few bytes it has."""
_START_OF_SCAN, _END = 0xDA, 0xD9
_ALONE = frozenset({0x00, 0x01, *range(0xD0, 0xD9)})
"""Marks without a length."""
_MARK = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")
"""A mark with a length behind it, or the end."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_APP1, _APP2 = 0xE1, 0xE2
_DROPPED = frozenset({*range(0xE1, 0xEE), 0xEF, 0xFE})
"""Camera data, profiles, further pictures, comments. What tells how the colours are coded, APP0 and APP14, stays."""


def read(data: bytes) -> Contents:
    """The headers of a JPEG. Of several pictures (MPO), such as a photo and its depth, the first is meant."""
    kept, exif, profile = [b"\xff\xd8"], b"", b""
    width = height = bits = at = 0
    while True:
        at = data.index(b"\xff", at + 1)
        mark = data[at + 1]
        if mark == 0xFF:
            continue
        if mark in _ALONE:
            at += 1
            continue
        if mark == _END:
            raise ValueError("the picture ends before it starts")
        if mark == _START_OF_SCAN:
            kept.append(data[at:])
            break
        (length,) = struct.unpack_from(">H", data, at + 2)
        segment = data[at : at + 2 + length]
        if mark in _FRAMES:
            bits, height, width = struct.unpack_from(">BHH", segment, 4)
        if mark == _APP1 and segment[4:].startswith(b"Exif\0\0"):
            exif = exif or segment[4:]
        elif mark == _APP2 and segment[4:].startswith(b"ICC_PROFILE\0"):
            profile += segment[18:]
        if mark not in _DROPPED:
            kept.append(segment)
        at += 1 + length
    if bits not in (0, 8):
        raise unsupported(f"The JPEG has {bits} bits per colour; only 8 are supported.")
    _check_scans(data, at)
    return Contents(
        "JPEG", width, height, picture=b"".join(kept), orientation=orientation(exif), profile=profile, bits=8
    )


def _check_scans(data: bytes, at: int) -> None:
    """Count the scans from the first one on. What lies between them is stepped over: a comment can hold what looks like
    the end of the picture."""
    scans = 0
    while (found := _MARK.search(data, at)) and found[1][0] != _END:
        scans += found[1][0] == _START_OF_SCAN
        if scans > MOST_SCANS:
            raise BadImage(f"The JPEG is stored in too many passes; the limit is {MOST_SCANS}. Save it again as PNG.")
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
