"""From black to the picture: the area under the slope on the way is the change of the score."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from gradviz_core.drawing import captions, charts, fields
from gradviz_core.drawing.captions import Caption
from gradviz_core.drawing.how_to_read import HowToRead
from gradviz_core.story import asked, figures
from gradviz_core.story.told import Ask, Computed, Shown, Slider, Subject, Told, claim
from gradviz_core.types import INPUT, Field, GradientQuestion, ModelCard, PathAnswer, PathQuestion, keys
from gradviz_core.types.colour_scales import DIVERGING

STAR = Subject(keys.preset("shapes-cnn"), keys.sample("star"))
"""A small network: the 101 gradients of the path take a moment, and their area is close to the change."""
PERCENT, FIRST = tuple(range(0, 101, 5)), 50
STEPS = 100
CLOSE = 0.01
"""The area differs from the change by no more than this share of the whole change."""
_READ = HowToRead(
    "The line is how much faster the score grows at each brightness; the filled area is what has come so far.",
    "Where the line is high the score grows quickly; where it is near 0 more brightness changes little.",
    "It does not show another path: from another beginning the curve and the map are others.",
)


class Facts(NamedTuple):
    """What is claimed of the path up to one place."""

    area: float
    change: float
    slope: float
    """At the picture itself."""
    steepest: float


def tell(ask: Ask, subject: Subject, percent: int = FIRST) -> Told:
    """The picture at this brightness, the slope up to there, and what each pixel has added; of a star, whichever photo
    the rest of the story uses."""
    answer, card = ask(question()), asked.card(ask, STAR)
    label = asked.gradient(ask, STAR).prediction[0].label
    parts = PERCENT.index(percent)
    now = facts(answer, parts)
    number = captions.number_text
    return Told(
        _sentence(now, percent, label),
        "This view uses a small network for shapes and a picture of a star. The map shares the area out among the "
        f"pixels: {DIVERGING.high} raises the score, {DIVERGING.low} lowers it. At the full picture the slope is "
        f"{number(now.slope)}, but on the way it reaches {number(now.steepest)}: the gradient of the picture alone "
        f"misses that. {_said_of_the_gap(now)}",
        (
            Computed(
                "The slope along the way, at brightness α; x is the picture and b black, both normalised. Every slope "
                "of the network is multiplied by how far its pixel has to go.",
                r"\frac{dz}{d\alpha} = \sum (x - b)\, \frac{\partial z}{\partial x}\big(b + \alpha (x - b)\big)",
            ),
            Computed(
                f"The area, by {STEPS} trapezoids between 0 and 100 %, as far as they are filled; and the score there "
                "less that of black.",
                rf"\int_0^\alpha \frac{{dz}}{{d\alpha}}\, d\alpha \approx {asked.number(now.area, 4)}, \quad "
                rf"z(\alpha) - z(0) = {asked.number(now.change, 4)}",
            ),
            Computed(
                "The map: what each pixel adds, over its colours. Up to 100 % these are the integrated gradients.",
                r"\sum_c (x - b)_c \int_0^\alpha \frac{\partial z}{\partial x_c}\, d\alpha",
            ),
        ),
        _pictures(answer, card, now, percent, label),
        asked.method_page(same_map()),
    )


def _sentence(now: Facts, percent: int, label: str) -> str:
    if percent == 0:
        return (
            f"At 0 % brightness all is black, and nothing has been added. Move the slider: the area under the slope "
            f"grows as the score of {label} does."
        )
    compared = "higher" if now.change > 0 else "lower"
    return (
        f"At {percent} % brightness the score of {label} is {_logits(abs(now.change))} logits {compared} than "
        f"at black. The area under its slope up to there agrees: {_logits(now.area)}."
    )


def _logits(value: float) -> str:
    """With two decimals: so area and change can be compared."""
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def question() -> PathQuestion:
    """The path from black to the picture."""
    parts = len(PERCENT) - 1
    return PathQuestion(model=STAR.model, image=STAR.image, baseline="black", parts=parts, steps=STEPS // parts)


def same_map() -> GradientQuestion:
    """The question that the map at 100 % answers."""
    options = (("baseline", "black"), ("steps", STEPS + 1.0), ("rule", "trapezoid"))
    return GradientQuestion(model=STAR.model, image=STAR.image, method="integrated_gradients", options=options)


def facts(answer: PathAnswer, parts: int) -> Facts:
    """What the path says up to the end of so many parts.

    Raises:
        NotSo: an area under the slope is not the change, or the slope is steepest at the picture itself.
    """
    slopes, every = answer.arrays["slope"], range(answer.question.parts + 1)
    whole = abs(answer.change(answer.question.parts))
    gaps = [abs(answer.area(one) - answer.change(one)) for one in every]
    claim(max(gaps) <= CLOSE * whole, "the area under the slope is the change of the score")
    found = Facts(answer.area(parts), answer.change(parts), float(slopes[-1]), float(slopes.max()))
    claim(abs(found.slope) < found.steepest / 2, "the slope is steeper on the way than at the picture itself")
    return found


def _gap(now: Facts) -> float:
    return abs(now.area - now.change) / abs(now.change) if now.change else 0.0


def _said_of_the_gap(now: Facts) -> str:
    if not now.change:
        return "Nothing has been added so far."
    return (
        f"Area and change of the score differ by {captions.share_text(_gap(now))}: the area is a sum of trapezoids, "
        f"each {100 // STEPS} % wide."
    )


def _pictures(answer: PathAnswer, card: ModelCard, now: Facts, percent: int, label: str) -> tuple[Shown, ...]:
    unit = captions.score_unit(answer.target)
    dimmed = np.rint(answer.pixels * (percent / 100)).astype(np.uint8)
    seen = captions.seen(card.preprocessing)
    field, caption = _map(answer, card, percent)
    return (
        Shown(
            f"The picture at {percent} % brightness",
            figures.photo(dimmed),
            replace(seen, sentence=f"The image as the network sees it, at {percent} % of its brightness."),
        ),
        Shown(
            f"The slope of the score of {label} on the way",
            charts.area(
                (100 * answer.arrays["share"]).round(6),
                answer.arrays["slope"],
                percent,
                unit=f"{unit} per 100 %",
                height=figures.CHART_OF_THREE,
            ),
            Caption(
                f"How fast the score of {label} grows with the brightness of the picture. Filled: up to {percent} %.",
                r"\frac{dz}{d\alpha}",
                (f"{unit} per 100 % of brightness", f"{len(answer.arrays['slope'])} points"),
                _READ,
            ),
        ),
        Shown(f"What each pixel has added: {_logits(now.area)} in all", figures.heatmap(field), caption),
    )


def _map(answer: PathAnswer, card: ModelCard, percent: int) -> tuple[Field, Caption]:
    """On the scale of the whole path, so that it fills as the area does."""
    asked_for = same_map()
    unit = captions.gradient_unit(answer.target, INPUT, asked_for.method, asked_for.options)
    whole = fields.signed_sum(answer.added(len(PERCENT) - 1), unit=unit)
    so_far = answer.added(PERCENT.index(percent))
    field = fields.on_scale(fields.signed_sum(so_far, unit=unit), whole.limit)
    caption = captions.saliency(
        answer.target,
        card.labels,
        method=asked_for.method,
        reduction="signed_sum",
        field=field,
        shape=so_far.shape,
        options=asked_for.options,
    )
    so_far_said = "" if percent == 100 else f" So far: up to {percent} % of the brightness."
    return field, replace(caption, sentence=caption.sentence + so_far_said)


SLIDER = Slider(
    "story_path",
    "Brightness",
    "%",
    "How far the picture is on its way: 0 is black, 100 the picture itself.",
    PERCENT,
    FIRST,
    tell,
)
