"""The choices, pictures and words of the perturbation page."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
import streamlit as st

from gradviz_core.drawing import bars, captions, charts, figures, how_to_read, screen
from gradviz_core.drawing.bars import ShownAs
from gradviz_core.drawing.captions import Caption
from gradviz_core.drawing.screen import OverInput
from gradviz_core.drawing.screen.over_input import over_input
from gradviz_core.drawing.screen.seen import seen
from gradviz_core.types import (
    Norm,
    PerturbationAnswer,
    PerturbationQuestion,
    SiteInfo,
    Target,
    Unit,
    UnitsQuestion,
    colour_scales,
)
from pages.layout.frame import ScoredChoice
from pages.scores import output_kind
from pages.shell import address, facts, panel, pixel, saliency, sites, units, widgets
from pages.shell.asking import ask
from pages.shell.clicks import Click
from pages.shell.panel import Picture
from pages.shell.parameters import Parameter
from pages.shell.pixel import Pixel

PARAMETERS = (
    *(Parameter(name) for name in ("follow", "way", "norm", "steps")),
    Parameter("epsilon", within=("norm",)),
)
_FOLLOW = {"score": "The score in the sidebar", "unit": "One unit"}
_NORMS = {"max": "Sign", "l2": "L2 norm"}
_DIRECTIONS = {"away": "Decrease", "towards": "Increase"}
_EPSILONS = {"max": range(1, 65), "l2": range(20, 4001, 20)}
_FIRST_EPSILON = {"max": 4, "l2": 400}
_SIZES = {"max": "largest change of any value, in levels", "l2": "L2 norm of the change, in levels"}
HEIGHT = saliency.HEIGHT
"""Of each of the three pictures. In a window of 1280 pixels it fits a third of the width, without a gap above."""


def question(choice: ScoredChoice) -> PerturbationQuestion:
    """The question that the controls describe."""
    target: Target = choice.target
    with panel.controls():
        follow = widgets.option("Follow", "follow", _FOLLOW)
        direction = widgets.option("Direction", "way", _DIRECTIONS)
        norm = cast(Norm, widgets.option("Kind of step", "norm", _NORMS))
        epsilon = widgets.slider(
            "Epsilon",
            "epsilon",
            _EPSILONS[norm],
            _FIRST_EPSILON[norm],
            f"The largest change allowed: {_SIZES[norm]} (0 to 255)",
            unit="of 255",
            width=170,
        )
        steps = widgets.slider(
            "Steps",
            "steps",
            range(1, 21),
            1,
            "Each step has size epsilon / steps and follows the gradient at the image it starts from",
            unit="",
            width=110,
        )
    if follow == "unit":
        target = _unit(choice)
    return PerturbationQuestion(
        model=choice.model,
        image=choice.image,
        target=target,
        norm=norm,
        epsilon=epsilon,
        steps=steps,
        away=direction == "away",
        seed=choice.draw,
    )


def _unit(choice: ScoredChoice) -> Unit:
    """The unit that is chosen here or on the Neurons page; the strongest channel by default."""
    with panel.controls("unit", "top"):
        with st.container(key="site_choice"):
            info: SiteInfo = sites.choose(choice.survey.sites)
        place = sites.choose_place(info, seen(choice.survey.arrays).size)
        strongest = ask(
            UnitsQuestion(
                model=choice.model,
                image=choice.image,
                site=info.site,
                place=place.index,
                axis=info.axis,
                count=1,
                seed=choice.draw,
            ),
            "Finding the strongest channel here …",
        )
        channel = sites.choose_channel(info, int(strongest.arrays["channels"][0]))
    return units.unit(info, channel, place)


# ------------------------------------------------------------------------------------------------------------- pictures


def before(answer: PerturbationAnswer, spot: Pixel | None) -> Picture:
    """The original picture, with the same pixel marked as on the other two."""
    image = seen(answer.arrays)
    facts = ("{}×{}".format(*image.size), "whole levels from 0 to 255", *captions.blocks_text(image.blocks))
    words = Caption("Before: the image as the network sees it.", "r", facts, how_to_read.BEFORE)
    figure = figures.image(image.pixels, blocks=image.blocks, height=HEIGHT, cross=spot)
    return Picture(figure, words, pixel.click_in(image.blocks))


def after(answer: PerturbationAnswer, labels: tuple[str, ...], spot: Pixel | None) -> Picture:
    """The picture after the last step."""
    image = seen(answer.arrays, "after")
    question = answer.question
    many = f" in {question.steps} steps, each from where the previous one ended" if question.steps > 1 else ""
    bound = ", towards the original where the change would exceed ε" if question.norm == "l2" else ""
    cut = f"{answer.cut:,} values clipped at 0 or 255" if answer.cut else "no value clipped at 0 or 255"
    words = Caption(
        f"After: changed {'against' if question.away else 'along'} the gradient{many}, rounded to whole levels{bound}. "
        "This is exactly the image that the network was given.",
        step_formula(question, captions.score_symbol(answer.target, labels)),
        (
            f"ε = {question.epsilon} levels",
            f"{_SIZES[question.norm]}: {captions.number_text(answer.size, 4)}",
            cut,
            *captions.blocks_text(image.blocks),
        ),
        how_to_read.AFTER,
    )
    figure = figures.image(image.pixels, blocks=image.blocks, height=HEIGHT, cross=spot)
    return Picture(figure, words, pixel.click_in(image.blocks))


def step_formula(question: PerturbationQuestion, symbol: str) -> str:
    """How the changed image is computed, in LaTeX: the gradient of each step, the step, and the rounding of the last
    one, which a single sign step does not need."""
    sign = "-" if question.away else "+"
    clip = r"\operatorname{clip}_0^{255}"
    if question.steps == 1 and question.norm == "max":
        return rf"r' = {clip}\left(r {sign} \varepsilon\, \operatorname{{sign}} \partial {symbol} / \partial r\right)"
    here, there, last = ("r", "r_1", "r_1") if question.steps == 1 else ("r_k", "r_{k+1}", f"r_{{{question.steps}}}")
    begin = "" if question.steps == 1 else r",\quad r_0 = r"
    size = r"\varepsilon" if question.steps == 1 else rf"\tfrac{{\varepsilon}}{{{question.steps}}}"
    way = r"\operatorname{sign} g" if question.norm == "max" else r"g / \lVert g \rVert_2"
    bound = "" if question.norm == "max" else r"_{\lVert\cdot\rVert_2 \le \varepsilon}"
    return (
        rf"\begin{{aligned}} g &= \partial {symbol} / \partial {here}{begin} \\ "
        rf"{there} &= {clip}\left({here} {sign} {size}\, {way}\right) \\ "
        rf"r' &= r + \operatorname{{round}}{bound}\left({last} - r\right) \end{{aligned}}"
    )


def change(answer: PerturbationAnswer, channels: int) -> OverInput:
    """After minus before, channel by channel."""
    if screen.is_coarse(answer.arrays):
        return over_input(answer.arrays, "difference")
    difference = answer.after.astype(np.float32) - answer.pixels
    return OverInput(difference.transpose(2, 0, 1)[None, :channels])


def difference(answer: PerturbationAnswer, changed: OverInput, spot: Pixel | None) -> Picture:
    """After minus before, with its own colour scale."""
    channels = changed.shape[1]
    shown = changed.field("signed_sum", unit="levels")
    summed = f", summed over the {channels} channels with its sign" if channels > 1 else ""
    full, scale = 255 * channels, colour_scales.DIVERGING
    magnified = (
        (
            f"the scale ends at {captions.number_text(shown.limit)} of {full} possible levels: magnified "
            f"{captions.number_text(full / shown.limit, 3)} times",
        )
        if shown.limit
        else ()
    )
    words = Caption(
        f"The difference, magnified: after minus before{summed}. {scale.high.capitalize()}: brighter; "
        f"{scale.low}: darker.",
        r"\sum_c \left(r'_c - r_c\right)" if channels > 1 else "r' - r",
        (captions.scale_text(shown), *magnified, *captions.blocks_text(shown.blocks)),
        how_to_read.DIFFERENCE,
    )
    figure = figures.heatmap(shown, pixels=seen(answer.arrays).pixels, height=HEIGHT, cross=spot)
    return Picture(figure, words, pixel.click_over(changed))


def predicted_and_actual(answer: PerturbationAnswer, labels: tuple[str, ...]) -> Picture:
    """The first-order prediction of the change, and the actual change, as epsilon grows."""
    unit, score = captions.score_unit(answer.target), captions.score_words(answer.target, labels)
    symbol = captions.score_symbol(answer.target, labels)
    steps = len(answer.arrays["path_size"]) - 1
    several = (
        f" Dotted line: the actual change after each of the {steps} steps, each with its own gradient."
        if steps > 1
        else ""
    )
    words = Caption(
        f"How much {score} changes with one step of each size. Dashed line: the change that the gradient at the "
        "original image predicts; solid line: the actual change. Diamonds: the image above, in whole levels (open: "
        f"predicted, filled: actual).{several} The vertical line marks epsilon. Click a point to set epsilon to it.",
        rf"\Delta {symbol} \approx \textstyle\sum \frac{{\partial {symbol}}}{{\partial r}}\,(r' - r)",
        (
            f"{unit}; horizontal axis in 8-bit levels (0 to 255)",
            "its images are clipped at 0 and 255 but not rounded",
        ),
        how_to_read.PREDICTED_AND_ACTUAL,
    )
    figure = charts.predicted_and_actual(answer, unit=unit, size_words=_SIZES[answer.question.norm])
    return Picture(figure, words, choose_size(answer.question))


def reading(choice: ScoredChoice, target: Target) -> ShownAs:
    """What the numbers of the prediction mean: those of the output that the target is read from, or, for a unit, those
    of the model's default output."""
    if target == choice.target or not isinstance(target, Unit):
        return choice.reading
    return bars.shown(output_kind.default(choice.survey.heads))


