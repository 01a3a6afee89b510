"""What to trust: the slope is exact, and a slope reaches only so far."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import numpy as np

from gradviz_core.drawing import captions, charts, how_to_read
from gradviz_core.drawing.captions import Caption
from gradviz_core.story import asked, figures
from gradviz_core.story.photo import SLOPE
from gradviz_core.story.regions import square, strongest_window
from gradviz_core.story.step import levels_text, same_step
from gradviz_core.story.told import Ask, Computed, NotSo, Shown, Subject, Told, claim
from gradviz_core.types import INPUT, PerturbationAnswer, PerturbationQuestion, ProofQuestion


class Facts(NamedTuple):
    """Changes of the score after one step."""

    size: float
    """Of the step, in levels of 255."""
    predicted: float
    actual: float


def tell(ask: Ask, subject: Subject) -> Told:
    """The gradient, checked by finite differences, and what a step along it really does."""
    answer, card = asked.gradient(ask, subject), asked.card(ask, subject)
    stepped = one_step(ask, subject)
    now, field = facts(stepped), asked.saliency_field(answer)
    box, _ = strongest_window(square(answer.gradients[INPUT]), *(size // 2 for size in field.values.shape))
    unit, digits = captions.score_unit(stepped.target), captions.number_text
    return Told(
        "The slope is right at this picture, not far from it: for one step of "
        f"{levels_text(now.size)} it predicts {digits(now.predicted)}, and the score changes by {digits(now.actual)}.",
        "The line below the map says how well finite differences agree with the slopes at this picture: so far you can "
        "trust them. The gradient does not say which part of the picture matters, nor what a larger change would do.",
        (
            Computed("Left: the slopes.", SLOPE),
            Computed(
                "Predicted: the sum of slope times change, all pixels moving at once against the sign of their slope, "
                f"by {levels_text(now.size)}.",
                rf"\sum g\,(r' - r) = {asked.number(now.predicted)}",
            ),
            Computed(
                "Actual: the score after the step minus the score before.",
                rf"z(r') - z(r) = {asked.number(now.actual)}",
            ),
            Computed(
                "Finite differences: the score a tiny step ahead minus a tiny step back, over the way between.",
                r"\frac{z(x + h v) - z(x - h v)}{2h} \approx \sum g\, v",
            ),
        ),
        (
            Shown(
                f"The gradient for {answer.prediction[0].label}",
                figures.heatmap(field, answer.pixels, box),
                asked.saliency_caption(answer, card, field),
                ProofQuestion(
                    model=subject.model, image=subject.image, target=answer.target, wrt=INPUT, every_step=False
                ),
            ),
            Shown(
                "A step against it: predicted and actual change",
                figures.two_lines(charts.predicted_and_actual(stepped, unit=unit, size_words="levels of 255")),
                Caption(
                    "How much the score changes with one step of each size. Dashed: as the gradient predicts; solid: "
                    "actual.",
                    r"\Delta z \approx \textstyle\sum \frac{\partial z}{\partial r}\,(r' - r)",
                    (f"{unit}; horizontal axis in 8-bit levels (0 to 255)",),
                    how_to_read.PREDICTED_AND_ACTUAL,
                ),
            ),
        ),
        same_step(stepped),
    )


TRIED = (1, 2, 4, 8, 16)
"""Sizes in levels; the first that is too large for the slope is shown."""


def one_step(ask: Ask, subject: Subject) -> PerturbationAnswer:
    """A single step against the gradient that the slope misjudges.

    Raises:
        NotSo: it misjudges none of those tried.
    """
    for size in TRIED:
        answer = ask(PerturbationQuestion(model=subject.model, image=subject.image, epsilon=size, steps=1, away=True))
        with suppress(NotSo):
            facts(answer)
            return answer
    raise NotSo(f"The slope is right for steps of up to {TRIED[-1]} levels with this model and image. Explore another.")


def facts(answer: PerturbationAnswer) -> Facts:
    """What the gradient predicts for one step of the whole size, and what happens.

    Raises:
        NotSo: the score does not fall as its gradient says, or just as far.
    """
    sizes, predicted, actual = (answer.arrays[f"curve_{name}"] for name in ("size", "predicted", "actual"))
    at = int(np.abs(sizes - answer.question.epsilon).argmin())
    found = Facts(float(sizes[at]), float(predicted[at]), float(actual[at]))
    claim(found.predicted < 0 and found.actual < 0, "a step against the gradient lowers the score")
    claim(abs(found.actual / found.predicted - 1) > 0.05, "a step of this size is too large for the slope")
    return found
