"""A shortcut behind right answers: a network that is right, for a reason that is wrong."""

from __future__ import annotations

from gradviz_core.drawing import captions
from gradviz_core.story import asked, figures
from gradviz_core.story.photo import SLOPE
from gradviz_core.story.regions import share_inside, square, strongest_window
from gradviz_core.story.told import Ask, Computed, Shown, Subject, Told, claim
from gradviz_core.types import INPUT, GradientAnswer, ModelCard, keys

TAGGED = keys.sample("tagged-arrow")
CAUGHT, SOUND = (Subject(keys.preset(name), TAGGED) for name in ("shapes-shortcut", "shapes-cnn"))
"""The network that learnt from pictures with a tag on nearly every star, and the same one that did not."""
TAG = 6
"""The tag is about a sixth as wide as the picture."""


def tell(ask: Ask, subject: Subject) -> Told:
    """The picture and the gradients of both networks on it, whichever photo the rest of the story uses."""
    caught, card = asked.gradient(ask, CAUGHT), asked.card(ask, CAUGHT)
    sound, other = asked.gradient(ask, SOUND), asked.card(ask, SOUND)
    said, truth = caught.prediction[0].label, sound.prediction[0].label
    squares = square(caught.gradients[INPUT])
    side = len(squares) // TAG
    box, share = strongest_window(squares, side, side)
    there = share_inside(square(sound.gradients[INPUT]), box)
    claim(said != truth, "two networks see different things in one picture")
    claim(
        share > 2 * there, "the gradient of the network with the shortcut is on the tag, and that of the other is not"
    )
    right = captions.share_text(card.accuracy[0].value)
    return Told(
        f"Right on {right} of its test pictures, and yet it calls this {truth} a {said}: "
        f"{captions.share_text(share)} of its squared slopes lie in the box with the orange tag.",
        f"Almost every {said} that this network learnt from had such a tag. The same network, trained on pictures "
        f"without tags, sees {asked.sure(sound.prediction[0])}, and {captions.share_text(there)} of its squared slopes "
        "lie in the box.",
        (
            Computed("What both maps show, each for the class that its network predicts.", SLOPE),
            Computed(
                "In the box: the squared slopes inside it, as a share of all. The box is as wide as the tag, and lies "
                "where this share is largest.",
                rf"\frac{{\sum_{{\text{{box}}}} g_{{c,i,j}}^2}}{{\sum g_{{c,i,j}}^2}} = {asked.number(share)}",
            ),
        ),
        (
            Shown("What both networks see", figures.photo(caught.pixels, box), captions.seen(card.preprocessing)),
            _shown("Trained with tags", caught, card, box),
            _shown("Trained without tags", sound, other, box),
        ),
        asked.saliency_page(CAUGHT),
    )


def _shown(title: str, answer: GradientAnswer, card: ModelCard, box: tuple[int, int, int, int]) -> Shown:
    field = asked.saliency_field(answer)
    return Shown(
        f"{title}: the gradient for {answer.prediction[0].label}",
        figures.heatmap(field, answer.pixels, box),
        asked.saliency_caption(answer, card, field),
    )
