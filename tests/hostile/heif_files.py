"""AVIF and HEIC: boxes that contradict what they hold, point anywhere, or never end."""

# ruff: noqa: E501 - a table has one row in each line

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import cache

import numpy as np
import pillow_heif
from PIL import Image

from tests.hostile.case import Case
from tests.hostile.pictures import BIG, BROKEN, picture, tiff


@cache
def avif() -> bytes:
    """A sound AVIF."""
    return picture("AVIF")


@cache
def heic() -> bytes:
    """A sound HEIC photo."""
    out = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    pillow_heif.from_pillow(Image.fromarray(noise)).save(out, quality=50)
    return out.getvalue()


def box(name: bytes, data: bytes = b"", *, length: int | None = None) -> bytes:
    """One box, whose length may lie."""
    return struct.pack(">I4s", 8 + len(data) if length is None else length, name) + data


def changed(data: bytes, *pairs: tuple[bytes, bytes]) -> bytes:
    """The file with these bytes replaced, each of which is there."""
    for old, new in pairs:
        assert old in data
        data = data.replace(old, new)
    return data


def _claims(data: bytes, size: tuple[int, int]) -> bytes:
    """The boxes say this size."""
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", *size) + data[at + 8 :]


def _codes(side: int) -> bytes:
    """The codec says this size, with its longest numbers, and the boxes a small one."""
    data = avif()
    at = data.index(b"\x12\0\x0a") + 4
    length = data[at - 1]
    header = "0001100000" + f"{15:04b}" * 2 + f"{side - 1:016b}" * 2
    return data[:at] + int(header.ljust(8 * length, "0"), 2).to_bytes(length) + data[at + length :]


def _swallowed(side: int) -> bytes:
    """The same, behind a configuration that ends in a unit without a length, which would swallow what follows it."""
    data, more = bytearray(_codes(side)), b"\x78"
    for name in (b"av1C", b"ipco", b"iprp", b"meta"):
        at = data.index(name) - 4
        struct.pack_into(">I", data, at, struct.unpack_from(">I", data, at)[0] + len(more))
    entry = data.index(b"iloc") + 12  # one item in one piece, whose place is a number of four bytes
    assert data[entry - 4 : entry + 2] == b"\x44\0\0\1\0\1"
    struct.pack_into(">I", data, entry + 6, struct.unpack_from(">I", data, entry + 6)[0] + len(more))
    at = data.index(b"av1C") + 8
    return bytes(data[:at] + more + data[at:])


def _meta(*inside: bytes, brand: bytes = b"avif", after: bytes = b"") -> bytes:
    """A file of these boxes."""
    return box(b"ftyp", brand + bytes(4) + brand + b"mif1miaf") + box(b"meta", bytes(4) + b"".join(inside)) + after


def _shared() -> bytes:
    """A thousand items, each of which is the whole megabyte."""
    entries = b"".join(struct.pack(">HHHII", i, 0, 1, 0, 1_000_000) for i in range(1, 1001))
    kinds = b"".join(box(b"infe", b"\2\0\0\0" + struct.pack(">HH4s", i, 0, b"av01")) for i in range(1, 1001))
    return _meta(
        box(b"pitm", bytes(4) + b"\0\1"),
        box(b"iinf", bytes(4) + struct.pack(">H", 1000) + kinds),
        box(b"iloc", bytes(4) + b"\x44\0" + struct.pack(">H", 1000) + entries),
        after=box(b"mdat", bytes(1_000_000)),
    )


def _grid(width: int, height: int, tiles: tuple[int, int] = (255, 255)) -> bytes:
    """A picture of tiles that are not there, and its size in two places."""
    size = struct.pack(">II", width, height)
    ispe = box(b"ispe", bytes(4) + struct.pack(">II", 64, 64))
    av1c = avif()[avif().index(b"av1C") - 4 :][:12]
    return _meta(
        box(b"pitm", bytes(4) + b"\0\1"),
        box(
            b"iinf",
            bytes(4)
            + b"\0\2"
            + box(b"infe", b"\2\0\0\0" + struct.pack(">HH4s", 1, 0, b"grid"))
            + box(b"infe", b"\2\0\0\0" + struct.pack(">HH4s", 2, 0, b"av01")),
        ),
        box(b"iloc", b"\1\0\0\0\x44\0\0\1" + struct.pack(">HHHHII", 1, 1, 0, 1, 0, 12)),
        box(
            b"iprp",
            box(b"ipco", ispe + av1c) + box(b"ipma", bytes(4) + struct.pack(">IHBBHBBB", 2, 1, 1, 1, 2, 2, 1, 2)),
        ),
        box(b"idat", bytes((0, 1, *tiles)) + size),
    )


