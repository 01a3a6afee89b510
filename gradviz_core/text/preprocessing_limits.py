"""The limits that the steps from a picture to the input of an uploaded model are held to."""

from __future__ import annotations

from reprlib import repr as _short

from gradviz_core.errors import BadModel
from gradviz_core.types.cards import MOST_BANDS, MOST_SLICE_BYTES, MOST_SLICE_SIDE, MOST_SLICES, Preprocessing

LARGEST_SIDE = 4_096
"""No picture is larger at the input of an uploaded model, in pixels."""
LARGEST_MEAN = 1_000
SMALLEST_STD = 1e-4
"""Means and standard deviations are in units of a pixel's full range 0 to 1, so sound ones are far from both."""
LARGEST_OF_BANDS, SMALLEST_OF_BANDS = 1_000_000, 1e-6
"""Means and standard deviations of bands and slices are in the units of the file."""


def check_preprocessing(steps: Preprocessing) -> None:
    """Refuse steps that break a limit.

    Raises:
        BadModel: they do.
    """
    sides = (*steps.size, *([steps.resize] if steps.resize is not None else []))
    if wrong := [side for side in sides if not 1 <= side <= LARGEST_SIDE]:
        raise BadModel(f"The size {_short(wrong[0])} is not possible: every side has 1 to {LARGEST_SIDE:,} pixels.")
    if not 1 <= len(steps.mean) <= MOST_BANDS or len(steps.std) != len(steps.mean):
        raise BadModel(
            f"There are {len(steps.mean)} means and {len(steps.std)} standard deviations; there must be one each for "
            f"every channel: 1 for a grey image, 3 for colours, or up to {MOST_BANDS} for bands."
        )
    _check_shown(steps)
    if not 0 <= steps.slices <= MOST_SLICES or (steps.slices_first and not steps.slices):
        raise BadModel(f"The number of slices {steps.slices} is not possible: a volume or clip has 1 to {MOST_SLICES}.")
    if steps.slices and (max(steps.size) > MOST_SLICE_SIDE or steps.slice_bytes > MOST_SLICE_BYTES):
        raise BadModel(_too_many_slices(steps))
    of_the_file = steps.banded or steps.slices > 0
    largest, least = (LARGEST_OF_BANDS, SMALLEST_OF_BANDS) if of_the_file else (LARGEST_MEAN, SMALLEST_STD)
    if wrong_mean := [mean for mean in steps.mean if not abs(mean) <= largest]:
        raise BadModel(f"The mean {wrong_mean[0]:g} is not possible: it must be a number from -{largest} to {largest}.")
    if wrong_std := [std for std in steps.std if not least <= std <= largest]:
        unit = "the numbers of the file" if of_the_file else "the full range 0 to 1"
        raise BadModel(
            f"The standard deviation {wrong_std[0]:g} is not possible: it must be a number from {least:g} to "
            f"{largest}, in units of {unit}."
        )


def _too_many_slices(steps: Preprocessing) -> str:
    """What is wrong with an input that is too large, and what to do."""
    return (
        f"The input of {steps.slices} slices of {steps.size[0]}×{steps.size[1]} pixels in {len(steps.mean)} "
        f"channel{'s' if len(steps.mean) > 1 else ''} is too large: a slice has at most {MOST_SLICE_SIDE} pixels on "
        f"each side, and gradient and pictures of all slices {MOST_SLICE_BYTES / 1e6:g} MB together. Export the model "
        "for fewer or smaller slices."
    )


def _check_shown(steps: Preprocessing) -> None:
    if not steps.banded and (steps.standardised or steps.shown):
        raise BadModel(
            f"The model takes {len(steps.mean)} channels, and only bands can be standardised or chosen: leave both out."
        )
    if len(steps.shown) not in (0, 1, 3) or any(not 0 <= band < len(steps.mean) for band in steps.shown):
        raise BadModel(
            f"The bands shown cannot be {_short(list(steps.shown))}: name three for red, green and blue, or one for "
            f"grey, each from 0 to {len(steps.mean) - 1}."
        )
