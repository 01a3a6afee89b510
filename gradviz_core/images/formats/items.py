"""The items of a HEIF file (ISO/IEC 23008-12): its picture, the tiles and the alpha of it, each with its properties."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradviz_core.images.formats import boxes
from gradviz_core.images.formats.boxes import Box, Fields

MOST = 2000
"""Items of one file. A photo of 40 megapixels in tiles of 512 pixels has 160, and as many for its depth."""
_MOST_PLACES = 4000
_FILE, _BESIDE = 0, 1
"""Where the bytes of an item lie: in the file, or in a box beside its properties."""


@dataclass(frozen=True, slots=True)
class Item:
    """One item."""

    kind: bytes
    """Such as ``av01``, ``hvc1`` or ``grid``."""
    properties: tuple[Box, ...]
    data: bytes
    """Empty where it lies in a way that is not read."""

    def value(self, name: bytes) -> bytes:
        """What its first property of this name holds; empty where there is none."""
        return next((box.data for box in self.properties if box.name == name), b"")


@dataclass(frozen=True, slots=True)
class Items:
    """All of them."""

    picture: Item
    """The one that is shown."""
    all: tuple[Item, ...]


def read(data: bytes, meta: bytes) -> Items:
    """The items that the ``meta`` box of a file describes.

    Raises:
        ValueError, struct.error, LookupError: it contradicts itself, or describes too many.
    """
    inside = meta[4:]
    kinds = dict(_kinds(boxes.named(inside, b"iinf")))
    places = dict(_places(boxes.named(inside, b"iloc")))
    related = boxes.named(inside, b"iprp")
    properties = list(boxes.read(boxes.named(related, b"ipco")))
    having = dict(_having(boxes.named(related, b"ipma")))
    beside = boxes.named(inside, b"idat")
    sources = {_FILE: data, _BESIDE: beside}
    if sum(_length(sources, part) for parts in places.values() for part in parts) > len(data):
        raise ValueError("items that share their bytes")
    found = {
        item: Item(
            kind,
            tuple(properties[index - 1] for index in having.get(item, ()) if 0 < index <= len(properties)),
            b"".join(_part(sources, part) for part in places.get(item, ())),
        )
        for item, kind in kinds.items()
    }
    first = Fields(boxes.named(inside, b"pitm"))
    return Items(found[first.number(4 if first.version else 2)], tuple(found.values()))


def _counted(fields: Fields, length: int) -> range:
    count = fields.number(length)
    if count > MOST:
        raise ValueError(f"{count} items")
    return range(count)


def _kinds(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The kind of each item, by its number."""
    head = Fields(data)
    start = 8 if head.version else 6
    for _, box in zip(_counted(head, start - 4), boxes.read(data, start), strict=False):
        fields = Fields(box.data)
        if box.name == b"infe" and fields.version in (2, 3):
            item = fields.number(4 if fields.version == 3 else 2)
            fields.number(2)
            yield item, fields.bytes(4)


Place = tuple[int, int, int]
"""Where bytes of an item lie: in what, from where, how many; 0 for all that follow."""


def _places(data: bytes) -> Iterator[tuple[int, tuple[Place, ...]]]:
    fields = Fields(data)
    sizes = fields.number(2)
    at, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    wide = fields.version == 2
    told = 0
    for _ in _counted(fields, 4 if wide else 2):
        item = fields.number(4 if wide else 2)
        method = fields.number(2) & 15 if fields.version else _FILE
        fields.number(2)
        start = fields.number(base)
        parts = []
        for _ in range(fields.number(2)):
            told += 1
            if told > _MOST_PLACES:
                raise ValueError("items in too many parts")
            fields.number(index if fields.version else 0)
            parts.append((method, start + fields.number(at), fields.number(length)))
        yield item, tuple(parts)


def _part(sources: dict[int, bytes], place: Place) -> bytes:
    method, start, length = place
    source = sources.get(method, b"")
    return source[start : start + length] if length else source[start:]


def _length(sources: dict[int, bytes], place: Place) -> int:
    method, start, length = place
    rest = max(0, len(sources.get(method, b"")) - start)
    return min(rest, length) if length else rest


def _having(data: bytes) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Which properties each item has, by their numbers from 1 on, in the order in which they apply."""
    fields = Fields(data)
    wide = bool(fields.flags & 1)
    for _ in _counted(fields, 4):
        item = fields.number(4 if fields.version else 2)
        mask = 0x7FFF if wide else 0x7F
        yield item, tuple(fields.number(2 if wide else 1) & mask for _ in range(fields.number(1)))
