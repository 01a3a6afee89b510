"""The elements of a DICOM file (PS3.5, sections 7 and 10), walked over one by one: a tag of two numbers, how the value
is written, its length, and the value."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

SIGNATURE_AT, SIGNATURE = 128, b"DICM"
_MOST, _MOST_OF_META = 300_000, 1_000
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_ENDS, _SEQUENCE_ENDS = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_LONG = frozenset({b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"UC", b"UR", b"UT", b"UN", b"SV", b"UV"})
_LETTERS = re.compile(rb"[A-Z]{2}")
_META = b"\2\0"
PIXELS = 0x7FE00010
ANY_PIXELS = (0x7FE00008, 0x7FE00009, PIXELS)
"""In floating-point numbers of two sizes, and in whole ones."""


@dataclass(frozen=True, slots=True)
class Syntax:
    """How elements are written."""

    order: Literal["<", ">"] = "<"
    explicit: bool = True
    """Whether each element says how its value is written."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element."""

    tag: int
    """Group and element, such as 0x00280010."""
    kind: bytes
    """Such as ``US``; empty where the file does not say."""
    start: int
    length: int | None
    """None where it is not said: what follows are items, up to their end."""


def head(data: bytes, at: int, syntax: Syntax) -> Element:
    """The element at this place.

    Raises:
        struct.error, ValueError: there is none.
    """
    group, number = struct.unpack_from(syntax.order + "HH", data, at)
    tag = group << 16 | number
    kind, at = b"", at + 4
    if group == 0xFFFE or not syntax.explicit:
        (length,) = struct.unpack_from(syntax.order + "I", data, at)
        at += 4
    else:
        kind = data[at : at + 2]
        if not _LETTERS.fullmatch(kind):
            raise ValueError("an element of no known kind")
        form, skipped = ("I", 4) if kind in _LONG else ("H", 2)
        (length,) = struct.unpack_from(syntax.order + form, data, at + skipped)
        at += skipped + struct.calcsize(form)
    return Element(tag, kind, at, None if length == _UNDEFINED else length)


def of_meta(data: bytes) -> tuple[dict[int, bytes], int]:
    """The values of the elements that tell how the file is written, and where the others start.

    Raises:
        struct.error, ValueError: the file breaks off, or has too many of them.
    """
    at, values = SIGNATURE_AT + len(SIGNATURE), dict[int, bytes]()
    for _ in range(_MOST_OF_META):
        if data[at : at + 2] != _META:
            return values, at
        element = head(data, at, Syntax())
        if element.length is None:
            raise ValueError("no length")
        at = element.start + element.length
        values.setdefault(element.tag, data[element.start : at])
    raise ValueError("too many elements")


def of_data(data: bytes, at: int, syntax: Syntax) -> Iterator[Element]:
    """The elements of the file itself, and not those within sequences, up to the pixels.

    Raises:
        struct.error, ValueError: the file breaks off, contradicts itself, or has too many elements.
    """
    depth, inside = 0, syntax
    for _ in range(_MOST):
        if at == len(data) and not depth:
            return
        element = head(data, at, inside if depth else syntax)
        at = element.start
        if element.tag in (_ITEM_ENDS, _SEQUENCE_ENDS):
            depth -= 1
            if depth < 0:
                raise ValueError("the end of nothing")
            continue
        if not depth:
            yield element
            if element.tag in ANY_PIXELS:
                return
            inside = Syntax("<", explicit=False) if element.kind == b"UN" else syntax
        if element.length is None:
            depth += 1
        else:
            at += element.length
    raise ValueError("too many elements")


def first_fragment(data: bytes, at: int, syntax: Syntax) -> bytes:
    """The first of the pieces that compressed pixels are in, which come after a table of where they start."""
    for number in range(2):
        item = head(data, at, syntax)
        if item.tag != _ITEM or item.length is None:
            raise ValueError("no piece of pixels")
        if number:
            return data[item.start : item.start + item.length]
        at = item.start + item.length
    raise AssertionError
