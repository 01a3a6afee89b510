"""Attention and gradient of a transformer: where it looks, and what more looking would do to the score."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradviz_core.drawing import captions, fields
from gradviz_core.drawing.captions import Caption
from gradviz_core.drawing.how_to_read import HowToRead
from gradviz_core.drawing.screen.seen import seen
from gradviz_core.story import asked, figures
from gradviz_core.story.maps import same_place
from gradviz_core.story.told import Ask, Computed, Explore, Shown, Slider, Subject, Told, claim
from gradviz_core.types import (
    FloatArray,
    GradientAnswer,
    GradientQuestion,
    ModelCard,
    TokensAnswer,
    TokensQuestion,
    keys,
)
from gradviz_core.types.colour_scales import DIVERGING, SEQUENTIAL
from gradviz_core.types.tokens import AttentionLayer

STAR = Subject(keys.preset("shapes-vit"), keys.sample("star"))
"""A transformer that has learnt something, and a picture it is sure about."""
BLOCKS, FIRST = (1, 2, 3, 4), 4
MOST = 8
"""So many of the patches with the most attention are looked at."""
_ATTENTION = HowToRead(
    "Each patch is as bright as the share of the attention that the class token pays to it.",
    f"{SEQUENTIAL.high.capitalize()}: the class token takes much from there; all shares and its own add up to 1.",
    "It does not show whether what it takes raises the score or lowers it, nor for which class.",
)
_SLOPE = HowToRead(
    "Each patch says how the score would change if every head paid it a little more attention.",
    f"{DIVERGING.high.capitalize()}: more attention there raises the score; {DIVERGING.low}: it lowers the score.",
    "It does not show how much attention the patch gets, nor what a large change of it would do.",
)


class Facts(NamedTuple):
    """What is claimed of one block: of the class token's attention to the patches, (rows, columns), and its slopes."""

    held: float
    """Share of the attention that goes to the ``MOST`` patches with the most."""
    against: int
    """At so many of these more attention would lower the score."""
    spent: float
    """Share of all attention to patches that goes where more of it would lower the score."""
    slope: float
    """At the patch with the most attention."""
    steepest: float
    """The largest magnitude of a slope."""


def tell(ask: Ask, subject: Subject, block: int = FIRST) -> Told:
    """The attention of one block over the picture, and the slope of the score in it; of a star, whichever photo the
    rest of the story uses."""
    card, tokens = asked.card(ask, STAR), ask(TokensQuestion(model=STAR.model, image=STAR.image))
    answer = ask(GradientQuestion(model=STAR.model, image=STAR.image, wrt=tuple(layer.site for layer in tokens.layers)))
    layer = tokens.layers[block - 1]
    weights, slopes = of_class_token(answer, tokens, layer)
    now = facts(weights, slopes)
    share, number, label = captions.share_text, captions.number_text, answer.prediction[0].label
    return Told(
        f"{share(now.held)} of the attention goes to {MOST} of {weights.size} patches. At {now.against} of these "
        f"{MOST}, more attention would lower the score of {label}.",
        "This view uses a small transformer and a picture of a star. It cuts the picture into patches. In "
        f"{len(tokens.layers)} blocks a class token gathers from them what the score is then read from. Attention says "
        f"how much it takes from each, whichever class one asks about. The gradient is that of the score of {label}: "
        f"more attention to a {DIVERGING.high} patch would raise it, to a {DIVERGING.low} patch lower it, to a pale "
        f"one hardly change it. {share(now.spent)} of the attention in {_named(block, layer)} goes where more would "
        f"lower the score. In the box, the patch with the most, the slope is {number(now.slope, 2)}; the largest "
        f"magnitude is {number(now.steepest)}.",
        (
            Computed(
                "Left: the weights A of the class token for patch j, the mean over the H heads. They come from a "
                "softmax, so that with the token's own weight they add up to 1.",
                r"\frac{1}{H} \sum_h A_{h,j}",
            ),
            Computed(
                "Right: how the score z changes if the weights of all heads for this patch grow by the same small "
                "amount, and no other weight changes.",
                r"\sum_h \frac{\partial z}{\partial A_{h,j}}",
            ),
            Computed(
                f"The shares: of the attention to all patches, what the {MOST} patches with the most get, and what the "
                "patches with a negative slope get.",
                rf"{asked.number(now.held)}, \quad {asked.number(now.spent)}",
            ),
        ),
        _pictures(answer, card, weights, slopes, _named(block, layer)),
        Explore(
            "feature-maps",
            (("model", STAR.model), ("image", STAR.image), ("maps", "heads"), ("attention_layer", str(layer.site))),
        ),
    )


