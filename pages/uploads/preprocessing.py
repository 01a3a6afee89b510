"""How an image becomes the input of an uploaded model: in words, and as a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

import streamlit as st

from gradviz_core.drawing import captions, slice_words
from gradviz_core.errors import QuestionError
from gradviz_core.types import Preprocessing
from pages.shell.words import plain
from pages.uploads import bands, number_lists

MOST_SIDE = 4096
"""Largest side that can be asked for; the cost is judged apart."""
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_PRESETS: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "ImageNet": _IMAGENET,
    "0 to 1": ((0.0,), (1.0,)),
    "−1 to 1": ((0.5,), (0.5,)),
    "0 to 255": ((0.0,), (1 / 255,)),
}
"""Mean and standard deviation of the usual ranges; one number stands for every channel."""
_OWN = "Other"
_FILTERS = {"bilinear": "Bilinear", "bicubic": "Bicubic", "nearest": "Nearest", "box": "Box"}
_ORDERS = {"rgb": "RGB", "bgr": "BGR"}
_CROP, _SQUEEZE = "crop", "squeeze"
_FITS = {_CROP: "Cut the centre", _SQUEEZE: "Squeeze"}


def facts(made: Preprocessing) -> tuple[str, ...]:
    """Each step in words; what they mean stands under the picture."""
    said = slice_words.facts(made) if made.slices else captions.seen(made).facts
    return (*(fact.partition(":")[0] for fact in said), f"{made.interpolation} interpolation")


def form(start: Preprocessing, fixed: tuple[int | None, int | None], name: str) -> Preprocessing:
    """The form, filled with ``start``. A side in ``fixed`` is the model's own and cannot be changed. ``name`` tells
    this form from others.

    Raises:
        QuestionError: what was entered is no preprocessing; the sentence says why.
    """
    channels = len(start.mean)
    fit = st.segmented_control(
        "Fit",
        list(_FITS),
        default=_SQUEEZE if start.resize is None else _CROP,
        format_func=_FITS.__getitem__,
        required=True,
        key=f"{name}_fit",
        wrap=True,
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        resize = _side(
            "Shorter side resized to", start.resize or max(start.size), None, f"{name}_resize", off=fit == _SQUEEZE
        )
        height = _side("Input height", start.size[0], fixed[0], f"{name}_height")
        width = _side("Input width", start.size[1], fixed[1], f"{name}_width")
    if any(fixed):
        st.caption("The exported model fixes the size of its input.")
    mean, std, standardised = bands.numbers(start, name) if start.banded else (*_range(start, name), False)
    number = "number in the file" if start.banded else "pixel / 255"
    if not standardised:
        st.caption(f"The input is ({number} − mean) / standard deviation, with one number for each channel.")
    shown = bands.shown(start, name) if start.banded else ()
    with st.container(horizontal=True):
        interpolation = st.selectbox(
            "Interpolation",
            list(_FILTERS),
            index=list(_FILTERS).index(start.interpolation),
            format_func=_FILTERS.__getitem__,
            key=f"{name}_interpolation",
        )
        order = st.segmented_control(
            "Order of the colours",
            list(_ORDERS),
            default=start.channels,
            format_func=_ORDERS.__getitem__,
            required=True,
            key=f"{name}_order",
            disabled=channels != 3,
        )
    return _checked(
        Preprocessing(
            size=(height, width),
            resize=None if fit == _SQUEEZE else resize,
            mean=number_lists.read(mean, "mean", channels),
            std=number_lists.read(std, "standard deviation", channels),
            interpolation=cast(Literal["bilinear", "bicubic", "nearest", "box"], interpolation),
            channels=cast(Literal["rgb", "bgr"], order),
            standardised=standardised,
            shown=shown,
            slices=start.slices,
            slices_first=start.slices_first,
        )
    )


def _side(label: str, value: int, fixed: int | None, key: str, *, off: bool = False) -> int:
    number = st.number_input(
        label, 1, MOST_SIDE, min(fixed or value, MOST_SIDE), key=key, disabled=off or fixed is not None, width=168
    )
    return fixed or number


def _range(start: Preprocessing, name: str) -> tuple[str, str]:
    """Mean and standard deviation as they were entered: those of a usual range, or one's own.

    One control and no buttons: of several clicks in one breath the last one counts, whereas the browser sends buttons
    together and in no order.
    """
    channels = len(start.mean)
    ranges = {
        words: (mean * (channels // len(mean)), std * (channels // len(std)))
        for words, (mean, std) in _PRESETS.items()
        if channels % len(mean) == 0
    }
    first = next((words for words, numbers in ranges.items() if numbers == (start.mean, start.std)), _OWN)
    chosen = st.segmented_control(
        "Range of the input", [*ranges, _OWN], default=first, required=True, key=f"{name}_range", wrap=True
    )
    if chosen != _OWN:
        mean, std = map(number_lists.listed, ranges[chosen])
        st.caption(plain(f"Mean {mean}; standard deviation {std}"))
        return mean, std
    return number_lists.enter(start, name)


def _checked(made: Preprocessing) -> Preprocessing:
    """Raises QuestionError where every image would have black edges, or a channel would be divided by nothing."""
    if made.resize is not None and made.resize < min(made.size):
        raise QuestionError(
            f"The shorter side is resized to {made.resize}, but the input is {made.size[0]}×{made.size[1]}: the edges "
            f"would be black. Resize to {min(made.size)} or more."
        )
    if any(v <= 0 for v in made.std):
        raise QuestionError(
            f"The standard deviation {_short(made.std)} contains a number that is not above 0. Enter positive "
            "numbers; 1 leaves the values unchanged."
        )
    return made


def _short(values: tuple[float, ...]) -> str:
    return ", ".join(f"{v:.3g}" for v in values)
