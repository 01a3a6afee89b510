"""Pictures: bombs, broken ones, other kinds of files under a picture's name, arrays with a pickle inside."""

# ruff: noqa: E501 - a table has one row in each line

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from tests.hostile.case import CODE, COMMAND, Case
from tests.hostile.pickles import Call
from tests.hostile.weights import sound as weights

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes, *, length: int | None = None, crc: int | None = None) -> bytes:
    """One chunk of a PNG, whose length and checksum may lie."""
    check = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data) if length is None else length) + kind + data + struct.pack(">I", check)


def png(width: int, height: int, pixels: bytes, *more: bytes, depth: int = 8, colour: int = 0) -> bytes:
    """A PNG whose header says this size, with these compressed pixels and whatever chunks come before them."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return SIGNATURE + header + b"".join(more) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def picture(kind: str, size: tuple[int, int] = (32, 24), mode: str = "RGB", **options: object) -> bytes:
    """A sound picture."""
    out = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).convert(mode).save(out, kind, **options)
    return out.getvalue()


def array(values: object) -> bytes:
    """What ``numpy.save`` writes."""
    out = io.BytesIO()
    np.save(out, np.asarray(values), allow_pickle=True)
    return out.getvalue()


def npy(header: str, data: bytes = b"", *, version: int = 1, length: int | None = None) -> bytes:
    """A ``.npy`` file with this header."""
    text = header.encode()
    said = len(text) if length is None else length
    form = "<H" if version == 1 else "<I"
    return b"\x93NUMPY" + bytes((version, 0)) + struct.pack(form, said) + text + data


def _described(shape: str, descr: str = "'<f4'", order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"


def _zeros(count: int) -> bytes:
    """So many zeros, compressed, without ever holding them all."""
    pack = zlib.compressobj(9)
    out = b"".join(pack.compress(bytes(1_000_000)) for _ in range(count // 1_000_000))
    return out + pack.compress(bytes(count % 1_000_000)) + pack.flush()


def _png_bomb() -> bytes:
    return png(10_000, 10_000, _zeros(10_001 * 10_000))


def _text_bomb() -> bytes:
    note = chunk(b"zTXt", b"Comment\0\0" + _zeros(500_000_000))
    return png(2, 2, zlib.compress(b"\0\1\2" * 2), note)


def _profile_bomb() -> bytes:
    return png(2, 2, zlib.compress(b"\0\1\2" * 2), chunk(b"iCCP", b"x\0\0" + _zeros(500_000_000)))


def _pixels_bomb() -> bytes:
    """Two by two pixels said, half a gigabyte of them there."""
    return png(2, 2, _zeros(500_000_000))


def _animation(frames: int) -> bytes:
    out = io.BytesIO()
    first, *rest = [Image.new("L", (4, 4), i % 256) for i in range(frames)]
    first.save(out, "GIF", save_all=True, append_images=rest, duration=10)
    return out.getvalue()


def _gif(width: int, height: int, *, left: int = 0, frame: tuple[int, int] = (1, 1)) -> bytes:
    screen = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    return screen + b"," + struct.pack("<HHHHB", left, 0, *frame, 0) + b"\x02\x02D\x01\0;"


def _bmp(
    width: int, height: int, *, bits: int = 24, compression: int = 0, colours: int = 0, data: bytes = b""
) -> bytes:
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 0, 0, colours, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(data), 0, 0, 54) + info + data


def tiff(entries: Sequence[tuple[int, int, int, int]], after: int = 0, data: bytes = b"") -> bytes:
    """A little-endian TIFF with one directory of (tag, type, count, value), which goes on at ``after``."""
    fields = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + fields + struct.pack("<I", after) + data


def _grey_tiff(width: int, height: int, *, offset: int = 200, count: int = 4, compression: int = 1) -> bytes:
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1),
               (273, 4, 1, offset), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, count)]  # fmt: skip
    return tiff(entries, 8, bytes(300))


def _float_tiff() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((8, 8), 0.5, np.float32)).save(out, "TIFF")
    return out.getvalue()


def _jpeg_claims() -> bytes:
    data = bytearray(picture("JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = b"\xff\xff\xff\xff"
    return bytes(data)


def many_scans(before: bytes = b"", *, side: int = 6000, scans: int = 5000) -> bytes:
    """A progressive JPEG that draws the same empty detail over and over: each scan costs, and says nothing."""
    out = io.BytesIO()
    Image.new("L", (side, side)).save(out, "JPEG", progressive=True)
    data = out.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + before + data[last:-2] * scans + b"\xff\xd9"


def _webp_claims() -> bytes:
    canvas = struct.pack("<I", 2**24 - 1)[:3]
    body = (
        b"WEBPVP8X"
        + struct.pack("<I", 10)
        + b"\x10\0\0\0"
        + canvas
        + canvas
        + b"VP8L"
        + struct.pack("<I", 4)
        + b"/\0\0\0"
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _broken_png(*chunks: bytes) -> bytes:
    return SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)) + b"".join(chunks)


def _exif(data: bytes) -> bytes:
    return picture("JPEG", exif=b"Exif\0\0" + data)


_POSTSCRIPT = f"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 32 32
(%pipe%{COMMAND}) (w) file closefile
showpage
%%EOF
"""
_DRAWING = f'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>{CODE}</script></svg>'
KIND = "PNG|no image|no picture"
BIG = "40 million|limit"
BROKEN = "broken|cannot be read|no image|not.*image|is no"

