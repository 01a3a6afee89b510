"""Why the map is speckled: neighbouring pixels pull in opposite directions, and cancel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradviz_core.drawing import captions
from gradviz_core.story import asked, figures
from gradviz_core.story.photo import SLOPE
from gradviz_core.story.regions import centre, square, strongest_window
from gradviz_core.story.told import Ask, Computed, Shown, Subject, Told, claim
from gradviz_core.types import INPUT, FloatArray

BLOCK = 8
"""Side of the blocks of pixels that are averaged."""


class Facts(NamedTuple):
    """What is claimed of one gradient."""

    opposite: float
    """Share of the pairs of neighbours, beside and below each other, whose signed sums have opposite signs."""
    left: float
    """Root mean square of the means of blocks, as a share of that of single pixels."""


def tell(ask: Ask, subject: Subject) -> Told:
    """The gradient, and the part of it where it is strongest, pixel by pixel."""
    answer, card = asked.gradient(ask, subject), asked.card(ask, subject)
    gradient = answer.gradients[INPUT]
    now, field = facts(gradient), asked.saliency_field(answer)
    side = field.values.shape[0] // 7
    box, _ = strongest_window(square(gradient), side, side)
    share = captions.share_text
    caption = asked.saliency_caption(answer, card, field)
    return Told(
        f"Neighbouring slopes often point opposite ways: {share(now.opposite)} of the pairs differ in sign. "
        f"Averaged over {BLOCK}×{BLOCK} pixels they mostly cancel: {share(now.left)} of their size is left.",
        "By the chain rule a slope is a sum of products of weights, some positive and some negative. The sum for the "
        "next pixel uses other weights, so it often has the other sign: training does not ask neighbours to agree. "
        f"If a coin were tossed for every sign, {share(0.5)} of the pairs would differ, and 1/{BLOCK}, which is "
        f"{share(1 / BLOCK)}, would be left.",
        (
            Computed("What the map shows at row i, column j.", SLOPE),
            Computed(
                "Opposite: of all pairs of pixels beside or below each other, those with slopes of different sign.",
                rf"\frac{{\#\{{s_p\, s_q < 0\}}}}{{\#\text{{pairs}}}} = {asked.number(now.opposite)}",
            ),
            Computed(
                f"What is left: the root mean square of the means m of {BLOCK}×{BLOCK} pixels, over that of single "
                f"slopes. For independent signs it is 1/{BLOCK}.",
                rf"\sqrt{{\overline{{m^2}}}} \big/ \sqrt{{\overline{{s^2}}}} = {asked.number(now.left)}",
            ),
        ),
        (
            Shown(
                f"The gradient for {answer.prediction[0].label}", figures.heatmap(field, answer.pixels, box), caption
            ),
            Shown(f"The box: {side}×{side} pixels, enlarged", figures.enlarged(field, box), caption),
        ),
        asked.saliency_page(subject, ("pixel", centre(box))),
    )


def facts(gradient: FloatArray) -> Facts:
    """How the signs of neighbours change, and what blocks leave.

    Raises:
        NotSo: neighbours agree, or blocks keep most of the gradient.
    """
    signed = np.asarray(gradient[0].sum(axis=0), dtype=np.float64)
    found = Facts(opposite(signed), left_of_blocks(signed))
    claim(found.opposite > 0.25, "more than a quarter of all neighbouring pixels have gradients of opposite signs")
    claim(
        found.left < 0.5, f"less than half of the gradient's size is left where blocks of {BLOCK}×{BLOCK} are averaged"
    )
    return found


def opposite(signed: FloatArray) -> float:
    """The share of neighbours of opposite signs, beside and below each other, in (H, W)."""
    pairs = [signed[:, 1:] * signed[:, :-1] < 0, signed[1:] * signed[:-1] < 0]
    return float(sum(pair.sum() for pair in pairs) / sum(pair.size for pair in pairs))


def left_of_blocks(signed: FloatArray) -> float:
    """√mean(m²) / √mean(s²), m being the means of whole blocks of (H, W) values s."""
    rows, columns = (size // BLOCK for size in signed.shape)
    whole = signed[: rows * BLOCK, : columns * BLOCK]
    means = whole.reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3))
    return float(np.sqrt(np.square(means).mean() / np.square(whole).mean()))
