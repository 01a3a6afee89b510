"""Bytes -> what the network sees, and back to raw pixels. Every image that is refused is refused here.

Nothing here needs torch, and nothing here writes a file.
"""

from gradviz_core.images.decoding import BACKGROUND, decode
from gradviz_core.images.formats import FORMATS
from gradviz_core.images.formats.contents import MOST_PIXELS
from gradviz_core.images.preprocessing import MOST_STRETCHED, as_seen, from_levels, levels, normalise
from gradviz_core.images.uploads import describe, inspect, kept, load, load_bands, load_slices, rescale

__all__ = [
    "BACKGROUND",
    "FORMATS",
    "MOST_PIXELS",
    "MOST_STRETCHED",
    "as_seen",
    "decode",
    "describe",
    "from_levels",
    "inspect",
    "kept",
    "levels",
    "load",
    "load_bands",
    "load_slices",
    "normalise",
    "rescale",
]
