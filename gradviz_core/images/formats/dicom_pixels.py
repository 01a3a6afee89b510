"""The bytes of the pixels of a DICOM file: as they are, or in run lengths (PS3.5, annex G)."""

from __future__ import annotations

import struct
from itertools import pairwise

from gradviz_core.errors import BadImage
from gradviz_core.images import next_steps
from gradviz_core.images.formats import dicom_elements as elements
from gradviz_core.images.formats.dicom_elements import Element, Syntax

MOST_RUN_LENGTH_BYTES = 16_000_000
"""Run lengths are read one by one in Python."""
_MOST_SEGMENTS = 15
_HEADER = 64


def of_first_frame(data: bytes, element: Element, length: int, *, compressed: bool) -> bytes:
    """The bytes of the first frame, which should have this length once they are unpacked.

    Raises:
        BadImage: there are fewer, or too many run lengths.
        ValueError, struct.error: they contradict themselves.
    """
    if compressed:
        if element.length is not None:
            raise ValueError("compressed pixels lie in pieces")
        piece = elements.first_fragment(data, element.start, Syntax())
        _check_run_lengths(piece, length)
        return piece
    if element.length is None:
        raise ValueError("pixels that are not compressed have a length")
    there = min(element.length, len(data) - element.start)
    if there < length:
        raise BadImage(
            f"A frame of the DICOM file should have {length:,} bytes of pixels; the file has {there:,}. Export it "
            "again."
        )
    return data[element.start : element.start + length + length % 2]  # an even length, as the decoder wants it


def _check_run_lengths(piece: bytes, length: int) -> None:
    """Raises for more numbers than the picture has: the decoder would make room for all of them."""
    if length > MOST_RUN_LENGTH_BYTES:
        raise BadImage(
            f"The DICOM file has {length:,} bytes of pixels in run lengths; the limit is {MOST_RUN_LENGTH_BYTES:,}. "
            "Unpack it in Python, and upload plain.dcm.",
            next_steps.unpacked_dicom(""),
        )
    if len(piece) > 2 * length + 2 * _HEADER:  # a byte in a run of its own takes two
        raise ValueError("more run lengths than the picture has numbers")
    (count,) = struct.unpack_from("<I", piece)
    if not 1 <= count <= _MOST_SEGMENTS:
        raise ValueError("segments")
    starts = (*struct.unpack_from(f"<{count}I", piece, 4), len(piece))
    made = 0
    for start, end in pairwise(starts):
        if not _HEADER <= start < end <= len(piece):
            raise ValueError("segments out of order")
        made += _unpacked(piece, start, end)
    if made > length + 2 * count:
        raise ValueError("more numbers than the picture has")


def _unpacked(piece: bytes, at: int, end: int) -> int:
    """How many bytes the run lengths between two places stand for."""
    made = 0
    while at < end:
        byte = piece[at]
        if byte < 128:
            made, at = made + byte + 1, at + byte + 2
        else:
            made, at = made + (257 - byte if byte > 128 else 0), at + (2 if byte > 128 else 1)
    return made
