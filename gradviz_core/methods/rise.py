"""RISE: the mean of random masks, each weighted by the score of the image seen through it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options, Oracle
from gradviz_core.types.methods.rise import MOST


def rise(
    oracle: Oracle, value: Float[Tensor, "1 c h w"], options: Options, which: range
) -> Iterator[Float[Tensor, "1 c h w"]]:
    """score(x · M_n) · M_n / (share · channels) for each mask whose number n is in ``which``; their mean is the map,
    whose sum over the channels estimates the mean of the score under the condition that a pixel is seen; signed as the
    score is.

    A hidden pixel is normalised 0, the mean colour of the training data. Source: Petsiuk et al. 2018
    (arXiv:1806.07421), equation 6.
    """
    masks: dict[int, Tensor] = {}

    def seen_through(number: int) -> Tensor:
        masks[number] = mask(value, options, number)
        return value * masks[number]

    scores = oracle.scores(map(seen_through, which))
    for number, score in zip(which, scores, strict=True):
        yield score * masks.pop(number).expand_as(value) / (float(options["share"]) * value.shape[1])


def mask(value: Float[Tensor, "1 c h w"], options: Options, number: int) -> Float[Tensor, "1 1 h w"]:
    """The mask of this number, drawn from its own seed: ``cells`` · ``cells`` cells, each open with probability
    ``share``, enlarged bilinearly by one cell more than the image has, and cut out at a random place.

    The numbers are drawn on the CPU, so they are the same on every device. Source: section 3.2 of the paper.
    """
    cells, sides = int(options["cells"]), value.shape[2:]
    generator = torch.Generator().manual_seed(MOST * int(options["seed"]) + number)
    is_open = (torch.rand(1, 1, cells, cells, generator=generator) < float(options["share"])).to(torch.float32)
    cell = [-(-side // cells) for side in sides]
    large = F.interpolate(is_open, size=[(cells + 1) * each for each in cell], mode="bilinear", align_corners=False)
    top, left = (int(torch.randint(each, (), generator=generator)) for each in cell)
    return large[..., top : top + sides[0], left : left + sides[1]].to(value)
