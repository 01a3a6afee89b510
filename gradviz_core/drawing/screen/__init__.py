"""Answers reduced to what a screen can show, so that pages stay small.

An answer about an image of 4096×4096 pixels has hundreds of megabytes, and a screen shows at most a million of its
values. So a worker sends what will be drawn: each picture with at most ``blocks.MOST_SIDE`` cells along a side, and
with it the exact values that a page states about the whole array and around the chosen position. A small answer is sent
unchanged: those about all presets, images of ImageNet's sizes, and most layers.

Whatever is left of any of them has at most ``MOST_BYTES`` of arrays and
``MOST_TEXT`` of text; what has more is an error that says so. The whole arrays are in the answer itself, for the
library and for downloads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradviz_core.drawing import fields, method_words
from gradviz_core.drawing.fields import Scale
from gradviz_core.drawing.screen import one_slice, outputs, over_input, seen, site_maps
from gradviz_core.drawing.screen.arrays import MARK, Made, put_blocks, put_means, put_window
from gradviz_core.drawing.screen.arrays import is_coarse as is_coarse
from gradviz_core.drawing.screen.over_input import OverInput as OverInput
from gradviz_core.drawing.screen.seen import Seen as Seen
from gradviz_core.drawing.screen.site_maps import SiteMaps as SiteMaps
from gradviz_core.errors import QuestionError
from gradviz_core.types import (
    INPUT,
    Answer,
    Arrays,
    AttendingAnswer,
    CamsAnswer,
    GradientAnswer,
    OutputAnswer,
    PerturbationAnswer,
    RandomisedAnswer,
    Site,
    SpectrumAnswer,
    SurveyAnswer,
    TokensAnswer,
    UnitsAnswer,
)
from gradviz_core.types.blocks import MOST_WHOLE, of_largest, side, taken
from gradviz_core.types.cards import Preprocessing
from gradviz_core.types.looks import Look
from gradviz_core.types.methods import METHODS

MOST_BYTES = 20_000_000
"""Of the arrays of an answer on its way to a page. The largest that must travel whole is a Jacobian of four million
numbers (16 MB); four arrays over an input of 600×600 pixels have 14."""
THUMBNAILS = 10
"""Of maps that are drawn small, a side has so much fewer cells than ``MOST_SIDE``."""
MOST_TEXT = 4_000_000
"""Of what an answer says beside its arrays: names of layers, shapes, labels. Those of a model with a thousand layers
have a third of a megabyte."""


def fit(answer: Answer, look: Look) -> Answer:
    """The answer with no more values than a screen can show, for the given look; the answer itself if it is small.

    Raises:
        QuestionError: even so it has more than ``MOST_BYTES``; or a part of it cannot be drawn.
    """
    if not _is_large(answer):
        return answer
    fitted = replace(answer, arrays=_CUT.get(type(answer), _as_it_is)(answer, look))
    if (size := weight(fitted.arrays)) > MOST_BYTES:
        raise QuestionError(
            f"The pictures of this answer take {size / 1e6:.0f} MB; the limit is {MOST_BYTES / 1e6:g} MB. Ask "
            "for fewer layer outputs, or fewer rows."
        )
    return replace(fitted, arrays={**fitted.arrays, MARK: np.array(weight(answer.arrays))})


def units_within(rows: int, columns: int) -> int:
    """How many units' gradients by an input of that size, in three channels, are asked for together: six, or as many
    as an answer about an upload may hold."""
    return max(1, min(6, MOST_WHOLE // (3 * 4 * rows * columns)))


def units_of_slices(steps: Preprocessing) -> int:
    """The same of a volume or a clip, whose gradients travel whole; 0 where the model takes one picture."""
    return max(1, min(6, MOST_BYTES // (4 * math.prod(steps.input_shape)))) if steps.slices else 0


def takes_parts(rows: int, columns: int, *, squares: bool, values: int | None = None) -> bool:
    """Whether the sums of a part of a long sum can travel, over an input of that size in three channels, or over a
    layer output with so many ``values``: they go whole or not at all, for which pixel of a block is largest is known
    only of the finished sum."""
    each = 4 + 4 + 8 + (8 if squares else 0)
    values = 3 * rows * columns if values is None else values
    return side(rows, columns) == 1 and 3 * rows * columns + each * values <= MOST_BYTES


def check_text(length: int) -> None:
    """Refuse an answer with too many bytes of text beside its arrays.

    Raises:
        QuestionError: it does.
    """
    if length > MOST_TEXT:
        raise QuestionError(
            f"The texts of this model, such as the names of its layers and labels, take {length / 1e6:.1f} MB; the "
            f"limit is {MOST_TEXT / 1e6:g} MB. Choose a model with fewer layers or shorter names."
        )


def weight(arrays: Arrays) -> int:
    """Bytes of all arrays together."""
    return sum(array.nbytes for array in arrays.values())


def _is_large(answer: Answer) -> bool:
    pictures = [_picture_of(name, array) for name, array in answer.arrays.items()]
    return weight(answer.arrays) > MOST_BYTES or any(side(*picture) > 1 for picture in pictures if picture)


def _picture_of(name: str, array: np.ndarray) -> tuple[int, int] | None:
    """Rows and columns of a picture over the input or over an output; None for anything else."""
    match array.shape:
        case (rows, columns, 3) if name in ("pixels", "after"):
            return rows, columns
        case (_, _, rows, columns) if name in ("gradient", "gradients") or name.endswith(f"/{INPUT}"):
            return rows, columns
        case (rows, columns) if name in ("classes", "scores"):
            return rows, columns
    return None


# ---------------------------------------------------------------------------------------------------- family by family


def _gradient(answer: GradientAnswer, look: Look) -> Made:
    """The picture; the attribution, else the gradient, at the input; and what is drawn of one site inside."""
    if answer.question.part is not None:
        raise QuestionError("The sums over a picture of this size are too large to travel. Ask for the whole answer.")
    made = one_slice.whole(answer) if answer.pixels.ndim == 4 else _over_picture(answer, look)
    inside = [site for site in answer.question.wrt if site != INPUT]
    if len(inside) > 1:
        raise QuestionError(
            f"{len(inside)} layer outputs of this size are too many to draw together. Ask for one at a time."
        )
    for site in inside:
        made |= _inside(answer, site, look)
    return made


def _over_picture(answer: GradientAnswer, look: Look) -> Made:
    made = seen.fit(answer.pixels, "pixels", look)
    made |= {name: array for name, array in answer.arrays.items() if name.startswith("tokens/")}
    if INPUT in answer.attributions:
        name = f"attribution/{INPUT}"
        made |= over_input.fit(answer.attributions[INPUT], name if name in answer.arrays else f"gradient/{INPUT}", look)
    return made


def _inside(answer: GradientAnswer, site: Site, look: Look) -> Made:
    """What is drawn of one site: value and gradient, or what the method makes of them."""
    name = f"attribution/{site}"
    if name not in answer.arrays:
        return site_maps.made(answer.activations[site], answer.gradients.get(site), look)
    if METHODS[answer.question.method].one_map:
        signed = method_words.is_signed(answer.question.method, answer.question.options)
        return _one_map(answer.arrays[name], name, look, signed=signed)
    return site_maps.made(answer.arrays[name], None, look)


def _one_map(array: np.ndarray, name: str, look: Look, *, signed: bool) -> Made:
    """A map of one channel; where it has too many rows or columns the largest number of each block, and the exact ones
    round the position that is looked at."""
    made: Made = {name: _smaller(array, 1)}
    if made[name] is not array:
        plane = array[0].squeeze(0 if array.shape[1] == 1 else 2)
        block = side(*plane.shape)
        scale = Scale.of(fields.field(plane, signed=signed))
        put_blocks(made, name, of_largest(plane, block, block), scale)
        if look.means:
            put_means(made, name, plane)
        put_window(made, name, plane, (look.place[0], look.place[1]) if len(look.place) == 2 else None)
    return made


def _units(answer: UnitsAnswer, look: Look) -> Made:
    small = {name: answer.arrays[name] for name in ("channels", "values")}
    return small | over_input.fit_gallery(answer.arrays["gradients"], "gradients", look)


def _survey(answer: SurveyAnswer, look: Look) -> Made:
    return seen.fit(answer.pixels, "pixels", look)


def _tokens(answer: TokensAnswer | AttendingAnswer, look: Look) -> Made:
    numbers = {name: array for name, array in answer.arrays.items() if name != "pixels"}
    return numbers | seen.fit(answer.pixels, "pixels", look)


def _perturbation(answer: PerturbationAnswer, look: Look) -> Made:
    """Both pictures, their difference, the curves, and the gradient round the pixel that is looked at."""
    pictures = {"pixels", "after", "gradient"}
    made: Made = {name: array for name, array in answer.arrays.items() if name not in pictures}
    gradient = answer.arrays["gradient"]
    difference = answer.after.astype(np.float32) - answer.pixels
    planes = difference.transpose(2, 0, 1)[None, : gradient.shape[1]]
    made |= seen.fit(answer.pixels, "pixels", look) | seen.fit(answer.after, "after", look)
    return made | over_input.fit(gradient, "gradient", look) | over_input.fit(planes, "difference", look)


def _randomised(answer: RandomisedAnswer, look: Look) -> Made:
    """The other map at the input, and how alike it is."""
    name = f"attribution/{answer.question.wrt}"
    if answer.question.wrt != INPUT:
        return dict(answer.arrays)
    numbers = {each: answer.arrays[each] for each in ("similarity", "ranges", "largest")}
    return numbers | over_input.fit(answer.arrays[name], name, look)


def _spectrum(answer: SpectrumAnswer, look: Look) -> Made:
    """The singular values, and of their vectors the first, which alone are drawn."""
    vectors = {name: np.ascontiguousarray(answer.arrays[name][:1]) for name in ("left", "right")}
    return {"singular_values": answer.arrays["singular_values"], **vectors}


def _cams(answer: CamsAnswer, look: Look) -> Made:
    """Of each map with rows and columns the largest number of each block; the others as they are."""
    return {name: _smaller(array, THUMBNAILS) for name, array in answer.arrays.items()}


def _smaller(array: np.ndarray, share: int) -> np.ndarray:
    """A map of one channel with at most ``MOST_SIDE`` cells along a side, or that number divided by ``share``."""
    if array.ndim != 4:
        return array
    axis = 1 if array.shape[1] == 1 else 3
    plane = array[0].squeeze(axis - 1)
    rows, columns = plane.shape
    if (block := side(rows, columns, share)) == 1:
        return array
    blocks = of_largest(plane, block, block)
    assert blocks.picked is not None
    return np.expand_dims(taken(plane, blocks.picked), (0, axis))


def _output(answer: OutputAnswer, look: Look) -> Made:
    return outputs.fit_boxes(answer.arrays) if "boxes" in answer.arrays else outputs.fit_map(answer.arrays)


def _as_it_is(answer: Answer, look: Look) -> Made:
    """A few numbers for each layer, parameter or row: what is too much of them is refused."""
    return dict(answer.arrays)


_CUT: Mapping[type[Answer], Callable[[Any, Look], Made]] = {
    GradientAnswer: _gradient,
    UnitsAnswer: _units,
    CamsAnswer: _cams,
    SurveyAnswer: _survey,
    TokensAnswer: _tokens,
    AttendingAnswer: _tokens,
    PerturbationAnswer: _perturbation,
    RandomisedAnswer: _randomised,
    SpectrumAnswer: _spectrum,
    OutputAnswer: _output,
}
"""Those that can be drawn with fewer numbers; the others go as they are."""
