"""Volumes and clips: slices or frames, of an array or of pictures, as a network sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from gradviz_core.errors import BadImage
from gradviz_core.images import bands, preprocessing
from gradviz_core.types.cards import ArrayFile, Preprocessing
from gradviz_core.types.picked_slices import picked


def of_array(
    numbers: Float32[np.ndarray, "c n rows columns"], steps: Preprocessing
) -> tuple[UInt8[np.ndarray, "d h w 3"], Float32[np.ndarray, "*axes"]]:
    """What is shown of each slice, and what the network receives: the slices that are picked, each resized and cropped,
    then (number - mean) / std per channel, where the steps say so after each channel got mean 0 and standard deviation
    1 over all of them."""
    chosen = numbers[:, picked(numbers.shape[1], steps.slices)]
    one = replace(steps, slices=0, slices_first=False)
    fitted = np.stack(
        [
            np.stack([np.asarray(preprocessing.fit(Image.fromarray(plane), one), np.float32) for plane in channel])
            for channel in chosen
        ]
    )
    tall = fitted.reshape(len(fitted), -1, fitted.shape[-1])  # all slices one below the other
    received = bands.normalise(tall, steps)[0].reshape(fitted.shape)
    shown = bands.coloured(tall, steps).reshape(*fitted.shape[1:], 3)
    return shown, _in_order(received, steps)


def of_pictures(
    seen: Sequence[UInt8[np.ndarray, "h w 3"]], steps: Preprocessing
) -> tuple[UInt8[np.ndarray, "d h w 3"], Float32[np.ndarray, "*axes"]]:
    """The same of pictures in grey or colours as the network sees them, one for each slice: (pixel / 255 - mean) / std,
    as of each alone."""
    received = np.stack([preprocessing.normalise(one, steps)[0] for one in seen], axis=1)
    return np.stack(seen), _in_order(received, steps)


def check_picture(array: ArrayFile | None, steps: Preprocessing) -> None:
    """Refuse a picture where the network takes neither grey nor colours, and one of an array that may as well be three
    slices in grey.

    Raises:
        BadImage: it is one of these.
    """
    if array is not None and array.axes == "CHW" and array.channels == 3 and len(steps.mean) == 1:
        raise BadImage(
            "The array was 3 × height × width, which is read as a picture in colours, and this model takes slices of "
            "one channel. Save three slices as array.reshape(1, 1, *array.shape[-3:]), and a picture as a PNG."
        )
    if steps.banded:
        count = len(steps.mean)
        raise BadImage(
            f"This model takes slices of {count} channels, and the image is a picture in grey or colours. Upload a "
            f".npy file of an array of {count} × slices × height × width."
        )


def _in_order(received: Float32[np.ndarray, "c d h w"], steps: Preprocessing) -> Float32[np.ndarray, "*axes"]:
    """(1, C, D, H, W), or where the slices come first (1, D, C, H, W)."""
    found: Float32[np.ndarray, "*axes"] = received.swapaxes(0, 1) if steps.slices_first else received
    return np.ascontiguousarray(found[None])
