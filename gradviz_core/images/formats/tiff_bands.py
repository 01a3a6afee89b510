"""TIFFs of many bands, as satellites and microscopes write them. Pillow reads one to four; here their strips and tiles
are handed to it as grey pictures: the numbers of a row of pixels lie side by side as those of a wider grey row do."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from gradviz_core.errors import BadImage
from gradviz_core.images import next_steps
from gradviz_core.images.formats import directory, tiff
from gradviz_core.images.formats.contents import check_pixels
from gradviz_core.images.formats.directory import Directory
from gradviz_core.types.cards import MOST_BANDS

MOST_NUMBERS = 64_000_000
"""Of all bands together, 256 MB in 32 bits."""
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES = 256, 257, 258, 259, 262, 277
_ROWS, _PLANES, _PREDICTOR, _TILE_WIDTH, _TILE_HEIGHT, _EXTRA, _KIND = 278, 284, 317, 322, 323, 338, 339
_PLACES = ((273, 279), (324, 325))
"""Where strips lie and how long they are, and the same of tiles."""
_KEPT = (_HEIGHT, _COMPRESSION, _ROWS, _TILE_HEIGHT, 266)
_GREY, _COLOURS = (0, 1), 2
_ALPHA = (1, 2)
_WITH_ALPHA = {0: "LA", 1: "LA", _COLOURS: "RGBA"}
_PLAIN_ALPHA = 2
_MOST_READ_AS_COLOURS = 6
_COMPRESSIONS = (1, 5, 8, 32773, 32946)
"""None, LZW, Deflate, PackBits, Deflate by its old number."""
_DIFFERENCES = 2
_WITHOUT_DIFFERENCES = (1, 32773)
"""Compressions for which libtiff takes no notice of differences, and tifffile does."""
_KINDS = {(1, 8), (1, 16), (2, 16), (2, 32), (3, 32)}
"""Whole numbers, signed ones and floating-point ones, and their bits."""
_SHORT, _LONG = 3, 4


@dataclass(frozen=True, slots=True)
class Layout:
    """How the bands of a file lie."""

    page: Directory
    width: int
    height: int
    bands: int
    bits: int
    kind: int
    """1 for whole numbers, 2 for signed ones, 3 for floating-point ones."""
    planar: bool
    """Whether each band has strips of its own."""
    differences: int
    """Where rows hold differences that are still to be summed: the pixels of a piece of a row; 0 where they do not."""
    mode: str
    """``LA`` or ``RGBA`` where the file calls the first band behind grey or colours transparency."""

    @property
    def read_as(self) -> int:
        """The kind that the numbers are read as; the signs of those of 16 bits are put back afterwards."""
        return 1 if self.bits == 16 else self.kind


def has(data: bytes, count: int = 0) -> bool:
    """Whether this is a TIFF of 2 or of 4 and more bands that are neither grey with alpha nor colours; for a network
    that takes ``count`` bands, also one of so many numbers a pixel that is read as a picture otherwise."""
    if not data.startswith(tiff.SIGNATURES):
        return False
    try:
        page = directory.read(data)
        samples, colours = page.number(_SAMPLES, 1), page.number(_PHOTOMETRIC, 0)
        extra = page.number(_EXTRA, 0)
        if colours == _COLOURS:
            return samples >= 4 and (samples == count or not _read_as_colours(page, samples))
    except (struct.error, ValueError):
        return False
    return colours in _GREY and (samples >= 4 or (samples == 2 and (count == 2 or extra not in _ALPHA)))


def _read_as_colours(page: Directory, samples: int) -> bool:
    """Whether Pillow reads the first three numbers of a pixel as colours: of 8 bits or fewer up to
    ``_MOST_READ_AS_COLOURS`` numbers, of 16 bits four; where each band lies by itself, the fourth is transparency."""
    bits = page.number(_BITS, 1)
    if page.number(_KIND, 1) != 1 or bits > 16:
        return False
    if page.number(_PLANES, 1) == 2:
        return bits <= 8 and samples == 4 and page.number(_EXTRA, 0) == _PLAIN_ALPHA
    return samples <= (_MOST_READ_AS_COLOURS if bits <= 8 else 4)


def read(data: bytes) -> Layout:
    """How the bands lie, checked before any is decoded.

    Raises:
        BadImage: stored in a way that is not read, or beyond a limit.
        ValueError, struct.error: a file that breaks off or contradicts itself.
    """
    page = directory.read(data)
    width, height, bands = (page.number(tag, 0) for tag in (_WIDTH, _HEIGHT, _SAMPLES))
    planar = page.number(_PLANES, 1) == 2
    if bands > MOST_BANDS:
        raise BadImage(
            f"The TIFF has {bands} bands; the limit is {MOST_BANDS}. Save the first of them in Python, and upload "
            "bands.npy.",
            next_steps.bands_of_tiff(f"bands[:{MOST_BANDS}]", last=not planar),
        )
    if width < 1 or height < 1:
        raise BadImage(f"The TIFF has {width} x {height} pixels, so there is nothing to show. Choose another.")
    check_pixels(width, height)
    if width * height * bands > MOST_NUMBERS:
        raise BadImage(
            f"The TIFF has {width * height * bands:,} numbers in {bands} bands; the limit is {MOST_NUMBERS:,}. Save "
            "fewer rows and columns in Python, and upload bands.npy.",
            next_steps.bands_of_tiff(
                f"bands[{next_steps.thinned(width * height * bands, MOST_NUMBERS)}]", last=not planar
            ),
        )
    bits, kinds = set(page.numbers(_BITS)), set(page.numbers(_KIND)) or {1}
    compression, predictor = page.number(_COMPRESSION, 1), page.number(_PREDICTOR, 1)
    sound = len(bits) == len(kinds) == 1 and (min(kinds), min(bits)) in _KINDS and compression in _COMPRESSIONS
    turned = page.order == ">" and compression != 1 and max(bits, default=0) > 16  # Pillow swaps their bytes once more
    if not sound or turned or (predictor > _DIFFERENCES and not planar):
        raise BadImage(
            f"The TIFF stores its {bands} bands in a way that is not supported. Save them in Python, and upload "
            "bands.npy.",
            next_steps.bands_of_tiff(last=not planar),
        )
    if predictor > 1 and compression in _WITHOUT_DIFFERENCES:
        raise BadImage(
            "The TIFF says that its numbers are differences between neighbours, but its compression has none, so "
            "programs read it in two ways. Save it with LZW or Deflate, or without a predictor."
        )
    tiff.check_strips(page, width, height)
    piece = page.number(_TILE_WIDTH, width)
    if not planar and piece * bands > MOST_NUMBERS:
        raise ValueError("tiles that are too wide")
    differences = piece if predictor == _DIFFERENCES and not planar else 0
    mode = _WITH_ALPHA.get(page.number(_PHOTOMETRIC, 0), "") if page.number(_EXTRA, 0) in _ALPHA else ""
    return Layout(page, width, height, bands, bits.pop(), kinds.pop(), planar, differences, mode)


def grey_files(layout: Layout) -> Iterator[bytes]:
    """The file as grey pictures: one for each band where each has strips of its own; else one whose rows hold the
    numbers of all bands, pixel after pixel."""
    page, numbers = layout.page, 1 if layout.planar else layout.bands
    common = {tag: page.entries[tag].raw for tag in _KEPT if tag in page.entries}
    common[_WIDTH] = _entry(page, _WIDTH, _LONG, layout.width * numbers)
    if _TILE_WIDTH in page.entries:
        common[_TILE_WIDTH] = _entry(page, _TILE_WIDTH, _LONG, page.number(_TILE_WIDTH, 0) * numbers)
    for tag, value in ((_BITS, layout.bits), (_PHOTOMETRIC, 1), (_SAMPLES, 1), (_KIND, layout.read_as)):
        common[tag] = _entry(page, tag, _SHORT, value)
    if layout.planar and _PREDICTOR in page.entries:
        common[_PREDICTOR] = page.entries[_PREDICTOR].raw
    for band in range(layout.bands if layout.planar else 1):
        yield _written(layout, common, band)


def _written(layout: Layout, common: dict[int, bytes], band: int) -> bytes:
    """The same file, and behind it a directory for one grey picture."""
    page = layout.page
    entries, behind = dict(common), b""
    start = len(page.data) + len(page.data) % 2
    for tag in (tag for pair in _PLACES for tag in pair if tag in page.entries):
        places = _long_numbers(page, tag)
        if layout.planar:
            count = len(places) // layout.bands
            places = places[band * count : (band + 1) * count]
        value = places[0] if len(places) == 1 else start + len(behind)
        if len(places) > 1:
            behind += struct.pack(f"{page.order}{len(places)}I", *places)
        entries[tag] = struct.pack(page.order + "HHII", tag, _LONG, len(places), value)
    raw = b"".join(entries[tag] for tag in sorted(entries))
    head = page.data[:4] + struct.pack(page.order + "I", start + len(behind))
    body = page.data[8:].ljust(start - 8, b"\0")
    return b"".join((head, body, behind, struct.pack(page.order + "H", len(entries)), raw, bytes(4)))


def _entry(page: Directory, tag: int, kind: int, value: int) -> bytes:
    form = "HHIHH" if kind == _SHORT else "HHII"
    return struct.pack(page.order + form, tag, kind, 1, value, *([0] if kind == _SHORT else []))


def _long_numbers(page: Directory, tag: int) -> tuple[int, ...]:
    """The numbers under a tag, however many strips there are."""
    entry = page.entries[tag]
    code = {_SHORT: "H", _LONG: "I"}.get(entry.type)
    if code is None or not 0 < entry.count <= tiff.MOST_STRIPS * MOST_BANDS:
        raise ValueError("no places of strips")
    return struct.unpack_from(f"{page.order}{entry.count}{code}", page.value(tag))
