"""The captions of attention weights, and of their products with the gradient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from gradviz_core.drawing.cam_figures import CELLS
from gradviz_core.drawing.captions import Caption, scale_text
from gradviz_core.drawing.head_figures import MOST, HeadMap
from gradviz_core.drawing.how_to_read import HowToRead
from gradviz_core.types import AttendingAnswer, Field
from gradviz_core.types.attending import MEAN
from gradviz_core.types.colour_scales import DIVERGING, SEQUENTIAL
from gradviz_core.types.patches import PADDING
from gradviz_core.types.sites import site_name

What = Literal["weights", "products"]
QUANTITIES: Mapping[str, str] = {"weights": "Attention", "products": "Gradient × attention"}
_RED, _BLUE = DIVERGING.high.capitalize(), DIVERGING.low
_WEIGHTS = HowToRead(
    "Each square is a patch: how much of it goes into the token that asks, in this head.",
    f"{SEQUENTIAL.high.capitalize()}: the token attends strongly to this patch; {SEQUENTIAL.low}: hardly at all.",
    "It does not show what is done with it: a large weight may carry nothing that matters to the score.",
)
_PRODUCTS = HowToRead(
    "Each square is a patch: its weight times how the score changes with that weight.",
    f"{_RED}: attention to this patch supports the score; {_BLUE}: it speaks against it.",
    "It does not show what a large change would do: it is the slope at these weights.",
)


def unit(what: What, answer: AttendingAnswer) -> str:
    """``attention weight``, or the unit of the score."""
    return "attention weight" if what == "weights" else answer.target.unit()


def one(answer: AttendingAnswer, labels: Sequence[str], number: int, head: int, what: What, field: Field) -> Caption:
    """Under the row of one head, over the image."""
    layer, asks = answer.layers[number], query(answer, number)
    place = f"head {head} of {site_name(layer.site)}"
    window = " Only the patches of its window are coloured." if _is_window(answer, number) else ""
    weight = rf"A_{{{head},{_symbol(answer, number)},p}}"
    if what == "weights":
        sentence, formula = f"How much {asks} attends to each patch in {place}.", weight
    else:
        words, score = answer.target.words(labels), answer.target.symbol(labels)
        sentence = f"Attention of {asks} to each patch in {place}, times how {words} changes with it."
        formula = rf"{weight} \frac{{\partial {score}}}{{\partial {weight}}}"
    return Caption(
        f"{sentence}{window} Click a patch to see what it attends to.",
        formula,
        (f"{layer.rows}×{layer.columns} patches", unit(what, answer), scale_text(field)),
        _WEIGHTS if what == "weights" else _PRODUCTS,
    )


def strip(
    answer: AttendingAnswer,
    labels: Sequence[str],
    what: What,
    field: Field,
    number: int,
    maps: Sequence[HeadMap],
    *,
    each: bool,
    named: bool,
) -> Caption:
    """Under the small ``maps`` of heads; ``named`` where layer and head stand above each."""
    scale = "each divided by its own largest magnitude" if each else f"all on one scale, {scale_text(field)}"
    asks = query(answer, number)
    weights = f"Attention weights of {asks}"
    if what == "products":
        weights = f"Attention weights of {asks} times how {answer.target.words(labels)} changes with them"
    where = (
        "Above each map stand its layer and its head, counted from 0."
        if named
        else "Point at a map to read layer and head."
    )
    left_out = sum(not layer.windows for layer in answer.layers)
    missing = (f"{left_out} layers are left out: which token is which patch is not known there",) if left_out else ()
    layers = sorted({one.layer for one in maps})
    return Caption(
        f"{weights}: a row for each of {len(layers)} attention layers in order of execution, a column for each "
        f"head, {scale}. {where} Click one to see it large.{_of_too_many(answer, maps)}",
        "",
        (f"resampled to {CELLS}×{CELLS} cells (nearest patch)", *missing),
        HowToRead(
            "Each tile is one head: the attention of one token over the image. The first row is nearest to the image.",
            "Look for heads that agree on the object, and for those that look elsewhere or at everything alike.",
            "It does not show which head matters: choose gradient × attention for what the score depends on.",
        ),
    )


def _of_too_many(answer: AttendingAnswer, maps: Sequence[HeadMap]) -> str:
    """A sentence on the heads that are not drawn, because they are too many."""
    total = sum(layer.heads for layer in answer.layers if layer.windows)
    if len(maps) == total:
        return ""
    first, last = maps[0].layer, maps[-1].layer
    layers = f"layers {first} to {last}" if first < last else f"layer {first}"
    return (
        f" {len(maps)} of {total} heads are drawn, from attention {layers}, as not more than {MOST} fit at once. "
        "Choose another attention layer to see the heads near it."
    )


def query(answer: AttendingAnswer, number: int) -> str:
    """The token that asks in a layer, in words."""
    asked = answer.queries[number]
    layer, patch = answer.layers[number], answer.patch_of(number)
    if asked == MEAN:
        usual = answer.question.token is None and layer.windows > 0
        return "the mean over all tokens" + (" (none of them is a class token)" if usual else "")
    if not layer.windows:
        return f"token {asked}"
    if patch is not None:
        return f"token {asked} (patch row {patch[0]}, column {patch[1]})"
    is_padding = answer.arrays[f"queries/{layer.site}"][asked] == PADDING
    return f"token {asked} ({'padding' if is_padding else 'a class token or a register'})"


def _symbol(answer: AttendingAnswer, number: int) -> str:
    asked = answer.queries[number]
    return r"\cdot" if asked == MEAN else str(asked)


def _is_window(answer: AttendingAnswer, number: int) -> bool:
    return answer.layers[number].windows > 1 and answer.queries[number] != MEAN
