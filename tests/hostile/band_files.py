"""TIFFs of many bands: sizes, strips and kinds that lie."""

# ruff: noqa: E501 - a table has one row in each line

from __future__ import annotations

import io
from functools import cache

import numpy as np
import tifffile

from tests.hostile.case import Case
from tests.hostile.pictures import BIG, BROKEN, tiff


@cache
def sound(planes: str = "contig") -> bytes:
    """Five bands of 16 bits, compressed, as differences."""
    out = io.BytesIO()
    array = np.random.default_rng(0).integers(0, 4096, (24, 32, 5) if planes == "contig" else (5, 24, 32), np.uint16)
    tifffile.imwrite(
        out,
        array,
        photometric="minisblack",
        planarconfig=planes,
        compression="zlib",
        predictor=True,
        rowsperstrip=7,
        extrasamples=["unspecified"] * 4,
    )
    return out.getvalue()


def samples() -> list[bytes]:
    """Sound files, whose bands lie pixel by pixel and each by itself."""
    return [sound(), sound("separate")]


def _claims(width: int, height: int, bands: int, *more: tuple[int, int, int, int], bits: int = 8) -> bytes:
    """A file that says this of itself, of which 300 bytes are there."""
    entries = {256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, bits), 259: (3, 1, 1), 262: (3, 1, 1)}
    entries |= {273: (4, 1, 200), 277: (3, 1, bands), 278: (4, 1, height), 279: (4, 1, 4)}
    entries |= {tag: (kind, count, value) for tag, kind, count, value in more}
    return tiff([(tag, *entries[tag]) for tag in sorted(entries)], data=bytes(300))


def _damaged(at: int) -> bytes:
    data = bytearray(sound())
    data[at : at + 40] = bytes(range(40))
    return bytes(data)


CASES = (
    Case("bands-of-10^18-pixels", "a.tif", lambda: _claims(2**31 - 1, 2**31 - 1, 5), BIG),
    Case("bands-of-96-million-numbers", "a.tif", lambda: _claims(3000, 2000, 16), "96,000,000 numbers"),
    Case("bands-of-no-rows", "a.tif", lambda: _claims(5, 0, 5), "5 x 0 pixels"),
    Case("bands-65535-of-them", "a.tif", lambda: _claims(4, 4, 65_535), "65535 bands"),
    Case("bands-of-13-bits", "a.tif", lambda: _claims(4, 4, 5, bits=13), "not supported"),
    Case("bands-in-jpeg", "a.tif", lambda: _claims(4, 4, 5, (259, 3, 1, 7)), "not supported"),
    Case("bands-in-tiles-of-10^18-pixels", "a.tif", lambda: _claims(4, 4, 5, (322, 4, 1, 2**31), (323, 4, 1, 2**31)), BIG),
    Case("bands-in-tiles-of-nothing", "a.tif", lambda: _claims(4, 4, 5, (322, 4, 1, 0), (323, 4, 1, 0)), BROKEN),
    Case("bands-in-two-million-strips", "a.tif", lambda: _claims(1, 2_000_000, 5, (278, 4, 1, 1)), "pieces"),
    Case("bands-whose-strips-are-elsewhere", "a.tif", lambda: _claims(4, 4, 5, (273, 4, 1, 2**31)), BROKEN),
    Case("bands-whose-places-are-elsewhere", "a.tif", lambda: _claims(4, 4, 5, (273, 4, 900, 2**31)), BROKEN),
    Case("bands-of-fewer-strips-than-bands", "a.tif", lambda: _claims(4, 4, 5, (284, 3, 1, 2)), BROKEN),
    Case("tiff-of-bands-cut-short", "a.tif", lambda: sound()[:-300], BROKEN),
)  # fmt: skip