def _named(block: int, layer: AttentionLayer) -> str:
    """``block 4 (layers.3.attention)``: which one, counted from 1 as the slider does, and its name in the model."""
    return f"block {block} ({layer.site.path})"


def of_class_token(
    answer: GradientAnswer, tokens: TokensAnswer, layer: AttentionLayer
) -> tuple[FloatArray, FloatArray]:
    """The class token's attention to each patch, the mean over heads, and the slope of the score in it; (rows, columns)
    each.

    Raises:
        NotSo: the layer has no class token, or its patches are not known.
    """
    claim(len(layer.extra) == 1 and layer.windows == 1, "a transformer has one class token, which sees all patches")
    patches = tokens.arrays[f"keys/{layer.site}"][0]
    there = patches >= 0
    found = []
    for array in (answer.activations[layer.site][0].mean(axis=0), answer.gradients[layer.site][0].sum(axis=0)):
        over = np.zeros(layer.rows * layer.columns, array.dtype)
        over[patches[there]] = array[layer.extra[0]][there]
        found.append(over.reshape(layer.rows, layer.columns))
    return found[0], found[1]


def facts(weights: FloatArray, slopes: FloatArray) -> Facts:
    """Of the attention to each patch, and the slope in it.

    Raises:
        NotSo: more attention raises the score wherever the class token looks.
    """
    most = weights.ravel().argsort()[::-1][:MOST]
    every = float(weights.sum(dtype=np.float64))
    lower = slopes < 0
    found = Facts(
        float(weights.ravel()[most].sum(dtype=np.float64)) / every,
        int(lower.ravel()[most].sum()),
        float(weights[lower].sum(dtype=np.float64)) / every,
        float(slopes.ravel()[most[0]]),
        float(np.abs(slopes).max()),
    )
    claim(found.against > 0, "a transformer attends to patches although more attention there would lower the score")
    return found


def _pictures(
    answer: GradientAnswer, card: ModelCard, weights: FloatArray, slopes: FloatArray, block: str
) -> tuple[Shown, Shown]:
    picture, label = seen(answer.arrays), answer.prediction[0].label
    row, column = map(int, np.unravel_index(weights.argmax(), weights.shape))
    box = same_place((row, column), weights.shape, picture.size)
    unit, score = f"{captions.score_unit(answer.target)} per unit of attention", answer.target.words(card.labels)
    attention, slope = (
        fields.field(weights, signed=False, unit="attention"),
        fields.field(slopes, signed=True, unit=unit),
    )
    grid = f"{weights.shape[0]}×{weights.shape[1]} patches"
    return (
        Shown(
            f"Where the class token looks in {block}",
            figures.patches(attention, picture, box),
            Caption(
                f"The attention of the class token in {block}, the mean over heads, over the picture.",
                r"\frac{1}{H} \sum_h A_{h,j}",
                (grid, "attention", captions.scale_text(attention)),
                _ATTENTION,
            ),
        ),
        Shown(
            f"How the score of {label} changes with that attention",
            figures.patches(slope, picture, box),
            Caption(
                f"How {score} changes with the attention that the class token pays to each patch in {block}.",
                r"\sum_h \frac{\partial z}{\partial A_{h,j}}",
                (grid, unit, captions.scale_text(slope)),
                _SLOPE,
            ),
        ),
    )


SLIDER = Slider(
    "story_block",
    "Block",
    "of 4",
    "The blocks of the transformer, in order of execution; the score is read after the last.",
    BLOCKS,
    FIRST,
    tell,
)