def _units() -> bytes:
    """A picture of ten million empty units."""
    data = avif()
    start = data.index(b"mdat") + 4
    place = data.index(b"iloc") + 4
    at = place + 4 + 2 + 2 + 2 + 2 + 2 + 4
    return data[:at] + struct.pack(">I", 10_000_000) + data[at + 4 : start] + b"\x12\0" * 5_000_000


def _exif() -> bytes:
    """Camera data of which every entry is the same three megabytes."""
    entries = tiff([(tag, 7, 3_000_000, 8) for tag in range(1000, 3000)], data=bytes(3_000_000))
    nothing = tiff([]).ljust(len(entries), b"\0")
    return changed(picture("AVIF", exif=b"Exif\0\0" + nothing), (nothing, entries))


MAKERS: tuple[tuple[str, str, Callable[[], bytes], str], ...] = (
    ("avif-of-10^18-pixels", "a.avif", lambda: _claims(avif(), (2**31 - 1, 2**31 - 1)), BIG),
    ("avif-of-no-pixels", "a.avif", lambda: _claims(avif(), (0, 0)), "0 x 0 pixels"),
    ("avif-whose-codec-says-65536x65536", "a.avif", lambda: _codes(65_536), BIG),
    ("avif-whose-configuration-swallows-the-size", "a.avif", lambda: _swallowed(65_536), BIG),
    ("avif-of-tiles-of-10^18-pixels", "a.avif", lambda: _grid(2**32 - 1, 2**32 - 1), BIG),
    ("avif-of-65536-tiles-of-which-one-is-there", "a.avif", lambda: _grid(64, 64), BROKEN),
    ("avif-of-a-thousand-items-in-one-place", "a.avif", _shared, BROKEN),
    ("avif-of-five-million-units", "a.avif", _units, BROKEN),
    ("avif-cut-short", "a.avif", lambda: avif()[:-40], BROKEN),
    ("avif-of-empty-boxes", "a.avif", lambda: avif()[:32] + box(b"free") * 20_000, BROKEN),
    ("avif-with-a-box-of-2^64-bytes", "a.avif", lambda: avif()[:32] + struct.pack(">I4sQ", 1, b"meta", 2**64 - 1), BROKEN),
    ("avif-with-a-box-of-three-bytes", "a.avif", lambda: avif()[:32] + box(b"meta", length=3), BROKEN),
    ("avif-without-a-picture", "a.avif", lambda: changed(avif(), (b"pitm\0\0\0\0\0\1", b"pitm\0\0\0\0\0\x09")), BROKEN),
    ("avif-of-raw-samples", "a.avif", lambda: changed(avif(), (b"av01Color", b"unciColor")), "unci"),
    ("heic-of-10^18-pixels", "a.heic", lambda: _claims(heic(), (2**31 - 1, 2**31 - 1)), BIG),
    ("heic-cut-short", "a.heic", lambda: heic()[:-400], BROKEN),
    ("heic-without-a-codec", "a.heic", lambda: changed(heic(), (b"hvcC", b"free")), BROKEN),
    ("heic-of-65535-parameter-sets", "a.heic", lambda: changed(heic(), (b"B\x01\x01", b"B\xff\xff")), BROKEN),
    ("a-video-called-heic", "a.heic", lambda: box(b"ftyp", b"isom" + bytes(4) + b"isommp41") + box(b"moov"), "a video"),
)  # fmt: skip
CASES = (
    *(Case(name, file, make, says) for name, file, make, says in MAKERS),
    Case("avif-with-camera-data-of-6-GB", "a.avif", _exif, "32×24 AVIF", "kept"),
    Case("heic-that-is-sound", "a.heic", heic, "80×64 HEIC", "kept"),
)
