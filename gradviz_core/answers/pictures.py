"""Images by their key, as a network sees them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from gradviz_core import images
from gradviz_core.errors import QuestionError
from gradviz_core.images import bands, volumes
from gradviz_core.types import Pixels, Preprocessing


@dataclass(frozen=True, slots=True)
class Seen:
    """An image as a network sees it."""

    pixels: Pixels
    """What is shown of it, shape (H, W, 3); of a volume or a clip (D, H, W, 3)."""
    upright: tuple[int, int]
    """Rows and columns of the whole image, before it is resized and cropped."""
    numbers: Float32[np.ndarray, "*axes"]
    """What the network receives."""


def as_seen(image: str, steps: Preprocessing) -> Seen:
    """The image as the network sees it; a key always stands for the same bytes. The last ones are kept.

    Raises:
        UnknownImage: there is no image of this key.
        BadImage: it cannot be read, or is a picture where the network takes bands or slices, or the
            other way round.
    """
    return _slices_seen(image, steps) if steps.slices else _picture_seen(image, steps)


@lru_cache(maxsize=16)
def _picture_seen(image: str, steps: Preprocessing) -> Seen:
    if steps.banded:
        whole_bands = images.load_bands(image, len(steps.mean))
        seen, (_, rows, columns) = bands.seen(whole_bands, steps), whole_bands.shape
        return Seen(bands.coloured(seen, steps), (rows, columns), bands.normalise(seen, steps))
    whole = images.load(image)
    pixels = images.as_seen(whole, steps)
    return Seen(pixels, (whole.height, whole.width), images.normalise(pixels, steps))


@lru_cache(maxsize=2)
def _slices_seen(image: str, steps: Preprocessing) -> Seen:
    slices = images.load_slices(image, steps)
    if slices.array is None:
        shown, numbers = volumes.of_pictures(slices.seen, steps)
    else:
        shown, numbers = volumes.of_array(slices.array.numbers, steps)
    return Seen(shown, slices.upright, numbers)


def another_input(image: str, steps: Preprocessing, like: Tensor) -> Tensor:
    """What the network receives for another image, where its input is ``like`` this tensor.

    Raises:
        QuestionError: no image is named.
        UnknownImage, BadImage: as ``as_seen`` does.
    """
    if not image:
        raise QuestionError("The baseline is another image, and none is named. Name one, such as sample/star.")
    return torch.tensor(as_seen(image, steps).numbers).to(like)
