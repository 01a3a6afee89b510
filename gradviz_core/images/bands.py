"""Images of 2 or 4 to 16 bands, for networks that take neither grey nor colours: the numbers are those of the file."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from gradviz_core.errors import BadImage
from gradviz_core.images.preprocessing import fit
from gradviz_core.types.cards import Preprocessing

DARKEST, BRIGHTEST = 2, 98
"""The percentiles of a band that are shown black and in full colour."""


def seen(bands: Float32[np.ndarray, "c rows columns"], steps: Preprocessing) -> Float32[np.ndarray, "c h w"]:
    """The bands at the network's input: each resized and cropped, in the numbers of the file.

    Raises:
        BadImage: there are not as many as the network takes.
    """
    if len(bands) != len(steps.mean):
        raise BadImage(
            f"The image has {len(bands)} bands, and this model takes {len(steps.mean)}. Choose an image with "
            f"{len(steps.mean)} bands, {how_to_save(len(steps.mean))}."
        )
    planes = [np.asarray(fit(Image.fromarray(band), steps), dtype=np.float32) for band in bands]
    return np.stack(planes)


def normalise(bands: Float32[np.ndarray, "c h w"], steps: Preprocessing) -> Float32[np.ndarray, "1 c h w"]:
    """(number - mean) / std, per band: (C, H, W) -> (1, C, H, W) float32.

    Where the steps say ``standardised``, each band first gets mean 0 and standard deviation 1 over its own pixels: the
    sum of squared deviations is divided by their number, in float64. A band of equal numbers becomes 0. One normalised
    unit is ``std`` in the numbers of the file; of a standardised band, times its own standard deviation.
    """
    planes: Float32[np.ndarray, "c h w"] = _standardised(bands) if steps.standardised else bands.copy()
    planes -= np.asarray(steps.mean, np.float32)[:, None, None]
    planes /= np.asarray(steps.std, np.float32)[:, None, None]
    return planes[None]


def _standardised(bands: Float32[np.ndarray, "c h w"]) -> Float32[np.ndarray, "c h w"]:
    numbers = bands.astype(np.float64)
    mean, std = (numbers.mean((1, 2), keepdims=True), numbers.std((1, 2), keepdims=True))
    alike = bands.min((1, 2), keepdims=True) == bands.max((1, 2), keepdims=True)
    return np.where(alike, 0, (numbers - mean) / np.where(alike, 1, std)).astype(np.float32)


def coloured(bands: Float32[np.ndarray, "c h w"], steps: Preprocessing) -> UInt8[np.ndarray, "h w 3"]:
    """The picture of the bands that are shown: three as red, green and blue, or one in grey. Each is scaled from its
    2nd percentile to its 98th, cut there and rounded; a band whose two are equal is black."""
    planes = [_in_8_bits(bands[band]) for band in steps.shown_bands]
    return np.stack(planes if len(planes) == 3 else planes * 3, axis=-1)


def _in_8_bits(band: Float32[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    low, high = np.percentile(band.astype(np.float64), (DARKEST, BRIGHTEST))
    scaled = (np.clip(band.astype(np.float64), low, high) - low) / (high - low if high > low else 1)
    levels: UInt8[np.ndarray, "h w"] = np.rint(255 * scaled).astype(np.uint8)
    return levels


def how_to_save(count: int) -> str:
    """``such as a TIFF of 12 bands, or a .npy file of an array of 12 × height × width``."""
    return f"such as a TIFF of {count} bands, or a .npy file of an array of {count} × height × width"
