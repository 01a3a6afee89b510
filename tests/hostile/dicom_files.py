"""DICOM: elements that lie about lengths, nest without end, unpack to gigabytes, or carry what is code elsewhere."""

# ruff: noqa: E501 - a table has one row in each line

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import cache

from tests.hostile.case import CODE, Case
from tests.hostile.pictures import BIG, BROKEN

EXPLICIT, IMPLICIT = b"1.2.840.10008.1.2.1", b"1.2.840.10008.1.2"
DEFLATED, RLE = b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.5"
LONG = (b"OB", b"OW", b"SQ", b"UN", b"UT")
UNSAID = 2**32 - 1


def element(tag: int, kind: bytes, value: bytes, *, length: int | None = None) -> bytes:
    """One element, whose length may lie."""
    said = len(value) if length is None else length
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + kind
    return head + (b"\0\0" + struct.pack("<I", said) if kind in LONG else struct.pack("<H", said)) + value


def file(syntax: bytes, *parts: bytes) -> bytes:
    """A DICOM file of these elements."""
    meta = element(0x00020010, b"UI", syntax + b"\0" * (len(syntax) % 2))
    return bytes(128) + b"DICM" + element(0x00020000, b"UL", struct.pack("<I", len(meta))) + meta + b"".join(parts)


def number(tag: int, value: int) -> bytes:
    return element(tag, b"US", struct.pack("<H", value))


def described(
    rows: int = 24, columns: int = 32, *, bits: int = 16, samples: int = 1, colours: bytes = b"MONOCHROME2 "
) -> bytes:
    """What a picture says of itself."""
    return b"".join((
        number(0x00280002, samples), element(0x00280004, b"CS", colours), number(0x00280010, rows),
        number(0x00280011, columns), number(0x00280100, bits), number(0x00280101, bits), number(0x00280102, bits - 1),
        number(0x00280103, 0),
    ))  # fmt: skip


def text(tag: int, value: str) -> bytes:
    return element(tag, b"DS", value.encode())