CASES = (
    Case("png-of-100-megapixels", "a.png", _png_bomb, BIG),
    Case("png-of-10^18-pixels", "a.png", lambda: png(2**31 - 1, 2**31 - 1, b""), BIG),
    Case("png-of-no-pixels", "a.png", lambda: png(0, 0, b""), "0 x 0 pixels"),
    Case("png-with-a-text-of-500-MB", "a.png", _text_bomb, "2×2 PNG", "kept"),
    Case("png-with-a-profile-of-500-MB", "a.png", _profile_bomb, "profile", "kept"),
    Case("png-with-500-MB-too-many", "a.png", _pixels_bomb, "2×2 PNG", "kept"),
    Case("gif-of-65535x65535", "a.gif", lambda: _gif(65_535, 65_535), BIG),
    Case("gif-frame-beyond-its-screen", "a.gif", lambda: _gif(4, 4, left=60_000, frame=(65_535, 65_535)), "125535 x 65535"),
    Case("gif-of-5000-frames", "a.gif", lambda: _animation(5000), "5,000 frames", "kept"),
    Case("gif-cut-short", "a.gif", lambda: picture("GIF")[:60], BROKEN),
    Case("tiff-of-10^18-pixels", "a.tif", lambda: _grey_tiff(2**31 - 1, 2**31 - 1), BIG),
    Case("tiff-strip-outside", "a.tif", lambda: _grey_tiff(32, 32, offset=2**31, count=1024), BROKEN),
    Case("tiff-jpeg-compression-of-zeros", "a.tif", lambda: _grey_tiff(32, 32, compression=7), BROKEN),
    Case("tiff-of-65535-tags", "a.tif", lambda: tiff([(256, 4, 2**31, 0)] * 65_535), BROKEN),
    Case("tiff-of-fractions", "a.tif", _float_tiff, "float|fraction|32-bit"),
    Case("jpeg-claims-65535x65535", "a.jpg", _jpeg_claims, BIG),
    Case("jpeg-cut-short", "a.jpg", lambda: picture("JPEG")[:-40], BROKEN),
    Case("jpeg-of-5000-scans", "a.jpg", many_scans, "too many passes"),
    Case("jpeg-of-5000-scans-behind-a-comment", "a.jpg", lambda: many_scans(b"\xff\xfe\0\x04\xff\xd9"), "too many passes"),
    Case("jpeg-with-broken-exif", "a.jpg", lambda: _exif(b"II*\0\x08\0\0\0\xff\xff" + b"\xff" * 50), "32×24 JPEG", "kept"),
    Case("jpeg-with-orientation-99", "a.jpg", lambda: _exif(tiff([(274, 3, 1, 99)])), "32×24 JPEG", "kept"),
    Case("webp-claims-2^48-pixels", "a.webp", _webp_claims, "16777216 x 16777216"),
    Case("webp-cut-short", "a.webp", lambda: picture("WEBP")[:50], BROKEN),
    Case("bmp-of-10^18-pixels", "a.bmp", lambda: _bmp(2**31 - 1, -(2**31) + 1), BIG),
    Case("bmp-run-lengths-beyond-its-rows", "a.bmp", lambda: _bmp(8, 8, bits=8, compression=1, data=b"\xff\x01" * 5000), "broken"),
    Case("bmp-of-2^31-colours", "a.bmp", lambda: _bmp(8, 8, bits=8, colours=2**31 - 1, data=bytes(64)), BROKEN),
    Case("eps-called-png", "a.png", lambda: _POSTSCRIPT.encode(), "PostScript"),
    Case("svg-called-png", "a.png", lambda: _DRAWING.encode(), "SVG"),
    Case("pdf-called-jpg", "a.jpg", lambda: b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(1)>>>>", "a PDF"),
    Case("html-called-webp", "a.webp", lambda: b"<html><script>alert(1)</script>", "web page"),
    Case("weights-called-png", "a.png", weights, "zip archive"),
    Case("ico-called-png", "a.png", lambda: picture("ICO"), "an icon"),
    Case("an-exe", "a.exe", lambda: b"MZ" + bytes(100), KIND),
    Case("empty-picture", "a.png", lambda: b"", "empty"),
    Case("one-byte", "a.png", lambda: b"\x89", BROKEN),
    Case("25-MB-of-noise", "a.png", lambda: os.urandom(25_000_000), "MB"),
    Case("chunk-with-a-wrong-checksum", "a.png", lambda: _broken_png(chunk(b"IDAT", zlib.compress(bytes(200)), crc=1)), "8×8 PNG", "kept"),
    Case("chunk-of-2-GB", "a.png", lambda: _broken_png(chunk(b"IDAT", b"", length=2**31 - 1)), BROKEN),
    Case("no-pixels-at-all", "a.png", lambda: _broken_png(chunk(b"IEND", b"")), BROKEN),
    Case("half-of-the-pixels", "a.png", lambda: _broken_png(chunk(b"IDAT", zlib.compress(bytes(100))), chunk(b"IEND", b"")), "8×8 PNG", "kept"),
    Case("pixels-that-are-not-compressed", "a.png", lambda: _broken_png(chunk(b"IDAT", b"x" * 200), chunk(b"IEND", b"")), BROKEN),
    Case("palette-of-nothing", "a.png", lambda: png(2, 2, zlib.compress(b"\0\xff\xff" * 2), colour=3), "broken"),
    Case("1x1", "a.png", lambda: picture("PNG", (1, 1)), "1×1 PNG", "kept"),
    Case("10000x1", "a.png", lambda: picture("PNG", (10_000, 1)), "10000×1 PNG", "kept"),
    Case("1x10000", "a.png", lambda: picture("PNG", (1, 10_000)), "1×10000 PNG", "kept"),
    Case("a-script-as-its-name", "<script>alert(1)</script>.png", lambda: picture("PNG"), "32×24 PNG", "kept"),
    Case("a-path-as-its-name", "../../../../etc/passwd.png", lambda: picture("PNG"), "32×24 PNG", "kept"),
    Case("npy-of-objects", "a.npy", lambda: array(np.array([Call(os.system, COMMAND)], dtype=object)), "holds object"),
    Case("npy-of-10^15-numbers", "a.npy", lambda: npy(_described("(100000, 100000, 100000)")), "4,000,000,000,000,000 bytes"),
    Case("npy-of-negative-shape", "a.npy", lambda: npy(_described("(-2, -2)"), bytes(16)), "impossible shape"),
    Case("npy-of-a-shape-beyond-64-bits", "a.npy", lambda: npy(_described("(2**70, 1)"), bytes(16)), "header"),
    Case("npy-of-true-by-true", "a.npy", lambda: npy(_described("(True, True)"), bytes(4)), "header|shape"),
    Case("npy-of-70-axes", "a.npy", lambda: npy(_described("(" + "1, " * 70 + ")"), bytes(4)), "has 70 axes"),
    Case("npy-of-3000-axes", "a.npy", lambda: npy(_described("(" + "1, " * 3000 + ")"), bytes(4)), "has 3,000 axes"),
    Case("npy-of-4-by-true", "a.npy", lambda: npy(_described("(4, True)"), bytes(16)), "a length is not a whole number"),
    Case("npy-of-a-length-of-4000-digits", "a.npy", lambda: npy(_described("(" + "9" * 4000 + ", " + "9" * 4000 + ")"), bytes(16)), r"more than 10\^18 bytes"),
    Case("npy-with-code-in-its-header", "a.npy", lambda: npy(_described(CODE)), "header"),
    Case("npy-with-code-as-its-type", "a.npy", lambda: npy(_described("(2, 2)", repr(CODE)), bytes(16)), "header"),
    Case("npy-nested-5000-deep", "a.npy", lambda: npy("(" * 5000 + ")" * 5000), "header"),
    Case("npy-header-of-4-GB", "a.npy", lambda: npy(_described("(2, 2)"), version=2, length=2**32 - 1), "header"),
    Case("npy-of-version-9", "a.npy", lambda: npy(_described("(2, 2)"), version=9), "header"),
    Case("npy-of-records", "a.npy", lambda: array(np.zeros((4, 4), dtype=[("a", "<f4"), ("b", "<f8")])), "real numbers"),
    Case("npy-of-texts", "a.npy", lambda: array(np.array([["a", "b"]])), "real numbers"),
    Case("npy-of-complex-numbers", "a.npy", lambda: array(np.zeros((4, 4), np.complex64)), "holds complex64"),
    Case("npy-of-dates", "a.npy", lambda: array(np.zeros((4, 4), "M8[s]")), "real numbers"),
    Case("npy-of-seven-dimensions", "a.npy", lambda: array(np.zeros((1,) * 7, np.float32)), "was read as", "kept"),
    Case("npy-of-nothing", "a.npy", lambda: array(np.zeros((0, 4), np.float32)), "shape 0 . 4"),
    Case("npy-with-nan", "a.npy", lambda: array(np.full((4, 4), np.nan, np.float32)), "NaN"),
    Case("npy-with-infinity", "a.npy", lambda: array(np.full((4, 4), np.inf, np.float32)), "16 of its 16 numbers lie outside", "kept"),
    Case("npy-beyond-its-range", "a.npy", lambda: array(np.full((4, 4), 1e30, np.float32)), "16 of its 16 numbers lie outside", "kept"),
    Case("npy-cut-short", "a.npy", lambda: array(np.zeros((64, 64), np.float32))[:200], "16,384 bytes"),
    Case("bands-with-nan", "a.npy", lambda: array(np.full((5, 4, 6), np.nan, np.float32)), "120 numbers of the array are NaN"),
    Case("bands-with-infinity", "a.npy", lambda: array(np.full((5, 4, 6), -np.inf)), "120 numbers of the array are NaN, infinite"),
    Case("bands-beyond-32-bits", "a.npy", lambda: array(np.full((5, 4, 6), 1e300)), "too large for 32-bit"),
    Case("bands-of-objects", "a.npy", lambda: array(np.array([[[Call(os.system, COMMAND)] * 6] * 4] * 5, dtype=object)), "holds object"),
    Case("bands-of-complex-numbers", "a.npy", lambda: array(np.zeros((5, 4, 6), np.complex64)), "holds complex64"),
    Case("bands-of-records", "a.npy", lambda: array(np.zeros((5, 4, 6), dtype=[("a", "<f4")])), "real numbers"),
    Case("bands-cut-short", "a.npy", lambda: array(np.zeros((12, 64, 64), np.uint16))[:-2], "98,304 bytes"),
    Case("bands-with-more-behind-them", "a.npy", lambda: array(np.zeros((12, 8, 8), np.uint16)) + bytes(8), "1,536 bytes"),
    Case("bands-of-10^30-rows", "a.npy", lambda: npy(_described("(12, 1" + "0" * 30 + ", 7)"), bytes(16)), r"more than 10\^18 bytes"),
    Case("bands-of-true-rows", "a.npy", lambda: npy(_described("(12, True, 7)"), bytes(336)), "not a whole number"),
    Case("bands-of-negative-rows", "a.npy", lambda: npy(_described("(12, -4, 7)"), bytes(16)), "impossible shape"),
    Case("five-axes", "a.npy", lambda: array(np.zeros((2, 2, 2, 20, 30), np.uint8)), "an image must be"),
    Case("slices-of-text", "a.npy", lambda: array(np.full((20, 9, 8), "x")), "only real numbers"),
    Case("slices-cut-short", "a.npy", lambda: array(np.zeros((20, 64, 64), np.uint16))[:-2], "163,840 bytes"),
    Case("slices-without-end", "a.npy", lambda: npy(_described("(1" + "0" * 30 + ", 9, 7, 5)"), bytes(16)), r"more than 10\^18 bytes"),
    Case("too-many-slices", "a.npy", lambda: array(np.zeros((10_001, 20, 40), np.uint8)), "10,000 along an axis"),
    Case("bands-with-code-in-their-header", "a.npy", lambda: npy(_described(f"(12, {CODE}, 7)")), "header"),
    Case("npz-called-npy", "a.npy", weights, "zip archive"),
)  # fmt: skip
