"""What the regions of each layer's map do to the score, over several images."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gradviz_core.errors import QuestionError
from gradviz_core.types.keeping import KeepingAnswer
from gradviz_core.types.subjects import Site

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LayerMedians:
    """Medians over images, one number for each site; NaN where the map of no image lies over it."""

    sites: tuple[Site, ...]
    images: int
    kept: Doubles
    """By how much the score changes with the region of the map kept alone, in units of the score."""
    dropped: Doubles
    """The same with the region dropped."""
    norm: Doubles
    """L2 norm of the map."""
    counts: npt.NDArray[np.int64]
    """Of how many images each is the median: of those whose map lies over them."""


def medians(answers: Sequence[KeepingAnswer]) -> LayerMedians:
    """Of the answers to one question about several images: the median over the images whose map lies over them.

    Raises:
        QuestionError: there is no answer, or they are about different sites.
    """
    if not answers:
        raise QuestionError("Medians need at least one image. Name some.")
    sites = answers[0].question.sites
    if any(answer.question.sites != sites for answer in answers):
        raise QuestionError("The answers are about different layer outputs. Ask for the same ones with every image.")
    kept, dropped, norms = (
        np.array(each) for each in zip(*((*answer.changes, answer.arrays["norm"]) for answer in answers), strict=True)
    )
    counts = np.count_nonzero(~np.isnan(kept), axis=0)
    return LayerMedians(sites, len(answers), _median(kept), _median(dropped), _median(norms), counts)


def _median(of_images: Doubles) -> Doubles:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice")
        found: Doubles = np.nanmedian(of_images, axis=0)
    return found
