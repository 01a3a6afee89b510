"""What is said of an image of bands."""

from __future__ import annotations

from gradviz_core.types.cards import ImageFile

_TRANSPARENCY = {"RGBA": 3, "LA": 1}


def of_tiff(file: ImageFile) -> tuple[str, ...]:
    """How a TIFF of bands was read, each a sentence."""
    assert file.array is not None
    count, where = file.array.channels, "each by itself" if file.array.axes == "CHW" else "pixel by pixel"
    stored = f"The TIFF stores its {count} bands {where}."
    if (band := _TRANSPARENCY.get(file.mode)) is not None:
        return stored, f"It calls band {band} transparency; here that is a band like the others.", kept(count)
    return stored, kept(count)


def kept(count: int) -> str:
    """What becomes of the numbers."""
    return f"Its {count} bands keep their numbers, as 32-bit floating point."
