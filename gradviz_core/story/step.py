"""A step that changes the answer: along the gradient, a change that nobody sees is enough."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradviz_core.drawing import captions, fields, how_to_read
from gradviz_core.drawing.captions import Caption
from gradviz_core.story import asked, figures
from gradviz_core.story.regions import Region, strongest_window
from gradviz_core.story.told import Ask, Computed, Explore, NotSo, Shown, Subject, Told
from gradviz_core.types import ModelCard, PerturbationAnswer, PerturbationQuestion
from gradviz_core.types.colour_scales import DIVERGING

TRIED = ((1, 2), (2, 4), (4, 4), (8, 4), (16, 8))
"""Epsilon in levels, and steps: the first that changes the prediction is shown."""


def tell(ask: Ask, subject: Subject) -> Told:
    """The photo after the step, and what was changed."""
    answer = smallest(ask, subject)
    question, card = answer.question, asked.card(ask, subject)
    was, now = answer.prediction[0], answer.prediction_after[0]
    difference = (answer.after.astype(np.float32) - answer.pixels).transpose(2, 0, 1)
    found = most(answer, difference)
    field = fields.signed_sum(difference, unit="levels")
    share, moved = captions.share_text, float((difference != 0).mean())
    return Told(
        f"No value has changed by more than {levels_text(question.epsilon)}, and the network now sees {now.label} "
        f"({share(now.probability or 0)}) where it saw {asked.sure(was)}.",
        f"{_steps(question)}: at each, a value moves against the sign of its slope. {share(moved)} of the values "
        "have changed, and many small changes add up. The map is the sum over the colours, so it reaches "
        f"{len(difference) * question.epsilon:g} levels. "
        f"The box holds {share(found.share)} of the change that the slopes predict.",
        (
            Computed(
                "One step, with the slope g at the picture before it; levels are those of an 8-bit picture, 0 to 255. "
                "A value that is 0 or 255 already goes no further, and the result is rounded to whole levels.",
                rf"r' = r - {question.epsilon / question.steps:g}\, \operatorname{{sign}}(g)",
            ),
            Computed(
                "In the box: slope times change, where it lowers the score, as a share of all of it.",
                rf"\frac{{\sum_{{\text{{box}}}} g\,(r' - r)}}{{\sum g\,(r' - r)}} = {asked.number(found.share)}",
            ),
        ),
        (
            Shown("After the step", figures.photo(answer.after, found.box), _after(card)),
            Shown(
                "The difference, magnified",
                figures.heatmap(field, answer.pixels, found.box),
                Caption(
                    "After minus before, summed over the channels with its sign. "
                    f"{DIVERGING.high.capitalize()}: brighter; {DIVERGING.low}: darker.",
                    r"\sum_c \left(r'_c - r_c\right)",
                    (
                        captions.scale_text(field),
                        f"{question.steps} steps of {question.epsilon / question.steps:g} levels",
                    ),
                    how_to_read.DIFFERENCE,
                ),
            ),
        ),
        same_step(answer),
    )


def _after(card: ModelCard) -> Caption:
    return replace(captions.seen(card.preprocessing), read=how_to_read.AFTER)


def same_step(answer: PerturbationAnswer) -> Explore:
    """The page that shows the same step."""
    asked_for = answer.question
    choices = {"norm": asked_for.norm, "epsilon": str(asked_for.epsilon), "steps": str(asked_for.steps)}
    return Explore("perturbation", (("model", asked_for.model), ("image", asked_for.image), *choices.items()))


def _steps(question: PerturbationQuestion) -> str:
    """``2 steps of 0.5 levels``."""
    if question.steps == 1:
        return f"One step of {levels_text(question.epsilon)}"
    return f"{question.steps} steps of {question.epsilon / question.steps:g} levels, each with new slopes"


def levels_text(levels: float) -> str:
    """``1 level of 255``, ``8 levels of 255``."""
    return f"{captions.number_text(levels)} level{'' if levels == 1 else 's'} of 255"


def smallest(ask: Ask, subject: Subject) -> PerturbationAnswer:
    """The first of the steps tried after which another class is predicted.

    Raises:
        NotSo: none changes it.
    """
    for epsilon, steps in TRIED:
        question = PerturbationQuestion(
            model=subject.model, image=subject.image, epsilon=epsilon, steps=steps, away=True
        )
        answer = ask(question)
        if answer.prediction_after[0].index != answer.prediction[0].index:
            return answer
    raise NotSo(f"No step of up to {TRIED[-1][0]} levels changes what this model sees in this image. Explore another.")


def most(answer: PerturbationAnswer, difference: np.ndarray) -> Region:
    """The quarter with most of the predicted change, Σ_c gradient · change at each pixel, where it has the sign of the
    whole."""
    predicted = np.asarray((answer.arrays["gradient"][0].astype(np.float64) * difference).sum(axis=0))
    amounts = np.maximum(predicted * np.sign(predicted.sum()), 0)
    rows, columns = (size // 2 for size in amounts.shape)
    return strongest_window(amounts, rows, columns)
