"""The same with random weights: what a map shows of a network that has learnt nothing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradviz_core.drawing import captions
from gradviz_core.story import asked, figures
from gradviz_core.story.regions import square, strongest_window
from gradviz_core.story.speckle import BLOCK, opposite
from gradviz_core.story.told import Ask, Shown, Subject, Told, claim
from gradviz_core.types import INPUT, FloatArray, keys


class Facts(NamedTuple):
    """What is claimed of a trained and an untrained network's gradients."""

    trained: float
    """Share of neighbours of opposite signs."""
    untrained: float
    alike: float
    """Rank correlation of their sizes over blocks of pixels: 1 in the same order, 0 in no common one."""


def tell(ask: Ask, subject: Subject) -> Told:
    """The sizes of both gradients."""
    before = Subject(f"{subject.model}@{keys.seeded(0)}", subject.image)
    answer, card = asked.gradient(ask, subject), asked.card(ask, subject)
    random = asked.gradient(ask, before)
    now = facts(answer.gradients[INPUT], random.gradients[INPUT])
    share = captions.share_text
    shown = []
    for title, each in (("Trained", answer), ("Random weights", random)):
        field = asked.saliency_field(each)
        squares = square(each.gradients[INPUT])
        box, _ = strongest_window(squares, *(size // 2 for size in squares.shape))
        shown.append(Shown(title, figures.heatmap(field, each.pixels, box), asked.saliency_caption(each, card, field)))
    return Told(
        "Random weights know nothing, and their map is speckled too: "
        f"{share(now.untrained)} of neighbouring pixels pull in opposite directions, "
        f"{share(now.trained)} after training.",
        "So speckle is no sign of knowledge. Each box is the quarter where the map is strongest: over blocks of "
        f"{BLOCK}×{BLOCK} pixels the rank correlation of both is {captions.number_text(now.alike, 2)} "
        "(1: the same order, 0: none).",
        tuple(shown),
        asked.saliency_page(before),
    )


def facts(trained: FloatArray, untrained: FloatArray) -> Facts:
    """Compare two gradients (1, C, H, W) at the same picture.

    Raises:
        NotSo: the untrained one is smooth, or both are in the same order.
    """
    before, after = (opposite(np.asarray(each[0].sum(axis=0), np.float64)) for each in (untrained, trained))
    found = Facts(after, before, rank_correlation(_blocks(square(trained)), _blocks(square(untrained))))
    claim(found.untrained > 0.25, "the map of a network with random weights is speckled too")
    claim(found.alike < 0.9, "training changes where the gradient is large")
    return found


def rank_correlation(one: FloatArray, other: FloatArray) -> float:
    """Spearman's: the correlation of the ranks of two lists of different numbers."""
    first, second = (np.argsort(np.argsort(each)).astype(np.float64) for each in (one, other))
    return float(np.corrcoef(first, second)[0, 1])


def _blocks(amounts: FloatArray) -> FloatArray:
    """Means of whole blocks, as one list."""
    rows, columns = (size // BLOCK for size in amounts.shape)
    whole = amounts[: rows * BLOCK, : columns * BLOCK]
    return np.asarray(whole.reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3)).ravel())