def classes(answer: PerturbationAnswer, reading: ShownAs) -> Picture:
    """Probabilities, or plain numbers, before and after. A click makes a class the target."""
    kind = {"softmax_logits": "softmax of the logits", "sigmoid_logits": "sigmoid of the logits"}.get(reading)
    noun = bars.noun(reading)
    words = Caption(
        f"{which(len(answer.prediction), reading)} Click one to follow {'it' if noun == 'number' else 'its score'}.",
        "",
        (f"{kind}, before and after" if kind else "before and after",),
        how_to_read.BEFORE_AND_AFTER,
    )
    figure = charts.before_and_after(answer.prediction, answer.prediction_after, reading)
    return Picture(figure, words, saliency.choose_class(bars.of(answer.prediction, reading), {"follow": "score"}))


def which(count: int, reading: ShownAs = "softmax_logits") -> str:
    """Which classes are shown: more than five if the five most likely ones change."""
    if count > 5:
        first = "largest" if reading == "numbers" else "most likely"
        return f"The {count} {bars.plural(bars.noun(reading))} that are among the five {first} before or after."
    return f"{bars.sentence(count, reading)}, before and after."


def choose_size(question: PerturbationQuestion) -> Callable[[Click], None]:
    """A click on a point of the curves sets epsilon to its size, or to the nearest size that the slider has."""

    def act(click: Click) -> None:
        address.write({"epsilon": min(_EPSILONS[question.norm], key=lambda offered: abs(offered - click.column))})

    return act


def numbers(answer: PerturbationAnswer, labels: tuple[str, ...]) -> tuple[tuple[str, str] | facts.Score, ...]:
    """The target before and after, and its predicted and actual change."""
    digits = captions.number_text
    return (
        facts.score(answer.target, labels, f"{digits(answer.score, 4)} → {digits(answer.score_after, 4)}"),
        ("predicted change", digits(answer.predicted_change, 3)),
        ("actual change", digits(answer.score_after - answer.score, 3)),
    )
