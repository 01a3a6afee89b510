"""PNG (W3C, third edition): a list of checked chunks."""

from __future__ import annotations

import struct
import zlib

from gradviz_core.images.formats.contents import Contents
from gradviz_core.images.formats.directory import orientation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NEEDED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_TOLD = frozenset({b"acTL", b"fcTL", b"iCCP", b"sRGB", b"eXIf", b"sBIT"})
_BEFORE_PIXELS = frozenset({b"fcTL", b"sBIT"})
"""What counts only where it stands before the pixels."""
_SAMPLES = {0: 1, 2: 3, 4: 2, 6: 4}
"""Numbers of a pixel, by the kind of colour: grey, colours, grey with alpha, colours with alpha."""
_8_BITS_AND_ALPHA = b"\x08\x06"
_PROFILE_BYTES = 1 << 16
OURS = b"GradViz"
"""Keyword of the text that we write ourselves."""
_LONGEST_TEXT = 500


def has_alpha(data: bytes) -> bool:
    """Whether this is a PNG of colours with alpha, of 8 bits each."""
    return data.startswith(SIGNATURE) and data[24:26] == _8_BITS_AND_ALPHA


def read(data: bytes) -> Contents:
    """The headers of a PNG; of an animation, Pillow gets the still picture."""
    kind, width, height, bits, colour = struct.unpack_from(">4sIIBB", data, 12)
    if kind != b"IHDR":
        raise ValueError("a PNG starts with its header")
    needed: list[bytes | memoryview] = [SIGNATURE]
    told: dict[bytes, bytes] = {}
    notes: tuple[str, ...] = ()
    view, at = memoryview(data), len(SIGNATURE)
    while at + 12 <= len(data) and kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        chunk, at = view[at : at + 12 + length], at + 12 + length
        if kind == b"tRNS" and (bits, colour) == (16, 2):
            notes = ("One 16-bit colour is marked as transparent; it is shown as opaque.",)
        elif kind == b"tRNS" and colour == 0 and bits in (2, 4):
            needed.append(_scaled(bytes(chunk[8:10]), bits))
        elif kind in _NEEDED:
            needed.append(chunk)
        elif kind == b"tEXt" and length <= _LONGEST_TEXT and chunk[8:-4].tobytes().startswith(OURS + b"\0"):
            told[kind] = bytes(chunk[9 + len(OURS) : -4])
        elif kind in _TOLD and not (kind in _BEFORE_PIXELS and b"IDAT" in told):
            told.setdefault(kind, bytes(chunk[8:-4]))
        if kind == b"IDAT":
            told.setdefault(kind, b"")
    return Contents(
        "PNG",
        width,
        height,
        picture=b"".join(needed),
        frames=_frames(told),
        orientation=orientation(told.get(b"eXIf", b"")),
        profile=b"" if b"sRGB" in told else _profile(told.get(b"iCCP", b"")),
        bits=bits,
        stated_bits=_significant(told.get(b"sBIT", b""), colour) if bits == 16 else 0,
        told=told.get(b"tEXt", b""),
        notes=notes,
    )


def _frames(told: dict[bytes, bytes]) -> int:
    """Frames of an animation, counting the still picture where it is none of them."""
    if b"acTL" not in told:
        return 1
    (frames,) = struct.unpack_from(">I", told[b"acTL"])
    return int(frames) + (b"fcTL" not in told)


def _significant(chunk: bytes, colour: int) -> int:
    """The most significant bits of grey or of a colour, alpha left aside; 0 where the chunk cannot be right."""
    samples = _SAMPLES.get(colour)
    if len(chunk) != samples or not all(1 <= bits <= 16 for bits in chunk):
        return 0
    return max(chunk[:1] if samples < 3 else chunk[:3])


def _profile(chunk: bytes) -> bytes:
    """The start of the ICC profile in a chunk of name, zero, method and compressed bytes."""
    _, _, packed = chunk.partition(b"\0")
    try:
        return zlib.decompressobj().decompress(packed[1:], _PROFILE_BYTES)
    except zlib.error:
        return b"unreadable"


def _scaled(value: bytes, bits: int) -> bytes:
    """The chunk that names the transparent grey, scaled to 8 bits as Pillow scales the pixels but not this."""
    (grey,) = struct.unpack(">H", value)
    body = b"tRNS" + struct.pack(">H", min(255, grey * (255 // (2**bits - 1))))
    return struct.pack(">I", 2) + body + struct.pack(">I", zlib.crc32(body))
