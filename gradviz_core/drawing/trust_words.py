"""Whether a map can be trusted, in words: one plain sentence for each outcome.

A map is called the same where the rank correlation of the magnitudes is at least ``SAME``, and another one where it is
below ``OTHER``; between the two it changes in part. Of the models here, with the upper half of the layers random, the
gradient has 0.24 to 0.27 and guided backprop 0.85.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gradviz_core.drawing import method_words
from gradviz_core.drawing.captions import Caption, ends_text, number_text, scale_text
from gradviz_core.drawing.completeness import Completeness
from gradviz_core.drawing.how_to_read import HowToRead
from gradviz_core.types import Field, InsertionAnswer, RandomisedAnswer, RandomisedQuestion
from gradviz_core.types.insertion import Order
from gradviz_core.types.methods import OptionValues, settled

SAME, OTHER = 0.8, 0.5
MOVED = 0.1
"""A score that changes by more than this share of itself has moved."""
ROOM = 0.05
"""By how much of the range of all curves one order has to beat the others: one random order stands for all of them."""
ALIKE = {
    "spearman": "rank correlation (Spearman)",
    "spearman_absolute": "rank correlation of magnitudes",
    "ssim": "structural similarity (SSIM)",
}
"""The numbers that say how alike two maps are, by the property of the answer, and their names."""

ORDERS: Mapping[Order, str] = {"map": "this map", "random": "random", "centre": "centre first"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from a test."""

    sentence: str
    good: bool | None
    """Whether it speaks for the map; None where it says neither."""


def of_weights(answer: RandomisedAnswer) -> Verdict:
    """What the map with shuffled weights says of the map."""
    found = answer.spearman_absolute
    if not answer.changed:
        return Verdict("No layer is shuffled yet: this is the map itself.", None)
    if math.isnan(found):
        return _of_flat(answer, "With these weights shuffled", good=None)
    if found < OTHER:
        return Verdict("This map changes when these weights are shuffled: it depends on what they learned.", True)
    if answer.question.mode == "single" or 2 * len(answer.changed) < len(answer.layers):
        much = "hardly changes the map" if found >= SAME else "changes the map in part"
        return Verdict(f"Shuffling these layers {much}.", None)
    if found >= SAME:
        why = "it shows the picture, not what they learned"
        return Verdict(f"This map hardly changes when these weights are shuffled: {why}.", False)
    return Verdict("This map changes in part when these weights are shuffled: some of it comes from the picture.", None)


def of_noise(answer: RandomisedAnswer) -> Verdict:
    """What the map of the image with noise says of the map."""
    found = answer.spearman_absolute
    score = f"from {number_text(answer.score, 3)} to {number_text(answer.score_then, 3)}"
    if math.isnan(found):
        return _of_flat(answer, "With this noise on the image", good=False)
    if found >= SAME:
        if abs(answer.score_then - answer.score) <= MOVED * abs(answer.score):
            return Verdict(f"This noise on the image hardly changes the map, nor the score ({score}).", True)
        return Verdict(f"This noise on the image hardly changes the map, although the score goes {score}.", None)
    much = "a lot" if found < OTHER else "in part"
    sentence = (
        f"This noise on the image changes the map {much}, and the score goes {score}: do not rely on single pixels."
    )
    return Verdict(sentence, False if found < OTHER else None)


def of_draw(answer: RandomisedAnswer) -> Verdict:
    """What another draw of the method's own random numbers says of the map."""
    found = answer.spearman_absolute
    if math.isnan(found):
        return _of_flat(answer, "With another draw", good=False)
    if found >= SAME:
        return Verdict("Another draw gives nearly the same map: there are enough draws.", True)
    much = "another map" if found < OTHER else "a map that differs in part"
    return Verdict(f"Another draw gives {much}: take more draws before you read details.", False)


def _of_flat(answer: RandomisedAnswer, how: str, *, good: bool | None) -> Verdict:
    """Where one of the two maps has one magnitude everywhere, or no numbers, so that they have no rank correlation."""
    match answer.ranges:
        case (0, 0):
            return Verdict("Both maps are the same everywhere, so there is nothing to compare.", None)
        case (0, other) if other > 0:
            return Verdict("This map is the same everywhere, so there is nothing to compare.", None)
        case (first, 0) if first > 0:
            left = "zero" if answer.then_is_zero else "the same"
            return Verdict(f"{how}, nothing is left of this map: it is {left} everywhere.", good)
    return Verdict("The two maps cannot be compared: they are not finite at the same places.", None)


