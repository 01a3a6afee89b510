"""Draws the controls that a card declares; each is an entry of one choice in the address: ``set=power=3,size=5``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import streamlit as st

from gradviz_core.types.controls import AnyControl, Choice, Named, Number, applies, value_text
from pages.shell import address, widgets

MOST_BESIDE = 4
"""A choice with more options than this is drawn as a drop-down list."""
WIDTH = 160
"""Pixels of a slider."""
LIST = 190
"""Pixels of a list."""
NAMED = 270
"""Pixels of a list of images or layer outputs, whose names are long."""
Names = Mapping[Literal["image", "layer"], Mapping[str, str]]
"""What a control may name: the key of each image and the text of each layer output, and its words."""


def refuse_others(parameter: str, controls: Sequence[AnyControl], owner: str, word: str) -> None:
    """Refuse an entry of the address that belongs to none of the ``controls``. ``owner`` and ``word`` are for the
    error: ``Occlusion`` has no ``option`` of that name.

    Raises:
        NoSuchChoice: there is one.
    """
    known = [control.name for control in controls]
    for name in address.entries(parameter):
        if name not in known:
            rule = f"Choose one of {', '.join(known)}" if known else "It has none: leave it out"
            raise address.NoSuchChoice(f"{owner} has no {word} {name[:60]!r}. {rule}.", parameter)


def draw(
    parameter: str, controls: Sequence[AnyControl], *, width: int = WIDTH, names: Names | None = None
) -> tuple[tuple[str, float | str], ...]:
    """Draw the controls, each slider as wide as ``width``; returns the value of each, numbers as floats. ``names`` is
    what there is to name.

    Raises:
        NoSuchChoice: the address holds a value that a control cannot have.
    """
    return tuple(
        (control.name, _value(f"{parameter}.{control.name}", control, width, names or {})) for control in controls
    )


def draw_applying(
    parameter: str, controls: Sequence[AnyControl], names: Names | None = None
) -> tuple[tuple[str, float | str], ...]:
    """The same of those that change something, given the values of those before them."""
    chosen: tuple[tuple[str, float | str], ...] = ()
    for control in controls:
        if applies(control, dict(chosen)):
            chosen += draw(parameter, (control,), names=names)
    return chosen


def undrawn(parameter: str, controls: Sequence[AnyControl]) -> tuple[tuple[str, float | str], ...]:
    """What the controls would have if they were drawn. A value that one cannot have is refused with the question."""
    return tuple((control.name, _said(f"{parameter}.{control.name}", control)) for control in controls)


def _said(name: str, control: AnyControl) -> float | str:
    text = address.read(name)
    if not isinstance(control, Number):
        return text or control.default
    if not text:
        return float(control.default)
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _value(name: str, control: AnyControl, width: int, names: Names) -> float | str:
    match control:
        case Named():
            return _named(name, control, names.get(control.what, {}))
        case Choice():
            words = {option.value: option.label for option in control.options}
            words = {control.default: words[control.default]} | words
            if len(words) <= MOST_BESIDE:
                return widgets.option(control.label, name, words, control.meaning)
            with st.container(width=LIST):
                return widgets.listed(control.label, name, words, control.meaning)
        case Number(whole=True):
            steps = range(int(control.low), int(control.high) + 1, int(control.step))
            chosen = widgets.slider(
                control.label, name, steps, int(control.default), control.meaning, unit=control.unit, width=width
            )
            return float(chosen)
        case Number():
            return widgets.decimal(
                control.label,
                name,
                control.low,
                control.high,
                control.step,
                control.default,
                control.meaning,
                unit=control.unit,
                width=width,
            )


def _named(name: str, control: Named, known: Mapping[str, str]) -> str:
    """A list of what there is. What the address names stands in it too: the answer says whether it is there."""
    words = {control.default: known.get(control.default) or value_text(control, control.default), **known}
    chosen = address.read(name, control.default)
    words.setdefault(chosen, value_text(control, chosen))
    with st.container(width=NAMED):
        return widgets.listed(control.label, name, words, control.meaning)
