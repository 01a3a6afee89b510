"""GIF (89a): a screen, and frames made of blocks of at most 255 bytes."""

from __future__ import annotations

import struct

from gradviz_core.images.formats.contents import Contents

SIGNATURES = (b"GIF87a", b"GIF89a")
_EXTENSION, _FRAME, _CONTROL = 0x21, 0x2C, 0xF9


def read(data: bytes) -> Contents:
    """The headers of a GIF. Pillow gets its first frame alone."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = screen = 13 + _table(flags)
    control = first = b""
    frames = 0
    while at < len(data):
        if data[at] == _EXTENSION:
            end = _blocks_end(data, at + 2)
            if data[at + 1] == _CONTROL and not frames:
                control = data[at:end]
        elif data[at] == _FRAME:
            left, top, across, down, flags = struct.unpack_from("<HHHHB", data, at + 1)
            end = _blocks_end(data, at + 10 + _table(flags) + 1)
            if not frames:
                first, width, height = data[at:end], max(width, left + across), max(height, top + down)
            frames += 1
        else:
            break
        at = end
    if not frames:
        raise ValueError("a GIF without a frame")
    return Contents("GIF", width, height, picture=data[:screen] + control + first + b";", frames=frames)


def every_frame(data: bytes) -> bytes:
    """The file with its frames and how they follow one another, and nothing else.

    Raises:
        ValueError: a frame reaches beyond the first one and the screen.
    """
    contents = read(data)
    at = screen = 13 + _table(data[10])
    parts = [data[:screen]]
    while at < len(data) and data[at] in (_EXTENSION, _FRAME):
        if data[at] == _FRAME:
            left, top, across, down, flags = struct.unpack_from("<HHHHB", data, at + 1)
            if left + across > contents.width or top + down > contents.height:
                raise ValueError("a frame beyond the screen")
            end = _blocks_end(data, at + 10 + _table(flags) + 1)
        else:
            end = _blocks_end(data, at + 2)
        if data[at] == _FRAME or data[at + 1] == _CONTROL:
            parts.append(data[at:end])
        at = end
    return b"".join((*parts, b";"))


def _table(flags: int) -> int:
    """Bytes of the colour table that the flags announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _blocks_end(data: bytes, at: int) -> int:
    """Where the blocks that start at ``at`` end: after an empty one, or with the file."""
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1
