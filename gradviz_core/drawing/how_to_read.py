"""How to read each kind of picture: three sentences for whoever sees one for the first time."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gradviz_core.drawing import method_words
from gradviz_core.types import Field, MethodName, Target
from gradviz_core.types.colour_scales import DIVERGING, SEQUENTIAL
from gradviz_core.types.map_kinds import map_kind
from gradviz_core.types.methods import PLAIN, card_of
from gradviz_core.types.views import View

MOST = 160
"""Characters of a sentence: what one breath reads aloud."""
_RED, _BLUE = DIVERGING.high.capitalize(), DIVERGING.low


@dataclass(frozen=True, slots=True)
class HowToRead:
    """Three sentences about one kind of picture, each at most ``MOST`` characters long."""

    shows: str
    """What each of its marks is."""
    look: str
    """What the colours or heights mean, or what to look for."""
    limits: str
    """What it does not show."""


# ------------------------------------------------------------------------------------------------------ over the image

NETWORK_SEES = HowToRead(
    "This is the image after resizing and cropping: all that the model gets to see.",
    "Look for details that are gone: what is not in this picture cannot change the answer.",
    "It does not show what the model makes of the image, nor which parts matter to it.",
)
PREDICTED_CLASSES = HowToRead(
    "Each position has the colour of the class that the model predicts there.",
    "Point at a position to read its class; the outline or the cross marks where the score is read.",
    "It does not show how sure the model is: a narrow lead and a wide one have the same colour.",
)
PREDICTED_VALUES = HowToRead(
    "Each position has the colour of the number that the model gives there.",
    "The scale beside the picture says which colour is which number; point at a position for its exact value.",
    "It does not show how certain these numbers are, nor which pixels led to them.",
)


def near(what: str) -> HowToRead:
    """Of the values round the chosen ``pixel`` or ``position``."""
    return HowToRead(
        f"Each cell is one {what} round the chosen one, with its exact value.",
        "The colours are those of the whole picture; the cross marks the chosen one.",
        "It does not show averages, as the large picture may: one cell can differ much from the next.",
    )


def saliency(method: MethodName, view: View, field: Field, target: Target) -> HowToRead:
    """Of what a method makes of the input gradient, in one view; for a method other than the plain gradient by its
    card."""
    if method != PLAIN:
        card = card_of(method)
        limits = _first_sentence(card.limits)
        colours = method_words.colours(method, field, target)
        return HowToRead(_first_sentence(card.shows), colours, f"It does not show {limits[0].lower()}{limits[1:]}")
    score = target.noun
    if view.each_channel:
        return HowToRead(
            f"Each picture is one channel of the image: how the {score} changes with that channel alone.",
            f"{_RED}: more of it there raises the {score}; {_BLUE}: more of it lowers the {score}.",
            "It does not show what a large change would do, nor a change of all channels at once.",
        )
    if not field.signed:
        return HowToRead(
            f"Each pixel is as bright as the {score} is sensitive to a small change of that pixel.",
            f"{SEQUENTIAL.high.capitalize()}: a small change moves the {score} a lot; {SEQUENTIAL.low}: hardly at all.",
            f"It does not show whether the {score} rises or falls, nor how much of it is due to the pixel.",
        )
    return HowToRead(
        f"Each pixel says how the {score} changes if that pixel becomes a little brighter.",
        f"{_RED}: brighter there raises the {score}; {_BLUE}: brighter lowers it; pale: hardly any change.",
        f"It does not show what a large change would do, nor how much of the {score} is due to the pixel.",
    )


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=\.) ", text, maxsplit=1)[0]


# --------------------------------------------------------------------------------------------------- inside the network

ACTIVATION = HowToRead(
    "Each cell is one number that this layer computed from the image.",
    "A strong colour is a strong response; the mark stands on the chosen unit.",
    "It does not show why the layer responds there, nor whether the response matters to the answer.",
)
CHANNEL_GRADIENT = HowToRead(
    "Each cell is a slope: how the score changes when this one number of the layer grows a little.",
    f"{_RED}: a larger number there raises the score; {_BLUE}: it lowers it; exactly 0: it does not reach the score.",
    "It does not show what a large change would do, nor which pixels the number depends on.",
)
GALLERY = HowToRead(
    "Each tile is one of the strongest responses at this place, and how it changes with each pixel.",
    f"{_RED}: brighter there raises the response; {_BLUE}: brighter lowers it; all tiles share one scale.",
    "It does not show which of them matter to the answer: a strong response may count for nothing.",
)
ONE_CHANNEL = HowToRead(
    "This is one tile of the sheet, enlarged: one cell for each value.",
    "The colours are those of the sheet; the cross marks the chosen position.",
    "It does not show what the channel stands for: one image cannot tell that.",
)
STRIP = HowToRead(
    "Each point is one layer output, in order of execution: how strongly the score depends on it.",
    "High is strong, on a scale of powers of ten; a gap says that no gradient arrives there.",
    "It does not show which layer matters most: the numbers of different layers have different units.",
)
GRADIENT_FLOW = HowToRead(
    "Each point is one layer output, in order of execution: how large its gradient and its activation are.",
    "Look for steps down by powers of ten, for gaps, and for tall bars: units that are zero everywhere.",
    "It does not show which layer matters most: the numbers of different layers have different units.",
)
PARAMETERS = HowToRead(
    "Each point is one tensor of parameters: how large its gradient is, and how large it is itself.",
    "A gap says that no gradient arrives there: training by this score would leave it as it is.",
    "It does not show how far training would move it: that depends on the step as well.",
)


def unit_gradient(solid: bool) -> HowToRead:
    """Of the input gradient of one unit; ``solid`` where its receptive field is drawn."""
    outside = "; outside the solid box no pixel can change it" if solid else ""
    return HowToRead(
        "Each pixel says how one unit inside the model changes if that pixel becomes a little brighter.",
        f"{_RED}: brighter there raises the unit; {_BLUE}: brighter lowers it{outside}.",
        "It does not show what the unit responds to on other images, nor whether it matters to the answer.",
    )


def sheet(kind: str) -> HowToRead:
    """Of all channels of a layer output in one kind of map.

    Raises:
        ValueError: there is no such kind.
    """
    return HowToRead(*map_kind(kind).how_to_read)


# ------------------------------------------------------------------------------------------------------------ matrices

JACOBIAN = HowToRead(
    "Each cell is one derivative: how the output of its row changes with the input of its column.",
    f"{_RED}: the output rises with that input; {_BLUE}: it falls; read along a row for one output.",
    "It does not show what a large change would do: the matrix is another one at another image.",
)
JACOBIAN_ROW = HowToRead(
    "Each place says how one output changes with a small change there, its channels added up.",
    f"{_RED}: an increase there raises the output; {_BLUE}: it lowers the output.",
    "It does not show how the channels differ: where they have opposite signs, their sum is small.",
)
SENSITIVITIES = HowToRead(
    "Each point is one output: to first order, the most that a change of length 1 can change it.",
    "High points are easily moved; the ring or the line marks the output that is chosen.",
    "It does not show which change that is, nor whether one would ever meet it in a photo.",
)
SPECTRUM = HowToRead(
    "Each point is how much the matrix stretches one direction, largest first.",
    "A steep fall says that few directions matter: the outputs react to little else.",
    "It does not show what the directions look like, nor what a large change would do.",
)
DIRECTION = HowToRead(
    "This is the small change that moves the outputs most, drawn over the places it changes.",
    f"{_RED} and {_BLUE} are opposite changes; strong colours are changed most.",
    "It does not show a change that a camera would see, nor how far the outputs move.",
)

# ------------------------------------------------------------------------------------------------ changes of the image

BEFORE = HowToRead(
    "This is the image that the model gets before the change.",
    "Compare it with the one after: the same pixel is marked in both.",
    "It does not show the photo as it was taken: it is resized and cropped for the model.",
)
AFTER = HowToRead(
    "This is the image after the change, exactly as the model got it.",
    "Compare it with the one before: often no difference can be seen, and the answer changes all the same.",
    "It does not show every way to change the answer: this is one small change among many.",
)
DIFFERENCE = HowToRead(
    "Each pixel is after minus before, magnified until it can be seen.",
    f"{_RED}: this pixel became brighter; {_BLUE}: it became darker.",
    "It does not show how large the change looks: the scale beside it says how far it is magnified.",
)
PREDICTED_AND_ACTUAL = HowToRead(
    "The lines say how much the score changes with a step of each size: as predicted, and in fact.",
    "Where the lines part, the gradient at the original image is no longer a good guide.",
    "It does not show other directions: the step goes along this gradient only.",
)
BEFORE_AND_AFTER = HowToRead(
    "Each pair of bars is one class: what the model gave it before the change and after.",
    "Look for a class that overtakes the first one: there the answer has changed.",
    "It does not show whether the model is right, nor what another change would do.",
)
CLASSES = HowToRead(
    "Each bar is one class: what the model gives it for this image.",
    "The longest bar is the prediction; the strong colour marks the class whose score is explained.",
    "It does not show whether the model is right: a sure answer can be wrong.",
)

# --------------------------------------------------------------------------------------------------------- step by step

FORWARD_VALUES = HowToRead(
    "Each cell is one number at this step of the forward pass.",
    "A strong colour is a large number; the scale beside it says how large.",
    "It does not show which of these numbers matter to the score: that is what the way back is for.",
)
BACKWARD_VALUES = HowToRead(
    "Each cell says how the score changes with one number at this step.",
    f"{_RED}: a larger number there raises the score; {_BLUE}: it lowers the score.",
    "It does not show how large the numbers themselves are, nor what a large change would do.",
)
_LESSONS = {
    "heatmap": HowToRead(
        "Each cell is one number that the code of this step computed.",
        f"{_RED} is above zero, {_BLUE} below, white is zero; point at a cell for its value.",
        "It does not show a rule for all models: these are the numbers of this one run.",
    ),
    "tiles": HowToRead(
        "Each tile is one channel of an array that the code of this step computed.",
        f"{_RED} is above zero, {_BLUE} below, white is zero; all tiles share one scale.",
        "It does not show a rule for all models: these are the numbers of this one run.",
    ),
    "bars": HowToRead(
        "Each bar is one number that the code of this step computed.",
        "Compare heights within one place; a gap means that a number is missing.",
        "It does not show a rule for all models: these are the numbers of this one run.",
    ),
    "lines": HowToRead(
        "Each line is a row of numbers that the code of this step computed.",
        "Follow one line from left to right, then compare it with the other at the same place.",
        "It does not show what happens between the marked points, nor beyond them.",
    ),
}


def lesson(kind: str) -> HowToRead:
    """Of a picture of a lesson."""
    return _LESSONS[kind]
