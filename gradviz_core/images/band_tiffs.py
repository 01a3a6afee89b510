"""The bands of a TIFF as numbers: decoded by Pillow as grey pictures, and put together."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from jaxtyping import Float32
from PIL import TiffImagePlugin

from gradviz_core.errors import BadImage
from gradviz_core.images import next_steps
from gradviz_core.images.formats import tiff_bands
from gradviz_core.images.formats.tiff_bands import Layout

_MODES = {(1, 8): "L", (1, 16): "I;16", (2, 32): "I", (3, 32): "F"}


def numbers(data: bytes) -> tuple[Float32[np.ndarray, "c h w"], Layout]:
    """All bands in 32-bit floating point, as the file holds them, and how they lie in it.

    Raises:
        BadImage: stored in a way that is not read, beyond a limit, or with numbers that are NaN or infinite.
        Whatever Pillow raises for a broken file.
    """
    layout = tiff_bands.read(data)
    planes = [_grey(file, layout) for file in tiff_bands.grey_files(layout)]
    if layout.planar:
        bands = np.stack(planes)
    else:
        bands = np.moveaxis(_summed(planes[0], layout), -1, 0)
    found = np.ascontiguousarray(bands, np.float32)
    if wrong := int((~np.isfinite(found)).sum()):
        raise BadImage(
            f"{wrong:,} numbers of the TIFF are NaN, infinite or too large for 32-bit floating point. Replace them in "
            "Python, and upload bands.npy.",
            next_steps.bands_of_tiff("np.nan_to_num(bands)", last=not layout.planar),
        )
    return found, layout


def _grey(file: bytes, layout: Layout) -> npt.NDArray[np.generic]:
    """The numbers of one grey picture, (H, W) or (H, W · C)."""
    with TiffImagePlugin.TiffImageFile(io.BytesIO(file)) as picture:
        width = layout.width * (1 if layout.planar else layout.bands)
        mode = picture.mode.removesuffix("B")  # grey of 16 bits in the other order
        if picture.size != (width, layout.height) or mode != _MODES[layout.read_as, layout.bits]:
            raise ValueError("bands that are read otherwise than they were meant")
        picture.load()
        found = np.asarray(picture)
        return found.astype(np.uint16).view(np.int16) if (layout.kind, layout.bits) == (2, 16) else found


def _summed(rows: npt.NDArray[np.generic], layout: Layout) -> npt.NDArray[np.generic]:
    """(H, W, C), where a row holds differences between neighbours of one band summed within each piece of it."""
    pixels = rows.reshape(layout.height, layout.width, layout.bands)
    if not layout.differences:
        return pixels
    if layout.kind == 3:
        raise ValueError("differences of floating-point numbers")
    whole = np.dtype(f"u{layout.bits // 8}")
    wrapped = pixels.astype(whole)
    for left in range(0, layout.width, layout.differences):
        piece = wrapped[:, left : left + layout.differences]
        np.cumsum(piece, axis=1, dtype=whole, out=piece)
    return wrapped.view(whole.str.replace("u", "i")) if layout.kind == 2 else wrapped
