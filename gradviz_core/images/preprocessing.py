"""An upright RGB image -> the picture that the network sees, and the numbers that it gets.

The steps are those of torchvision's classification preset on Pillow images, so that pretrained weights see what they
were trained on.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from gradviz_core.types.cards import Preprocessing

MOST_STRETCHED = 100
"""A strip longer than this many times its width is cut to its middle before it is enlarged, or a picture of a few
bytes would become one of gigabytes; the network sees only the middle anyway."""

_FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
}


def as_seen(image: Image.Image, steps: Preprocessing) -> UInt8[np.ndarray, "h w 3"]:
    """The picture at the network's input: resized and cropped, uint8 (H, W, 3), red-green-blue whatever the network's
    order; grey where it takes luma.

    The same pixels as torchvision's classification preset gives, save for strips beyond ``MOST_STRETCHED``.
    """
    if len(steps.mean) == 1:
        image = image.convert("L").convert("RGB")
    return np.asarray(fit(image, steps), dtype=np.uint8)


def fit(image: Image.Image, steps: Preprocessing) -> Image.Image:
    """The image resized and cropped to the network's input, in whatever mode it has."""
    height, width = steps.size
    scaling = _FILTERS[steps.interpolation]
    if steps.resize is None:
        if image.size != (width, height):
            image = image.resize((width, height), scaling)
        return image
    image = _middle(image)
    return _crop(image.resize(_shorter_side(image.size, steps.resize), scaling), width, height)


def _middle(image: Image.Image) -> Image.Image:
    """The image, or the middle of a very long strip."""
    most = MOST_STRETCHED * min(image.size)
    across, down = (max(0, length - most) // 2 for length in image.size)
    return image.crop((across, down, image.width - across, image.height - down)) if across or down else image


def _shorter_side(size: tuple[int, int], length: int) -> tuple[int, int]:
    width, height = size
    if width <= height:
        return length, int(length * height / width)
    return int(length * width / height), length


def _crop(image: Image.Image, width: int, height: int) -> Image.Image:
    """The centre; what lies beyond the image is black."""
    left, top = _offset(image.width, width), _offset(image.height, height)
    return image.crop((left, top, left + width, top + height))


def _offset(length: int, wanted: int) -> int:
    """Where the middle ``wanted`` of ``length`` pixels start, rounded as torchvision does it: halves to even when
    cropping, the smaller border first when padding."""
    return round((length - wanted) / 2.0) if length >= wanted else -((wanted - length) // 2)


def normalise(pixels: UInt8[np.ndarray, "h w 3"], steps: Preprocessing) -> Float32[np.ndarray, "1 c h w"]:
    """(pixels / 255 - mean) / std, per channel: (H, W, 3) uint8 -> (1, C, H, W) float32, in normalised-pixel units.

    The channels are in the network's order, and so are ``mean`` and ``std``. One normalised-pixel unit is ``std`` of
    the pixel's full range 0 to 1.
    """
    planes = levels(pixels, steps).astype(np.float32)
    planes /= np.float32(255)
    planes -= np.asarray(steps.mean, np.float32)[:, None, None]
    planes /= np.asarray(steps.std, np.float32)[:, None, None]
    return planes[None]


def levels(pixels: UInt8[np.ndarray, "h w 3"], steps: Preprocessing) -> UInt8[np.ndarray, "c h w"]:
    """The numbers 0 to 255 that ``normalise`` starts from, as planes in the network's order of channels."""
    if steps.channels == "bgr":
        pixels = pixels[..., ::-1]
    return np.ascontiguousarray(pixels[..., : len(steps.mean)].transpose(2, 0, 1))


def from_levels(planes: UInt8[np.ndarray, "c h w"], steps: Preprocessing) -> UInt8[np.ndarray, "h w 3"]:
    """The picture whose ``levels`` are these planes; one plane is a grey picture."""
    pixels = np.broadcast_to(planes.transpose(1, 2, 0), (*planes.shape[1:], 3))
    return np.ascontiguousarray(pixels[..., ::-1] if steps.channels == "bgr" else pixels)
