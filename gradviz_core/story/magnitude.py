"""Magnitude and sign: the size of the gradient says where, its sign says which way."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradviz_core.drawing import captions
from gradviz_core.story import asked, figures
from gradviz_core.story.photo import SLOPE
from gradviz_core.story.regions import Region, fewest, square, strongest_window
from gradviz_core.story.told import Ask, Computed, Shown, Subject, Told, claim
from gradviz_core.types import INPUT, FloatArray
from gradviz_core.types.colour_scales import DIVERGING


class Facts(NamedTuple):
    """What is claimed of one gradient."""

    half_in: float
    """Share of the pixels that hold half of the gradient's square."""
    red: float
    """Share of the pixels with a signed sum above zero."""
    left: float
    """|Σ g| / Σ |g|: what is left where the signs are added up."""
    most: Region


def tell(ask: Ask, subject: Subject) -> Told:
    """The same gradient with and without its sign."""
    answer, card = asked.gradient(ask, subject), asked.card(ask, subject)
    now = facts(answer.gradients[INPUT])
    signed, size = (asked.saliency_field(answer, view) for view in ("signed_sum", "magnitude_l2"))
    share = captions.share_text
    return Told(
        f"The size says where: {share(now.half_in)} of the pixels hold half of the squared slopes. The sign says "
        f"which way: {share(now.red)} of the slopes are positive, which is {DIVERGING.high}.",
        f"Over the whole picture {DIVERGING.high} and {DIVERGING.low} cancel: if all pixels get brighter by the same "
        f"small amount, the score changes by {share(now.left)} of what the slopes add up to without their signs. "
        f"The box, a sixteenth of the picture, holds {share(now.most.share)} of the squared slopes.",
        (
            Computed("The slope with its sign, on the left.", SLOPE),
            Computed("Its size, on the right: over the colours.", r"\sqrt{\sum_c g_{c,i,j}^2}"),
            Computed(
                "Half: the fewest pixels whose squared sizes add up to half of the sum of all.",
                rf"\#\text{{pixels}} / \#\text{{all}} = {asked.number(now.half_in)}",
            ),
            Computed(
                "What is left where all pixels get brighter together.",
                rf"\left|\sum s_{{i,j}}\right| \big/ \sum \left|s_{{i,j}}\right| = {asked.number(now.left)}",
            ),
        ),
        (
            Shown(
                "With its sign",
                figures.heatmap(signed, answer.pixels, now.most.box),
                asked.saliency_caption(answer, card, signed),
            ),
            Shown(
                "Its size alone",
                figures.heatmap(size, answer.pixels, now.most.box),
                asked.saliency_caption(answer, card, size, "magnitude_l2"),
            ),
        ),
        asked.saliency_page(subject, ("view", "l2")),
    )


def facts(gradient: FloatArray) -> Facts:
    """Where the gradient is, and what its signs leave.

    Raises:
        NotSo: it is spread over all pixels alike, or its signs do not cancel.
    """
    squares = square(gradient)
    signed = np.asarray(gradient[0].sum(axis=0), dtype=np.float64)
    rows, columns = squares.shape
    found = Facts(
        fewest(squares, 0.5),
        float((signed > 0).mean()),
        float(abs(signed.sum()) / np.abs(signed).sum()),
        strongest_window(squares, rows // 4, columns // 4),
    )
    claim(found.half_in < 0.2, "half of the gradient's square lies in less than a fifth of the pixels")
    claim(found.left < 0.2, "the signs cancel: less than a fifth is left where all are added up")
    return found