def pixels(count: int = 24 * 32 * 2, *, length: int | None = None) -> bytes:
    return element(0x7FE00010, b"OW", bytes(range(256)) * (count // 256), length=length)


def pieces(*parts: bytes) -> bytes:
    """Compressed pixels: a table of places, and these pieces."""
    items = (struct.pack("<HHI", 0xFFFE, 0xE000, len(part)) + part for part in (b"", *parts))
    return element(0x7FE00010, b"OB", b"".join(items), length=UNSAID) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


@cache
def sound() -> bytes:
    """A sound slice."""
    return file(EXPLICIT, described(), text(0x00281050, "40"), text(0x00281051, "400 "), pixels())


def runs(*segments: bytes, count: int | None = None) -> bytes:
    starts, at = [], 64
    for segment in segments:
        starts.append(at)
        at += len(segment)
    head = struct.pack("<I", len(segments) if count is None else count) + b"".join(struct.pack("<I", s) for s in starts)
    return head.ljust(64, b"\0") + b"".join(segments)


@cache
def packed() -> bytes:
    """A sound slice in run lengths."""
    half = b"\x81\x05" * 6
    return file(RLE, described(), pieces(runs(half, half)))


@cache
def deflated() -> bytes:
    """A sound slice that is compressed as a whole."""
    packing = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return file(DEFLATED) + packing.compress(described() + pixels()) + packing.flush()


@cache
def coloured() -> bytes:
    """Sound colours from a palette."""
    tables = b"".join(
        element(tag, b"US", struct.pack("<3H", 256, 0, 16)) for tag in (0x00281101, 0x00281102, 0x00281103)
    ) + b"".join(
        element(tag, b"OW", struct.pack("<256H", *range(0, 65536, 256))) for tag in (0x00281201, 0x00281202, 0x00281203)
    )
    return file(EXPLICIT, described(bits=8, colours=b"PALETTE COLOR "), tables, pixels(24 * 32))


def samples() -> list[bytes]:
    """Sound files of each kind."""
    return [sound(), packed(), deflated(), coloured()]


def _bomb() -> bytes:
    packing = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    out = b"".join(packing.compress(bytes(1_000_000)) for _ in range(300))
    return file(DEFLATED) + out + packing.flush()


def _nested(depth: int) -> bytes:
    """A sequence in a sequence in a sequence."""
    opening = element(0x00081140, b"SQ", b"", length=UNSAID) + struct.pack("<HHI", 0xFFFE, 0xE000, UNSAID)
    return file(EXPLICIT, opening * depth)


def _tables(count: int) -> bytes:
    said = b"".join(
        element(tag, b"US", struct.pack("<3H", count, 0, 16)) for tag in (0x00281101, 0x00281102, 0x00281103)
    )
    return file(EXPLICIT, described(bits=8, colours=b"PALETTE COLOR "), said, pixels(24 * 32))


MAKERS: tuple[tuple[str, Callable[[], bytes], str], ...] = (
    ("dicom-of-65535x65535", lambda: file(EXPLICIT, described(65_535, 65_535), pixels()), BIG),
    ("dicom-of-no-rows", lambda: file(EXPLICIT, described(0, 32), pixels()), "32 x 0 pixels"),
    ("dicom-of-pixels-that-are-not-there", lambda: file(EXPLICIT, described(4000, 4000), pixels()), "32,000,000 bytes"),
    ("dicom-with-pixels-of-4-GB", lambda: file(EXPLICIT, described(6000, 6000), pixels(length=2**32 - 2)), "72,000,000 bytes"),
    ("dicom-cut-short", lambda: sound()[:200], BROKEN),
    ("dicom-of-nothing", lambda: bytes(128) + b"DICM", "not supported"),
    ("dicom-that-unpacks-to-300-MB", _bomb, "unpacks to more than"),
    ("dicom-nested-100000-deep", lambda: _nested(100_000), BROKEN),
    ("dicom-that-ends-what-never-began", lambda: file(EXPLICIT, struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)), BROKEN),
    ("dicom-of-a-million-elements", lambda: file(EXPLICIT, element(0x00100010, b"PN", b"") * 1_000_000), BROKEN),
    ("dicom-with-a-length-of-4-GB", lambda: file(EXPLICIT, element(0x00091010, b"UN", b"", length=2**32 - 2)), BROKEN),
    ("dicom-of-letters-that-are-no-kind", lambda: file(EXPLICIT, element(0x00080005, b"!?", b"")), BROKEN),
    ("dicom-with-code-as-its-syntax", lambda: file(CODE.encode()), "not supported"),
    ("dicom-in-jpeg", lambda: file(b"1.2.840.10008.1.2.4.50", described(), pieces(b"\xff\xd8\xff")), "compressed as JPEG"),
    ("dicom-film", lambda: file(b"1.2.840.10008.1.2.4.102", described(), pieces(b"x")), "a film"),
    ("dicom-with-code-as-its-colours", lambda: file(EXPLICIT, described(colours=CODE.encode()), pixels()), "unknown"),
    ("dicom-of-13-bits", lambda: file(EXPLICIT, described(bits=13), pixels()), "13 bits"),
    ("dicom-run-lengths-of-100-MB", lambda: file(RLE, described(), pieces(runs(b"\x81\0" * 400_000, b"\x81\0" * 400_000))), BROKEN),
    ("dicom-run-lengths-out-of-order", lambda: file(RLE, described(), pieces(runs(b"\x81\5" * 6, count=15))), BROKEN),
    ("dicom-run-lengths-of-80-MB-said", lambda: file(RLE, described(6000, 6000), pieces(runs(b"\x81\5"))), "run lengths"),
    ("dicom-run-lengths-without-a-header", lambda: file(RLE, described(), pieces(b"")), BROKEN),
    ("dicom-run-lengths-without-pieces", lambda: file(RLE, described(), pixels()), BROKEN),
    ("dicom-palette-of-nothing", lambda: file(EXPLICIT, described(bits=8, colours=b"PALETTE COLOR "), pixels(24 * 32)), BROKEN),
    ("dicom-palette-of-65535-that-are-not-there", lambda: _tables(65_535), BROKEN),
    ("dicom-of-fractions", lambda: file(EXPLICIT, described(bits=32), element(0x7FE00008, b"OW", bytes(24 * 32 * 4))), "floating-point"),
)  # fmt: skip
CASES = (
    *(Case(name, f"{name}.dcm", make, says) for name, make, says in MAKERS),
    Case("dicom-that-is-sound", "IM0001", sound, "window in the file", "kept"),
    Case("dicom-with-a-window-of-10^300", "a.dcm", lambda: file(EXPLICIT, described(), text(0x00281050, "1e300"), text(0x00281051, "nan "), pixels()), "no window", "kept"),
    Case("dicom-with-a-slope-of-code", "a.dcm", lambda: file(EXPLICIT, described(), text(0x00281053, CODE), pixels()), "no window", "kept"),
    Case("dicom-in-run-lengths", "a.dcm", packed, "32×24 DICOM", "kept"),
)  # fmt: skip
