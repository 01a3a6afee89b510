"""Whatever a file stores its colours as -> red, green and blue of 8 bits, and a sentence for each thing done."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from gradviz_core.images import depth, depth_words
from gradviz_core.images.formats.contents import Contents, unsupported
from gradviz_core.types.cards import Scaling

BACKGROUND = (255, 255, 255)
"""What shows through where an image is transparent."""
_NOTES = {
    "1": "1-bit black and white was converted to 0 and 255 in red, green and blue.",
    "L": depth_words.COPIED,
    "P": "Colours were read from the file's palette.",
    "CMYK": "CMYK was converted to red, green and blue without a colour profile.",
}
_FAMILIES = {"LA": "L", "La": "L", "PA": "P", "I;16": "L", "I;16B": "L"}
_READ = frozenset({*_NOTES, *_FAMILIES, "RGB", "RGBA", "YCbCr"})


@dataclass(frozen=True, slots=True)
class Coloured:
    """An image in RGB."""

    image: Image.Image
    notes: tuple[str, ...]
    """What was done to it, each a sentence."""
    scaling: Scaling | None
    """Of an image of 9 to 16 bits."""


def in_rgb(image: Image.Image, contents: Contents, asked: depth.Range | None) -> Coloured:
    """The decoded image in RGB. ``asked`` is the range that a person states for one of more than 8 bits.

    Raises:
        BadImage: the file's numbers have no agreed range of grey or colour.
    """
    mode, scaling = image.mode, None
    if mode not in _READ:
        raise unsupported(f"The {contents.format} has a pixel format that is not supported ({mode}).")
    if contents.bits > 8:
        wide = mode.startswith("I;16")
        image, scaling = (depth.grey_in_8_bits if wide else depth.colours_in_8_bits)(image, contents, asked)
        notes = depth_words.notes(scaling, grey=wide)
    else:
        notes = _of_few_bits(mode, contents.bits)
    if note := _NOTES.get(_FAMILIES.get(mode, mode)):
        notes.append(note)
    if mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        if picture.getchannel("A").getextrema() == (255, 255):
            return Coloured(picture.convert("RGB"), tuple(notes), scaling)
        under = Image.new("RGBA", picture.size, (*BACKGROUND, 255))
        image, notes = Image.alpha_composite(under, picture), [*notes, "Transparent areas are shown on white."]
    return Coloured(image.convert("RGB"), tuple(notes), scaling)


def _of_few_bits(mode: str, bits: int) -> list[str]:
    return [] if mode in ("P", "PA", "1") or bits in (1, 8) else [f"Scaled from {bits} bits to 8."]
