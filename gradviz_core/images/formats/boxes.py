"""Boxes of the ISO base media file format (ISO/IEC 14496-12), of which AVIF and HEIC files are made: a length, four
letters, and what is in it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_MOST = 10_000
"""Boxes side by side."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box, not read yet."""

    name: bytes
    data: bytes
    """What is in it, behind its length and its name."""
    start: int
    """Where that starts in what it was read from."""


def read(data: bytes, start: int = 0) -> Iterator[Box]:
    """The boxes side by side from ``start`` on. One that is longer than the data ends with it.

    Raises:
        ValueError: a length that cannot be, or boxes without end.
    """
    for _ in range(_MOST):
        if start + 8 > len(data):
            return
        length, name = struct.unpack_from(">I4s", data, start)
        head = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, start + 8)
            head = 16
        if length == 0:
            length = len(data) - start
        if length < head:
            raise ValueError("a box shorter than its own header")
        yield Box(name, data[start + head : start + length], start + head)
        start += length
    raise ValueError("too many boxes")


def named(data: bytes, name: bytes, start: int = 0) -> bytes:
    """What is in the first box with this name; empty where there is none."""
    return next((box.data for box in read(data, start) if box.name == name), b"")


class Fields:
    """Big-endian numbers of a box, one after the other.

    Raises:
        struct.error: there are no more.
    """

    def __init__(self, data: bytes, *, full: bool = True) -> None:
        """A ``full`` box starts with its version and flags."""
        self._data, self._at = data, 0
        self.version, self.flags = 0, 0
        if full:
            self.version = self.number(1)
            self.flags = self.number(3)

    def number(self, length: int) -> int:
        """The number in the next ``length`` bytes; 0 where these are none."""
        return int.from_bytes(self.bytes(length))

    def bytes(self, length: int) -> bytes:
        """The next bytes."""
        end = self._at + length
        if end > len(self._data):
            raise struct.error("the box ends early")
        self._at, start = end, self._at
        return self._data[start:end]
