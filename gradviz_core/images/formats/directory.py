"""TIFF's directory of tagged values, which EXIF uses as well (TIFF 6.0, section 2)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes of one value of each type."""
_CODES = {1: "B", 3: "H", 4: "I"}
_MOST_NUMBERS = 64
ORIENTATION = 274


@dataclass(frozen=True, slots=True)
class Entry:
    """One tagged value, not read yet."""

    type: int
    count: int
    raw: bytes
    """The twelve bytes as they stand in the file."""

    @property
    def bytes(self) -> int:
        """Length of the value."""
        return SIZES.get(self.type, 1) * self.count


@dataclass(frozen=True, slots=True)
class Directory:
    """One directory of a file."""

    data: bytes
    order: Literal["<", ">"]
    entries: dict[int, Entry]
    following: int
    """Where the next directory lies; 0 for none."""

    def numbers(self, tag: int) -> tuple[int, ...]:
        """The whole numbers under a tag, empty where it is missing.

        Raises:
            ValueError: they are of another type, or more than a header has use for.
        """
        entry = self.entries.get(tag)
        if entry is None:
            return ()
        if entry.type not in _CODES or entry.count > _MOST_NUMBERS:
            raise ValueError(f"tag {tag} of type {entry.type} has {entry.count} values")
        code = f"{self.order}{entry.count}{_CODES[entry.type]}"
        return struct.unpack_from(code, self.value(tag))

    def number(self, tag: int, otherwise: int) -> int:
        """The first number under a tag."""
        return next(iter(self.numbers(tag)), otherwise)

    def value(self, tag: int) -> bytes:
        """The bytes under a tag, as many of them as the file has; empty where it is missing."""
        entry = self.entries.get(tag)
        if entry is None:
            return b""
        if entry.bytes <= 4:
            return entry.raw[8:]
        (start,) = struct.unpack_from(self.order + "I", entry.raw, 8)
        return self.data[start : start + entry.bytes]


def read(data: bytes, start: int | None = None) -> Directory:
    """The directory at ``start``, the first one where that is None; of two entries with one tag the first holds.

    Raises:
        struct.error, ValueError: there is none.
    """
    if data[:4] not in (b"II*\0", b"MM\0*"):
        raise ValueError("no TIFF")
    order: Literal["<", ">"] = "<" if data[:2] == b"II" else ">"
    if start is None:
        (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    entries: dict[int, Entry] = {}
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, values = struct.unpack_from(order + "HHI", data, at)
        entries.setdefault(tag, Entry(kind, values, data[at : at + 12]))
    (following,) = struct.unpack_from(order + "I", data, start + 2 + 12 * count)
    return Directory(data, order, entries, following)


def orientation(exif: bytes) -> int:
    """What a camera's EXIF block says of its rotation; 1, upright, where it says nothing that can be read.

    Pillow's own reader reads every value of the block, and a block of one megabyte can point at itself often enough
    to fill any memory.
    """
    try:
        return read(exif.removeprefix(b"Exif\0\0")).number(ORIENTATION, 1)
    except (struct.error, ValueError):
        return 1
