"""What a gradient tells about a photo: which way each pixel moves the score, and where it moves most."""

from __future__ import annotations

from gradviz_core.drawing import captions
from gradviz_core.story import asked, figures
from gradviz_core.story.regions import Region, square, strongest_window
from gradviz_core.story.told import Ask, Computed, Shown, Subject, Told, claim
from gradviz_core.types import INPUT, GradientAnswer
from gradviz_core.types.colour_scales import DIVERGING

SLOPE = r"s_{i,j} = \sum_c g_{c,i,j}, \quad g_{c,i,j} = \frac{\partial z}{\partial x_{c,i,j}}"
"""What a pixel of a signed map is: z is the score, x the normalised input."""


def tell(ask: Ask, subject: Subject) -> Told:
    """The photo beside its gradient; the quarter that holds most of the gradient is marked in both."""
    answer, card = asked.gradient(ask, subject), asked.card(ask, subject)
    found, field = most(answer), asked.saliency_field(answer)
    label = answer.prediction[0].label
    return Told(
        f"The network sees {asked.sure(answer.prediction[0])}. Where the map is {DIVERGING.high}, a slightly brighter "
        f"pixel would raise the score of {label}; where it is {DIVERGING.low}, lower it.",
        f"The network is a function of {answer.gradients[INPUT].size:,} numbers, and its score for {label} is one "
        f"number, {captions.number_text(answer.score, 4)}. Each pixel of the map is a slope of that function, "
        "∂score/∂pixel, added up over its colours: what a small change there would do, not how important the pixel "
        f"is. Square all slopes: the box, a quarter of the picture, holds {captions.share_text(found.share)} of the "
        "sum.",
        (
            Computed("The slope at row i, column j: the partial derivatives of its colours, added up.", SLOPE),
            Computed(
                "In the box: the squared partial derivatives inside it, as a share of all.",
                rf"\frac{{\sum_{{\text{{box}}}} g_{{c,i,j}}^2}}{{\sum g_{{c,i,j}}^2}} = {asked.number(found.share)}",
            ),
        ),
        (
            Shown("What the network sees", figures.photo(answer.pixels, found.box), captions.seen(card.preprocessing)),
            Shown(
                f"The gradient of its score for {label}",
                figures.heatmap(field, answer.pixels, found.box),
                asked.saliency_caption(answer, card, field),
            ),
        ),
        asked.saliency_page(subject),
    )


def most(answer: GradientAnswer) -> Region:
    """The quarter with most of the gradient's square.

    Raises:
        NotSo: it holds no more than a third: the gradient is everywhere alike.
    """
    rows, columns = answer.pixels.shape[:2]
    found = strongest_window(square(answer.gradients[INPUT]), rows // 2, columns // 2)
    claim(found.share > 1 / 3, "a quarter of the picture holds more than a third of the gradient's square")
    return found
