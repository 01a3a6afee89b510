"""Files of 2 or of 4 to 16 bands: NumPy arrays and TIFFs. They are kept as they are, and their numbers with them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from gradviz_core.images import arrays, band_tiffs
from gradviz_core.images.decoding import as_bad_image
from gradviz_core.images.formats import tiff_bands
from gradviz_core.types.cards import ArrayFile, ImageFile


def has_bands(data: bytes) -> bool:
    """Whether this is such a file. A picture in grey or colours is none."""
    return arrays.has_bands(data) or tiff_bands.has(data)


def read(data: bytes) -> tuple[Float32[np.ndarray, "c h w"], ImageFile, str]:
    """The bands in 32-bit floating point, how they lie in the file, and in words how that was read.

    Raises:
        BadImage: the file is broken or beyond a limit, stored in a way that is not read, or holds NaN or infinity.
    """
    if arrays.has_bands(data):
        numbers, array, words = arrays.bands(data)
        return numbers, ImageFile("NPY", array=array), words
    with as_bad_image():
        numbers, layout = band_tiffs.numbers(data)
    array = ArrayFile("CHW" if layout.planar else "HWC", layout.bands, batched=False, value_range=None)
    where = "each by itself" if layout.planar else "pixel by pixel"
    return numbers, ImageFile("TIFF", layout.bits, array=array), f"The TIFF stores its {layout.bands} bands {where}."
