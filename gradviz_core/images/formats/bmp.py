"""BMP: a header of 12 bytes (OS/2) or at least 40 (Windows)."""

from __future__ import annotations

import struct

from gradviz_core.errors import BadImage
from gradviz_core.images.formats.contents import Contents

MOST_RUN_LENGTH_PIXELS = 4_000_000
"""Pillow reads run lengths one by one in Python."""
_RUN_LENGTHS = (1, 2)


def read(data: bytes) -> Contents:
    """The header of a BMP."""
    (header,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if header == 12 else "<ii", data, 18)
    height = abs(height)  # negative where the first row is the top one
    compression = struct.unpack_from("<I", data, 30)[0] if header >= 40 else 0
    if compression in _RUN_LENGTHS and width * height > MOST_RUN_LENGTH_PIXELS:
        raise BadImage(
            f"The BMP has {width} x {height} pixels with run-length compression; the limit for these is "
            f"{MOST_RUN_LENGTH_PIXELS / 1e6:.0f} million. Save it without compression, or as PNG."
        )
    return Contents("BMP", width, height, picture=data)
