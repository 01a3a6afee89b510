"""Images by their key, as a network sees them."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from gradviz_core import images
from gradviz_core.errors import QuestionError
from gradviz_core.types import Pixels, Preprocessing


@lru_cache(maxsize=16)
def as_seen(image: str, steps: Preprocessing) -> tuple[Pixels, tuple[int, int]]:
    """The image as the network sees it, and rows and columns of the whole; a key always stands for the same bytes.

    Raises:
        UnknownImage: there is no image of this key.
        BadImage: it cannot be read.
    """
    whole = images.load(image)
    return images.as_seen(whole, steps), (whole.height, whole.width)


def another_input(image: str, steps: Preprocessing, like: Tensor) -> Tensor:
    """What the network receives for another image, where its input is ``like`` this tensor.

    Raises:
        QuestionError: no image is named.
        UnknownImage, BadImage: as ``as_seen`` does.
    """
    if not image:
        raise QuestionError("The baseline is another image, and none is named. Name one, such as sample/star.")
    return torch.from_numpy(images.normalise(as_seen(image, steps)[0], steps)).to(like)