def of_pixels(answers: Mapping[Order, InsertionAnswer]) -> Verdict:
    """What insertion and deletion say: the map finds the pixels that matter where inserting them raises the score more,
    on average over all shares of pixels, and deleting them lowers it more, than both other orders do, by ``ROOM``."""
    rise, fall = zip(*(answers[order].areas for order in ORDERS), strict=True)
    curves = [answer.arrays[name] for answer in answers.values() for name in ("insertion", "deletion")]
    room = ROOM * float(np.max(curves) - np.min(curves))
    more, less = [rise[0] - other for other in rise[1:]], [other - fall[0] for other in fall[1:]]
    sentence = (
        f"As pixels are inserted in the order of this map, the score rises {_than(more, room)} ({_means(rise)}). As "
        f"they are deleted in that order, it falls {_than(less, room)} ({_means(fall)})."
    )
    halves = [min(further) > room for further in (more, less)]
    return Verdict(sentence, True if all(halves) else None if any(halves) else False)


def _than(further: Sequence[float], room: float) -> str:
    """How far the score moves, by how much ``further`` that is than in random order, and than from the centre; less
    than ``room`` is about as much."""
    random, centre = ("more than" if by > room else "less than" if by < -room else "about as much as" for by in further)
    if random == centre:
        return f"{random} in random order or from the centre outwards"
    return f"{random} in random order, but {centre} from the centre outwards"


def _means(scores: Sequence[float]) -> str:
    """Of this map, in random order, from the centre outwards."""
    mine, random, centre = (number_text(score, 3) for score in scores)
    return f"mean score {mine}, against {random} and {centre}"


def of_sums(sums: Completeness, law: str, *, can_be_finer: bool) -> Verdict:
    """What the sum of a map says of it, by the ``law`` of its method."""
    if sums.is_close:
        return Verdict(f"This map adds up: {law}. {sums.words()}", True)
    rest = " More steps may bring them closer." if can_be_finer else ""
    return Verdict(f"This map does not add up: in theory {law}. {sums.words()}{rest}", False)


def tested_on(method: str, options: OptionValues, tested: OptionValues) -> str:
    """That a test judges a map of fewer terms than the one that is shown; empty where it is the same map."""
    shown, values = settled(method, options), settled(method, tested)
    fewer = [name for name in shown if values[name] != shown[name]]
    which = " and ".join(f"{values[name]} {name}" for name in fewer)
    above = " and ".join(str(shown[name]) for name in fewer)
    return f"Tested on the map from {which}, not the one above ({above})." if fewer else ""


def compared(question: RandomisedQuestion) -> Mapping[str, str]:
    """Which of the numbers in ``ALIKE`` say how alike two maps are, and what they are called: a map without sign has
    one rank correlation."""
    if _has_sign(question):
        return ALIKE
    return {"spearman_absolute": ALIKE["spearman"], "ssim": ALIKE["ssim"]}


def _has_sign(question: RandomisedQuestion) -> bool:
    return method_words.is_signed(question.method, question.options) and question.view == "signed_sum"


def numbers(answer: RandomisedAnswer) -> tuple[tuple[str, str], ...]:
    """How alike the two maps are."""
    found = {label: getattr(answer, name) for name, label in compared(answer.question).items()}
    return tuple(
        (label, "–" if math.isnan(value) else f"{value:.2f}".replace("-", "−")) for label, value in found.items()
    )


# ------------------------------------------------------------------------------------------------- below the pictures

OTHER_MAP = HowToRead(
    "This is the same method for the same class, with one thing changed at random.",
    "Look for what stays: outlines that stay when the weights are shuffled are those of the image.",
    "It does not show sizes on the scale of the map above: each of the two has its own.",
)
CURVE = HowToRead(
    "Each point is a map with shuffled weights, and how similar it is to the map itself: 1 is the same, 0 unrelated.",
    "Points that fall from the left: the map depends on the weights. Points that stay high: it does not.",
    "It does not show that a map is right: one that depends on the weights can still mislead.",
)
NOISE_CURVE = HowToRead(
    "Each point is the map of the image with so much noise, and how similar it is to the map itself: 1 is the same.",
    "Points that fall at once: single pixels of the map say little. Points that fall slowly: its pattern is stable.",
    "It does not show that a stable map is right: a map of the outlines of the image is stable too.",
)
PIXELS = HowToRead(
    "Each line is the score as pixels of the image come, or go, in one order.",
    "A map that finds what matters rises first when pixels come, and falls first when they go.",
    "It does not show what the model does with natural images: such mixtures never occur in them.",
)


