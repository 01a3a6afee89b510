"""A mean over noisy copies: what differs from one copy to the next cancels, what all of them share stays."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gradviz_core.drawing import captions
from gradviz_core.story import asked, figures
from gradviz_core.story.photo import SLOPE
from gradviz_core.story.regions import square, strongest_window
from gradviz_core.story.speckle import opposite
from gradviz_core.story.told import Ask, Computed, Shown, Slider, Subject, Told, claim
from gradviz_core.types import INPUT, FloatArray, GradientAnswer, GradientQuestion

DRAWS, FIRST = (1, 4, 16, 64), 16
SPREAD = 0.05
"""Standard deviation of the noise, as a share of the range of the values."""


class Facts(NamedTuple):
    """What is claimed of the mean over some copies."""

    left: float
    """Root mean square of the mean, as a share of that of one copy's gradient."""
    chance: float
    """The same if the gradients of the copies had nothing in common."""
    alike: float
    """Correlation of the mean with the gradient at the picture itself, pixel by pixel."""
    opposite: float
    """Share of neighbours of opposite signs in the mean, and in the gradient at the picture itself."""
    opposite_here: float
    beside: float
    """Root mean square of the mean, as a share of that of the gradient at the picture itself."""

    def noise(self, draws: int) -> float:
        """Share of the mean's square that is noise, if the noise of the ``draws`` copies is independent; of 2 or more.

        With the signal S² and the variance V of one copy, one copy has S² + V and the mean S² + V / draws.
        """
        return (1 / self.left**2 - 1) / (draws - 1)


def tell(ask: Ask, subject: Subject, draws: int = FIRST) -> Told:
    """The gradient at the picture, and the mean of the gradients at so many noisy copies of it."""
    here, card = asked.gradient(ask, subject), asked.card(ask, subject)
    mean = over_copies(ask, subject, draws)
    one = mean if draws == 1 else over_copies(ask, subject, 1)
    now = facts(_signed(here), _signed(one), _signed(mean), draws)
    squares = square(mean.attributions[INPUT])
    box, held = strongest_window(squares, *(size // 2 for size in squares.shape))
    label = here.prediction[0].label
    plain, field = (asked.saliency_field(each) for each in (here, mean))
    return Told(
        _sentence(now, draws),
        _note(now, draws, held),
        (
            Computed("Left: the slopes at the picture.", SLOPE),
            Computed(
                "Right: the mean of the slopes at all copies; ε is normal noise with a fixed seed, so everyone sees "
                "the same map.",
                r"\frac{1}{N} \sum_{n=1}^{N} \frac{\partial z}{\partial x}(x + \varepsilon_n), \quad N = " f"{draws}",
            ),
            Computed(
                "Neighbours that differ in sign: pairs of pixels beside or below each other, on the right and on the "
                "left.",
                rf"{asked.number(now.opposite)}, \quad {asked.number(now.opposite_here)}",
            ),
            Computed(
                "What is left: the root mean square of the mean m, over that of the slopes s of one copy. If the "
                "copies had nothing in common, it would be the second number.",
                rf"\sqrt{{\overline{{m^2}}}} \big/ \sqrt{{\overline{{s^2}}}} = {asked.number(now.left)}, \quad "
                rf"1 / \sqrt{{N}} = {asked.number(now.chance)}",
            ),
            *_noise(now, draws),
            Computed(
                "The size of the right map, as a share of that of the left one: both are root mean squares.",
                rf"\sqrt{{\overline{{m^2}}}} \big/ \sqrt{{\overline{{g^2}}}} = {asked.number(now.beside)}",
            ),
            Computed(
                "Correlation of the left map with the right one, pixel by pixel.",
                rf"\operatorname{{corr}} = {asked.number(now.alike, 2)}",
            ),
        ),
        (
            Shown(
                f"The gradient for {label} at this picture",
                figures.heatmap(plain, here.pixels, box),
                asked.saliency_caption(here, card, plain),
            ),
            Shown(
                "One noisy copy" if draws == 1 else f"The mean over {draws} noisy copies",
                figures.heatmap(field, here.pixels, box),
                asked.saliency_caption(mean, card, field),
            ),
        ),
        asked.method_page(mean.question),
    )


def _sentence(now: Facts, draws: int) -> str:
    share = captions.share_text
    if draws == 1:
        return (
            f"At 1 noisy copy {share(now.opposite)} of neighbouring slopes differ in sign; at the picture itself "
            f"{share(now.opposite_here)}. Move the slider to average over more copies."
        )
    return (
        f"Averaged over {draws} noisy copies, {share(now.left)} of the size of one copy's slopes is left. If the "
        f"copies had nothing in common, {share(now.chance)} would be."
    )


def _note(now: Facts, draws: int, held: float) -> str:
    share = captions.share_text
    still = (
        f"About {share(now.noise(draws))} of the squared slopes of the right map are still noise. " if draws > 1 else ""
    )
    return (
        f"Each copy has random noise on every pixel; its standard deviation is {share(SPREAD)} of the range of the "
        f"values. {still}Mind the scales: the right map has {share(now.beside)} of the size of the left one. The slope "
        "near a picture is not the slope at it: the two maps have a correlation of "
        f"{captions.number_text(now.alike, 2)} (1: the same, 0: unrelated). The box, a quarter of the picture, holds "
        f"{share(held)} of the squared slopes of the right map."
    )


def _noise(now: Facts, draws: int) -> tuple[Computed, ...]:
    if draws == 1:
        return ()
    return (
        Computed(
            "What is still noise, of the mean of the squares of the right map; r is the share of the size that is "
            "left. It is an estimate: the noise of the copies is taken to be independent, and all copies as large as "
            "the first.",
            rf"\frac{{1 / r^2 - 1}}{{N - 1}} = {asked.number(now.noise(draws))}",
        ),
    )


def over_copies(ask: Ask, subject: Subject, draws: int) -> GradientAnswer:
    """SmoothGrad with so many copies."""
    options = (("draws", float(draws)), ("spread", SPREAD), ("seed", 0.0))
    return ask(GradientQuestion(model=subject.model, image=subject.image, method="smoothgrad", options=options))


def facts(here: FloatArray, one: FloatArray, mean: FloatArray, draws: int) -> Facts:
    """Of three signed maps (H, W): at the picture, at one copy, and the mean over ``draws``.

    Raises:
        NotSo: nothing cancels in the mean of several copies, or the copies have nothing in common.
    """
    left = math.sqrt(np.square(mean).mean() / np.square(one).mean())
    alike = float(np.corrcoef(here.ravel(), mean.ravel())[0, 1])
    beside = math.sqrt(np.square(mean).mean() / np.square(here).mean())
    found = Facts(left, 1 / math.sqrt(draws), alike, opposite(mean), opposite(here), beside)
    if draws > 1:
        claim(found.left < 1, "the gradients of noisy copies cancel in part")
        claim(found.left > found.chance, "the gradients of noisy copies have something in common")
    return found


def _signed(answer: GradientAnswer) -> FloatArray:
    return np.asarray(answer.attributions[INPUT][0].sum(axis=0), np.float64)


SLIDER = Slider(
    "story_draws",
    "Noisy copies",
    "",
    "How many noisy copies of the picture are averaged.",
    DRAWS,
    FIRST,
    tell,
)
