"""AVIF and HEIC (HEIF, ISO/IEC 23008-12): pictures coded as videos are, in boxes that say what each is for."""

from __future__ import annotations

from gradviz_core.errors import BadImage
from gradviz_core.images.formats import boxes, coded_sizes, items
from gradviz_core.images.formats.boxes import Fields
from gradviz_core.images.formats.contents import MOST_PIXELS, Contents, check_pixels
from gradviz_core.images.formats.items import Item, Items

BRANDS = frozenset({b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"msf1"})
_FORMATS = {b"av01": "AVIF", b"hvc1": "HEIC"}
_GRID = b"grid"
_MOST_TOGETHER = 4 * MOST_PIXELS
"""Pixels of all coded pictures of a file: the photo, and what is stored beside it, such as its depth."""
_UNNEEDED = (b"Exif", b"mime")
_SRGB_LIKE = (1, 2)
"""Primaries of sRGB, or none stated (ITU-T H.273)."""

# Where the four corners go: top left, top right, bottom left, bottom right.
_ORIENTATIONS = {
    (0, 1, 2, 3): 1,
    (1, 0, 3, 2): 2,
    (3, 2, 1, 0): 3,
    (2, 3, 0, 1): 4,
    (0, 2, 1, 3): 5,
    (2, 0, 3, 1): 6,
    (3, 1, 2, 0): 7,
    (1, 3, 0, 2): 8,
}


def read(data: bytes) -> Contents:
    """The boxes of an AVIF or HEIC file.

    Raises:
        BadImage: coded in another way, or beyond a limit.
    """
    meta = boxes.named(data, b"meta")
    if not meta and boxes.named(data, b"moov"):
        raise BadImage("The file is an animation without a still picture. Save one of its frames as PNG.")
    found = items.read(data, meta)
    coded = [item for item in found.all if item.kind in _FORMATS]
    kind = _kind(found, coded)
    width, height = _size(found.picture)
    _check_sizes(found, coded)
    orientation = _orientation(found.picture)
    cut = found.picture.value(b"clap")
    if cut and kind == "HEIC":
        width, height = _cut(cut)
    return Contents(
        kind,
        width,
        height,
        picture=_without_unneeded(data),
        orientation=orientation,
        turned=kind == "HEIC",
        profile=_profile(found.picture),
        notes=(
            *(_MOVES if boxes.named(data, b"moov") else ()),
            *_depth(found.picture),
            *(_UNCUT if cut and kind == "AVIF" else ()),
        ),
    )


_MOVES = ("An animation: this is its still picture.",)
_UNCUT = ("The file says to cut off its edges; all of it is shown.",)


def _kind(found: Items, coded: list[Item]) -> str:
    """How the picture, or each of its tiles, is coded."""
    picture = found.picture.kind
    kinds = {picture} if picture != _GRID else {item.kind for item in coded}
    if len(kinds) == 1 and kinds <= _FORMATS.keys():
        return _FORMATS[kinds.pop()]
    name = picture.decode("ascii", "replace") if picture.isalnum() else "unknown"
    raise BadImage(f"The HEIF image is stored in a way that is not supported ({name}). Export it as JPEG or PNG.")


def _size(item: Item) -> tuple[int, int]:
    fields = Fields(item.value(b"ispe"))
    return fields.number(4), fields.number(4)


def _check_sizes(found: Items, coded: list[Item]) -> None:
    """Raises BadImage where the picture, a part of it, or what is stored beside it has too many pixels."""
    together = 0
    for item in found.all:
        if item.value(b"ispe"):
            check_pixels(*_size(item))
        if item.kind == _GRID:
            check_pixels(*_grid(item.data))
    for item in coded:
        sizes = (
            coded_sizes.of_av1(item.value(b"av1C")[4:], item.data)
            if item.kind == b"av01"
            else coded_sizes.of_hevc(item.value(b"hvcC"), item.data)
        )
        largest = 0
        for width, height in sizes:
            check_pixels(width, height)
            largest = max(largest, width * height)
        together += largest
    if together > _MOST_TOGETHER:
        raise BadImage(
            f"The pictures in the file have {together:,} pixels together; the limit is {_MOST_TOGETHER / 1e6:.0f} "
            "million. Export the photo alone as JPEG."
        )


def _grid(data: bytes) -> tuple[int, int]:
    """Width and height of what the tiles make together."""
    fields = Fields(data, full=False)
    fields.number(1)
    wide = fields.number(1) & 1
    fields.number(2)
    return fields.number(4 if wide else 2), fields.number(4 if wide else 2)


def _cut(data: bytes) -> tuple[int, int]:
    """Width and height of the part that is shown, each a fraction."""
    fields = Fields(data, full=False)
    across, by, down, of = (fields.number(4) for _ in range(4))
    return round(across / by), round(down / of)


def _orientation(item: Item) -> int:
    """EXIF's number for the turns and mirrorings of the picture, in their order. The camera's own is not meant here."""
    corners = (0, 1, 2, 3)
    for box in item.properties:
        if box.name == b"irot":
            for _ in range(box.data[0] & 3):
                top_left, top_right, bottom_left, bottom_right = corners
                corners = (top_right, bottom_right, top_left, bottom_left)
        elif box.name == b"imir":
            top_left, top_right, bottom_left, bottom_right = corners
            beside = box.data[0] & 1
            corners = (
                (top_right, top_left, bottom_right, bottom_left)
                if beside
                else (bottom_left, bottom_right, top_left, top_right)
            )
    return _ORIENTATIONS[corners]


def _profile(item: Item) -> bytes:
    """The ICC profile; or a word where colours are said by number, and are not those of sRGB."""
    for box in item.properties:
        if box.name == b"colr" and box.data[:4] in (b"prof", b"rICC"):
            return box.data[4:]
        if box.name == b"colr" and box.data[:4] == b"nclx" and int.from_bytes(box.data[4:6]) not in _SRGB_LIKE:
            return b"by number"
    return b""


def _depth(item: Item) -> tuple[str, ...]:
    bits = max(item.value(b"pixi")[5:], default=8)
    return () if bits == 8 else (f"Scaled from {bits} bits to 8.",)


def _without_unneeded(data: bytes) -> bytes:
    """The same file with every byte in its place, but without camera data, which Pillow would parse, and without the
    frames of an animation."""
    parts, at = [], 0
    for box in boxes.read(data):
        end = box.start + len(box.data)
        head, body = data[at : box.start], box.data
        if box.name == b"ftyp":
            body = body.replace(b"avis", b"avif")
        elif box.name == b"meta":
            for name in _UNNEEDED:
                body = body.replace(name, b"none")
        elif box.name in (b"moov", b"moof"):
            head = head.replace(box.name, b"free")
        parts += [head, body]
        at = end
    return b"".join((*parts, data[at:]))
