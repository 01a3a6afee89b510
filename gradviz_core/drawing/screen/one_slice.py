"""Answers about a volume or a clip, one slice of which is drawn: then they are as those about a picture.

They come to the page whole, so that another slice is drawn without asking again; ``MOST_SLICE_BYTES`` keeps them small.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from gradviz_core.drawing.screen.arrays import Made
from gradviz_core.types import INPUT, Arrays, GradientAnswer, SurveyAnswer, UnitsAnswer
from gradviz_core.types.cards import Preprocessing

A = TypeVar("A", GradientAnswer, SurveyAnswer, UnitsAnswer)


def whole(answer: GradientAnswer) -> Made:
    """What is needed of a large answer: the pictures, and what the method makes of the input; of the gradient's own
    answer the gradient."""
    made, own = f"attribution/{INPUT}", f"gradient/{INPUT}"
    name = made if made in answer.arrays else own
    return {each: answer.arrays[each] for each in ("pixels", name) if each in answer.arrays}


def strongest(answer: GradientAnswer, steps: Preprocessing) -> int:
    """The slice where the map over the input has the largest L2 norm; the middle one where it is zero everywhere."""
    made = f"attribution/{INPUT}"
    found = _slices_first(answer.arrays[made if made in answer.arrays else f"gradient/{INPUT}"], steps)
    norms = np.sqrt(np.square(found, dtype=np.float64).sum(axis=(1, 2, 3)))
    return int(np.nanargmax(norms)) if np.nanmax(norms, initial=0) > 0 else steps.slices // 2


def sliced(answer: A, steps: Preprocessing, number: int) -> A:
    """The answer as if it were about the picture that this slice is; all slices of a map over the input stay beside it,
    for they have one scale.

    An answer about a picture is left as it is.
    """
    if not steps.slices:
        return answer
    return replace(answer, arrays={**_sliced(answer.arrays, steps, number), "slice": np.array(number)})


def with_picture(answer: GradientAnswer, steps: Preprocessing, number: int) -> GradientAnswer:
    """The answer about a layer output, with this slice as its picture; one about a picture is left as it is."""
    if not steps.slices:
        return answer
    return replace(answer, arrays={**answer.arrays, "pixels": answer.pixels[number]})


def _sliced(arrays: Arrays, steps: Preprocessing, number: int) -> Arrays:
    made: Made = {}
    for name, array in arrays.items():
        if name == "pixels" and array.ndim == 4:
            made[name] = array[number]
        elif name == "gradients" and array.ndim == 5:
            made[name] = np.moveaxis(array, steps.slice_axis, 0)[number]
        elif name.endswith(f"/{INPUT}") and array.ndim == 5:
            every = _slices_first(array, steps)
            made[f"slices/{name}"], made[name] = every, every[number][None]
        else:
            made[name] = array
    return made


def _slices_first(array: np.ndarray, steps: Preprocessing) -> np.ndarray:
    """(D, C, H, W) of an array over the input."""
    return np.moveaxis(array[0], steps.slice_axis - 1, 0)