FINITE_DIFFERENCES = (
    "A gradient says by how much the score changes with a small step. Finite differences take such steps, in random "
    "directions, and measure how the score changes. Where both agree, the gradient is correct."
)


_BETWEEN = "Dotted lines only join the points: nothing is computed between them."
_NOISE, _RANGE = "its standard deviation is", "the range of pixel values"


def other_map(answer: RandomisedAnswer, field: Field) -> Caption:
    """Under the map with shuffled weights, with noise, or of another draw."""
    count, whole = len(answer.changed), len(answer.layers)
    if answer.question.layer:
        sentence = f"The map with shuffled weights in {count} of {whole} layers, {_layers(answer)}."
    elif answer.question.other_draw:
        sentence = "The map of another draw of the method's random numbers."
    elif answer.question.noise:
        size = f"{100 * answer.question.noise:g}\N{NO-BREAK SPACE}%"
        sentence = f"The map after noise was added to the image: {_NOISE} {size} of {_RANGE}."
    else:
        sentence = "The map itself: no layer is shuffled."
    own = f" Its scale is its own: {ends_text(field)} {field.unit}." if field.limit else ""
    return Caption(f"{sentence}{own}", "", (field.unit, scale_text(field)), OTHER_MAP)


def curve(answers: Sequence[RandomisedAnswer], points: int, layers: int, single: bool) -> Caption:
    """Under the curve over the layers, of which there are these ``answers``."""
    which = "one layer at a time is" if single else "all layers from the score down to each point are"
    every = "" if points == layers else f", at {points} of {layers} layers"
    sentence = f"How similar the map is to the one above when {which} shuffled{every}. {_BETWEEN}"
    return Caption(f"{sentence}{_of_sign(answers)}{_of_gaps(answers)}", "", (), CURVE)


def _of_sign(answers: Sequence[RandomisedAnswer]) -> str:
    return " Magnitudes leave out the sign." if answers and _has_sign(answers[0].question) else ""


def _of_gaps(answers: Sequence[RandomisedAnswer]) -> str:
    """Why points are missing: a shuffled map that is the same everywhere has nothing to compare."""
    flat = [answer for answer in answers if answer.ranges[1] == 0]
    if not flat:
        return ""
    first, single = flat[0].question.layer, flat[0].question.mode == "single"
    to_the_end = all(answer.ranges[1] == 0 for answer in answers if answer.question.layer >= first)
    if len(flat) == 1:
        where = f"With layer {first} shuffled" if single else f"With {first} layers shuffled"
    elif to_the_end and not single:
        where = f"With {first} or more layers shuffled"
    else:
        where = f"At {len(flat)} points, the first at layer {first},"
    left = "zero" if all(answer.then_is_zero for answer in flat) else "the same"
    return f" {where} the map is {left} everywhere, so no similarity is drawn there."


def noise_curve(answers: Sequence[RandomisedAnswer], sizes: Sequence[float]) -> Caption:
    """Under the curve over the noise, of which there are these ``answers``."""
    said = f"{100 * min(sizes):g} to {100 * max(sizes):g}\N{NO-BREAK SPACE}%"
    sentence = (
        f"How similar the map is to the one above after noise was added to the image: {_NOISE} {said} of {_RANGE}."
    )
    return Caption(f"{sentence} {_BETWEEN}{_of_sign(answers)}", "", (), NOISE_CURVE)


def pixels(inserted: bool, answers: Mapping[Order, InsertionAnswer]) -> Caption:
    """Under the curves of insertion or deletion."""
    which = 0 if inserted else 1
    means = ", ".join(f"{name} {number_text(answers[order].areas[which], 3)}" for order, name in ORDERS.items())
    sentence = f"The score as pixels are {'inserted' if inserted else 'deleted'}. Mean of each curve: {means}."
    return Caption(sentence, "", (), PIXELS)


def _layers(answer: RandomisedAnswer) -> str:
    """``classifier to features.15``: which are shuffled."""
    first, last = (name or "the model itself" for name in (answer.changed[0], answer.changed[-1]))
    return first if first == last else f"{first} to {last}"
