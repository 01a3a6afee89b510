"""The same with random weights: what a map shows of a network that has learnt nothing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradviz_core.drawing import captions
from gradviz_core.story import asked, figures
from gradviz_core.story.photo import SLOPE
from gradviz_core.story.regions import square, strongest_window
from gradviz_core.story.speckle import BLOCK, opposite
from gradviz_core.story.told import Ask, Computed, Shown, Subject, Told, claim
from gradviz_core.types import INPUT, ClassScore, FloatArray, GradientQuestion, keys


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
    target = ClassScore(answer.prediction[0].index)
    random = ask(GradientQuestion(model=before.model, image=before.image, target=target))
    now = facts(answer.gradients[INPUT], random.gradients[INPUT])
    share = captions.share_text
    shown, words = [], f"the gradient for {answer.prediction[0].label}"
    for title, each in ((f"Trained: {words}", answer), (f"Random weights: {words}", random)):
        field = asked.saliency_field(each)
        squares = square(each.gradients[INPUT])
        box, _ = strongest_window(squares, *(size // 2 for size in squares.shape))
        shown.append(Shown(title, figures.heatmap(field, each.pixels, box), asked.saliency_caption(each, card, field)))
    return Told(
        "Random weights know nothing, and their map is speckled too: "
        f"{share(now.untrained)} of neighbouring pixels have slopes of opposite sign, {share(now.trained)} after "
        "training.",
        "So speckle does not come from what was learnt. Training changes where the slopes are steep: each box is "
        f"the quarter with the steepest, and if {BLOCK}×{BLOCK} blocks are ranked by steepness, the ranks in both "
        f"maps have a correlation of {captions.number_text(now.alike, 2)} (1: the same order, 0: unrelated). Each map "
        "has its own scale.",
        (
            Computed("What both maps show, z being the score of the same class.", SLOPE),
            Computed(
                "Random weights: as PyTorch sets them before training, from a fixed seed. Where an input of a ReLU is "
                "exactly 0, as often without trained biases, PyTorch takes the slope 0."
            ),
            Computed(
                f"Rank correlation (Spearman): of the means of squared slopes over {BLOCK}×{BLOCK} pixels, numbered by "
                "size in each map.",
                rf"\operatorname{{corr}}(\text{{rank}}_1, \text{{rank}}_2) = {asked.number(now.alike, 2)}",
            ),
        ),
        tuple(shown),
        asked.saliency_page(before, ("target", str(target.index))),
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
