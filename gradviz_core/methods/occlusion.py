"""Occlusion: how much the score falls when a window of the image is covered."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from gradviz_core.methods.attributions import Options, Oracle
from gradviz_core.methods.baselines import baseline


def occlusion(
    oracle: Oracle, value: Float[Tensor, "1 c h w"], options: Options, which: range
) -> Iterator[Float[Tensor, "1 c h w"]]:
    """Of each row of windows whose number is in ``which`` the part of Σ (score - score with the window covered) / (how
    many windows cover the pixel), spread evenly over the channels; their sum is the map, in units of the score; signed.

    ``rows`` windows down times as many across, each ``size`` of the side, lie evenly from edge to edge. A covered pixel
    is that of the baseline, by default the mean colour of the training data. Pixels under no window are 0.
    Source: Zeiler & Fergus 2014 (arXiv:1311.2901), section 4.1, as a difference and averaged over the windows.
    """
    downs, tall = places(value.shape[2], options)
    rights, wide = places(value.shape[3], options)
    windows = [[(slice(top, top + tall), slice(left, left + wide)) for left in rights] for top in downs]
    times = torch.zeros_like(value[0, 0])
    for window in (window for row in windows for window in row):
        times[window] += 1
    cover, whole = baseline(oracle, value, options), oracle.score(value)
    for number in which:
        falls = torch.zeros_like(times)
        scores = oracle.scores(_covered(value, window, cover) for window in windows[number])
        for window, score in zip(windows[number], scores, strict=True):
            falls[window] += whole - score
        yield (falls / times.clamp(min=1) / value.shape[1]).expand_as(value)


def places(side: int, options: Options) -> tuple[list[int], int]:
    """Where the windows begin along a side, and how long they are."""
    rows, length = int(options["rows"]), max(1, round(float(options["size"]) * side))
    return [round(i * (side - length) / (rows - 1)) for i in range(rows)], length


def _covered(value: Tensor, window: tuple[slice, slice], cover: Tensor) -> Tensor:
    covered = value.clone()
    covered[..., window[0], window[1]] = cover[..., window[0], window[1]]
    return covered
