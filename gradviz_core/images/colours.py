"""Whatever a file stores its colours as -> red, green and blue of 8 bits, and a sentence for each thing done."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gradviz_core.images.formats.contents import Contents, unsupported

BACKGROUND = (255, 255, 255)
"""What shows through where an image is transparent."""
_NOTES = {
    "1": "Black and white of one bit became 0 and 255 in red, green and blue.",
    "L": "Grey was copied to red, green and blue.",
    "P": "Colours were looked up in the file's palette.",
    "CMYK": "CMYK inks were turned into red, green and blue without a colour profile.",
}
_FAMILIES = {"LA": "L", "La": "L", "PA": "P", "I;16": "L", "I;16B": "L"}
_READ = frozenset({*_NOTES, *_FAMILIES, "RGB", "RGBA", "YCbCr"})


def in_rgb(image: Image.Image, contents: Contents) -> tuple[Image.Image, list[str]]:
    """The decoded image in RGB, and what was done to it.

    Raises:
        BadImage: the file's numbers have no agreed range of grey or colour.
    """
    mode = image.mode
    if mode not in _READ:
        raise unsupported(f"The {contents.format} holds pixels of a kind that is not read ({mode}).")
    notes = [*_of_bits(mode, contents.bits)]
    if note := _NOTES.get(_FAMILIES.get(mode, mode)):
        notes.append(note)
    if mode.startswith("I;16"):
        image = _grey_of_8_bits(image, contents)
    elif mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        if picture.getchannel("A").getextrema() == (255, 255):
            return picture.convert("RGB"), notes
        under = Image.new("RGBA", picture.size, (*BACKGROUND, 255))
        return Image.alpha_composite(under, picture).convert("RGB"), [*notes, "Transparent places lie on white."]
    return image.convert("RGB"), notes


def _of_bits(mode: str, bits: int) -> list[str]:
    if mode in ("P", "PA", "1") or bits in (1, 8):
        return []
    if bits == 16 and not mode.startswith("I;16"):
        return ["Scaled from 16 bits to 8: of each colour the upper 8 were kept."]  # as Pillow does it
    return [f"Scaled from {bits} bits to 8."]


def _grey_of_8_bits(image: Image.Image, contents: Contents) -> Image.Image:
    """Grey of 9 to 16 bits scaled so that the largest number they can hold becomes 255, rounded to nearest: for 16
    bits, a 257th. Pillow's own conversion cuts everything above 255 to white."""
    largest = 2**contents.bits - 1
    wide = np.asarray(image).astype(np.uint32)
    grey = np.minimum((wide * 255 + largest // 2) // largest, 255).astype(np.uint8)
    if contents.white_is_zero:
        grey = 255 - grey
    scaled = Image.fromarray(grey)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):  # the one grey that the file declares transparent
        scaled.putalpha(Image.fromarray(np.where(wide == transparent, 0, 255).astype(np.uint8)))
    return scaled
