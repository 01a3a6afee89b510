"""What a gradient says of a photo: which way each pixel moves the score, and where it moves most."""

from __future__ import annotations

from gradviz_core.drawing import captions
from gradviz_core.story import asked, figures
from gradviz_core.story.regions import Region, square, strongest_window
from gradviz_core.story.told import Ask, Shown, Subject, Told, claim
from gradviz_core.types import INPUT, GradientAnswer
from gradviz_core.types.colour_scales import DIVERGING


def tell(ask: Ask, subject: Subject) -> Told:
    """The photo beside its gradient; the quarter that holds most of the gradient is marked in both."""
    answer, card = asked.gradient(ask, subject), asked.card(ask, subject)
    found, field = most(answer), asked.saliency_field(answer)
    label = answer.prediction[0].label
    return Told(
        f"The network sees {asked.sure(answer.prediction[0])}. Where the map is {DIVERGING.high}, a brighter pixel "
        f"would raise the score of {label}; where it is {DIVERGING.low}, lower it.",
        "The box is the quarter of the picture to which the score is most sensitive: "
        f"{captions.share_text(found.share)} of the gradient's square lies inside it.",
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
