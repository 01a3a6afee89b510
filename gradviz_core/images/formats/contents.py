"""What a file says of its picture, and the limits that hold before any of it is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from gradviz_core.errors import BadImage

MOST_PIXELS = 40_000_000
"""Limit on width times height."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What the headers of a file say. Made by walking over them; no pixel is decoded and nothing large allocated."""

    format: str
    """As Pillow names it."""
    width: int
    """As stored, before any turn."""
    height: int
    picture: bytes
    """The file for Pillow: its first picture, without what is not needed to decode it. Text, previews, camera data,
    profiles and further frames are left out wherever Pillow would parse them, because a small file can make each of
    them cost minutes or gigabytes."""
    frames: int = 1
    orientation: int = 1
    """EXIF's: 1 is upright, 2 to 8 are turned or mirrored."""
    turned: bool = False
    """Whether the decoder turns it upright by itself."""
    profile: bytes = b""
    """The ICC profile, or as much of it as tells whether it is sRGB; empty where there is none."""
    bits: int = 8
    """Bits of one sample."""
    stated_bits: int = 0
    """How many of them the picture uses, as the file states beside its pixels; 0 where it does not."""
    white_is_zero: bool = False
    """Whether the decoder leaves it to us to invert the samples."""
    told: bytes = b""
    """What we wrote ourselves into a picture that was made of an array: see ``arrays.told``."""
    notes: tuple[str, ...] = ()
    """What else a person should know, each a sentence."""

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise BadImage(
                f"The image has {self.width} x {self.height} pixels, so there is nothing to show. Choose another image."
            )
        check_pixels(self.width, self.height)


def check_pixels(width: int, height: int) -> None:
    """Raises BadImage beyond ``MOST_PIXELS``."""
    if width * height > MOST_PIXELS:
        raise BadImage(
            f"The image has {width} x {height} pixels; the limit is {MOST_PIXELS / 1e6:.0f} million. "
            "Choose a smaller image."
        )


def unsupported(what: str) -> BadImage:
    """The refusal of a sound file of a kind that is not read."""
    return BadImage(f"{what} Save it as PNG, and upload that.")
