"""Files of 2 or of 4 to 16 bands: NumPy arrays and TIFFs. They are kept as they are, and their numbers with them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from gradviz_core.images import arrays, band_tiffs, band_words
from gradviz_core.images.decoding import as_bad_image
from gradviz_core.images.formats import tiff_bands
from gradviz_core.types.cards import ArrayFile, ImageFile


def has_bands(data: bytes, count: int = 0) -> bool:
    """Whether this is such a file. A picture in grey or colours is none, but for a TIFF of ``count`` numbers a pixel
    where a network takes so many bands: what lies behind its colours are bands then."""
    return arrays.has_bands(data) or tiff_bands.has(data, count)


def read(data: bytes) -> tuple[Float32[np.ndarray, "c h w"], ImageFile, tuple[str, ...]]:
    """The bands in 32-bit floating point, how they lie in the file, and how that was read, each a sentence.

    Raises:
        BadImage: the file is broken or beyond a limit, stored in a way that is not read, or holds NaN or infinity.
    """
    if arrays.has_bands(data):
        numbers, array, words = arrays.bands(data)
        return numbers, ImageFile("NPY", array=array), (words, band_words.kept(len(numbers)))
    with as_bad_image():
        numbers, layout = band_tiffs.numbers(data)
    array = ArrayFile("CHW" if layout.planar else "HWC", layout.bands, batched=False, value_range=None)
    file = ImageFile("TIFF", layout.bits, array=array, mode=layout.mode)
    return numbers, file, band_words.of_tiff(file)
