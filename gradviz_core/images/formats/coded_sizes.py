"""The sizes that the coded pictures of AVIF (AV1) and HEIC (HEVC) say of themselves. A decoder makes room for these,
whatever the boxes around them say."""

from __future__ import annotations

from collections.abc import Iterator

from gradviz_core.images.formats.bits import Bits

_MOST_UNITS = 20_000
_SEQUENCE = 1
_PARAMETERS = 33
"""Kinds of units: AV1's sequence header, HEVC's sequence parameter set."""
_LONGEST_HEADER = 1000

Size = tuple[int, int]
"""Width and height."""


def of_av1(configuration: bytes, picture: bytes) -> Iterator[Size]:
    """The largest frame that each sequence header of a coded picture allows, and each in its configuration. They are
    read apart: a unit without a length ends where its own box does.

    Raises:
        ValueError, IndexError: units that break off, or without end; a picture without a sequence header, which every
            one has (AV1 Image File Format, section 2.1).
    """
    yield from _of_units(configuration)
    found = list(_of_units(picture))
    if not found:
        raise ValueError("a picture without a sequence header")
    yield from found


def _of_units(data: bytes) -> Iterator[Size]:
    """Of each sequence header among these units (AV1, sections 5.3 and 5.5)."""
    at, units = 0, 0
    while at < len(data):
        units += 1
        if units > _MOST_UNITS:
            raise ValueError("too many units")
        head = data[at]
        at += 2 if head & 4 else 1
        length = len(data) - at
        if head & 2:
            length, at = _leb128(data, at)
        if head >> 3 & 15 == _SEQUENCE:
            yield _of_sequence(Bits(data[at : at + min(length, _LONGEST_HEADER)]))
        at += length


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = 0
    for i in range(8):
        value |= (data[at + i] & 127) << 7 * i
        if not data[at + i] & 128:
            return value, at + i + 1
    raise ValueError("a number of more than eight bytes")


def _of_sequence(bits: Bits) -> Size:
    bits.number(4)  # profile, still picture
    if bits.number(1):  # a header reduced for a still picture
        bits.number(5)
    else:
        _operating_points(bits)
    across, down = bits.number(4) + 1, bits.number(4) + 1
    return bits.number(across) + 1, bits.number(down) + 1


def _operating_points(bits: Bits) -> None:
    delays = 0
    if bits.number(1):  # timing
        bits.number(64)
        if bits.number(1):
            bits.golomb()
        if bits.number(1):  # a model of the decoder
            delays = bits.number(5) + 1
            bits.number(42)
    shown_later = bits.number(1)
    for _ in range(bits.number(5) + 1):
        bits.number(12)
        if bits.number(5) > 7:
            bits.number(1)
        if delays and bits.number(1):
            bits.number(2 * delays + 1)
        if shown_later and bits.number(1):
            bits.number(4)


def of_hevc(configuration: bytes, data: bytes) -> Iterator[Size]:
    """The size in each sequence parameter set of an ``hvcC`` box, and of the units that it configures (ISO/IEC
    14496-15, section 8.3.3; ITU-T H.265, section 7.3.2.2).

    Raises:
        ValueError, IndexError: units that break off, or without end.
    """
    for unit in (*_configured(configuration), *_units(data, (configuration[21] & 3) + 1)):
        if unit[0] >> 1 & 63 == _PARAMETERS:
            yield _of_parameters(Bits(unit[2:].replace(b"\0\0\3", b"\0\0")))


def _configured(data: bytes) -> Iterator[bytes]:
    at = 23
    for _ in range(data[22]):
        count = int.from_bytes(data[at + 1 : at + 3])
        at += 3
        for _ in range(count):
            length = data[at] << 8 | data[at + 1]
            if length:
                yield data[at + 2 : at + 2 + min(length, _LONGEST_HEADER)]
            at += 2 + length


def _units(data: bytes, size: int) -> Iterator[bytes]:
    at, units = 0, 0
    while at + size < len(data):
        units += 1
        if units > _MOST_UNITS:
            raise ValueError("too many units")
        length = int.from_bytes(data[at : at + size])
        if length:
            yield data[at + size : at + size + min(length, _LONGEST_HEADER)]
        at += size + length


def _of_parameters(bits: Bits) -> Size:
    bits.number(4)
    layers = bits.number(3)
    bits.number(1 + 96)  # profile and level
    told = [(bits.number(1), bits.number(1)) for _ in range(layers)]
    if layers:
        bits.number(2 * (8 - layers))
    for profile, level in told:
        bits.number(88 * profile + 8 * level)
    bits.golomb()
    if bits.golomb() == 3:  # colours as fine as the brightness
        bits.number(1)
    return bits.golomb(), bits.golomb()
