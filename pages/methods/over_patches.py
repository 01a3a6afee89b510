"""What stands on Input saliency for a method over attention: its map of the patches, and the tokens that are none."""

from __future__ import annotations

from gradviz_core.drawing import cam_figures, captions, fields, method_words, token_words
from gradviz_core.drawing.captions import number_text
from gradviz_core.drawing.screen.seen import seen
from gradviz_core.types import INPUT, GradientAnswer, ModelCard, TokensQuestion
from gradviz_core.types.attention import blocks
from gradviz_core.types.methods import card_of
from gradviz_core.types.tokens import TokenNumbers
from pages.shell import asking, pixel, saliency
from pages.shell.panel import Picture
from pages.shell.pixel import Pixel

MOST = 12
"""Tokens beside the map whose numbers are shown."""


def draw(answer: GradientAnswer, card: ModelCard, opacity: float, spot: Pixel | None) -> Picture:
    """The map over the image, a square for each patch, with an outline round the one at the chosen pixel. A click
    chooses the pixel in the middle of a patch."""
    method, options, tokens = answer.question.method, answer.question.options, _tokens(answer)
    field = fields.field(
        answer.attributions[INPUT][0, 0],
        signed=method_words.is_signed(method, options),
        unit=captions.gradient_unit(answer.target, INPUT, method, options, card.preprocessing),
    )
    figure = cam_figures.over_image(
        field,
        seen(answer.arrays),
        opacity=opacity,
        chosen=None if spot is None else tokens.centres.patch(spot, tokens.rows, tokens.columns),
        centres=tokens.centres,
        smooth=False,
        height=saliency.HEIGHT,
    )
    words = token_words.over_patches(method, options, answer.target, card.labels, field, tokens)
    return Picture(figure, words, pixel.click)


def facts_of(answer: GradientAnswer) -> tuple[tuple[str, str], ...]:
    """Where the map is largest, and the numbers of the tokens that are no patches."""
    tokens, found = _tokens(answer), answer.attributions[INPUT][0, 0]
    row, column = divmod(int(found.argmax()), tokens.columns)
    largest = f"patch row {row}, column {column}" if found.any() else ""
    beside = list(tokens.apart.items())
    more = f"{len(beside) - MOST} more" if len(beside) > MOST else ""
    return (
        ("largest at", largest),
        *((f"token {at} (not a patch)", number_text(number, 3)) for at, number in beside[:MOST]),
        ("tokens that are not patches", more),
    )


def facts_at(answer: GradientAnswer, spot: Pixel) -> tuple[tuple[str, str], ...]:
    """The patch at a pixel, and its number."""
    tokens = _tokens(answer)
    row, column = tokens.centres.patch(spot, tokens.rows, tokens.columns)
    value = float(answer.attributions[INPUT][0, 0, row, column])
    return ((f"patch row {row}, column {column}", number_text(value, 4)),)


def blocks_of(answer: GradientAnswer) -> tuple[str, ...]:
    """The names of the blocks, for the program of a method that reads the score at each of them."""
    question = answer.question
    if not any("$blocks" in line for line in card_of(question.method).code):
        return ()
    asked = TokensQuestion(model=question.model, image=question.image, seed=question.seed)
    return blocks([layer.site for layer in asking.ask(asked, "Looking for the attention layers …").layers])


def _tokens(answer: GradientAnswer) -> TokenNumbers:
    assert answer.tokens is not None, "a method over attention says which tokens there are"
    return answer.tokens
